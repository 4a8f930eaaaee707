/**
 * Layer 3: the routes that the plugin mounts: `GET /tasks/:id`, `GET /tasks/:id/events`, and `DELETE /tasks/:id`.
 */
import { hash } from 'node:crypto'
import fastifyEtag from '@fastify/etag'
import { fastifySSE } from '@fastify/sse'
import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import * as errors from '../errors.ts'
import { recordChanges } from '../tasks/record-changes.ts'
import { isTerminal } from '../records/task-record.ts'
import { documenting } from './openapi.ts'
import { cancelHeaders, cancelSchema, compilers, eventsHeaders, eventsSchema, statusHeaders, statusSchema } from './schemas.ts'
import type { FoundTask, TaskRegistry } from '../tasks/registry.ts'
import type { RoutesOptions, TaskRecord } from '../types.ts'

type IdRequest = FastifyRequest<{ Params: { id: string } }>

/** Longest long poll, in seconds: proxies give up after about as long. */
const MAX_WAIT = 60
const HEARTBEAT = 15_000
/** A client that reads so slowly that this many bytes wait for it is dropped. */
const MAX_BACKLOG = 1_048_576

/** The routes of one registry, for `fastify.register(routes, { prefix })`. */
export function makeRoutes (registry: TaskRegistry, { onRequest, preHandler, cancel }: RoutesOptions): FastifyPluginAsync {
  return async function taskRoutes (fastify) {
    registry.path = fastify.prefix
    const own = (headers: Parameters<typeof documenting>[1]): object => ({
      // Arrays of its own for each route: plugins push into them.
      onRequest: [onRequest ?? []].flat(),
      preHandler: [preHandler ?? []].flat(),
      // The app's as it is then: it may be set after this plugin.
      errorHandler: (error: any, request: FastifyRequest, reply: FastifyReply) => fastify.errorHandler(error, request, reply),
      ...compilers,
      config: { swaggerTransform: documenting(registry, headers) }
    })
    const closing = new AbortController()
    fastify.addHook('preClose', async () => closing.abort()) // a close waits for what is open
    fastify.addHook('onRequest', (_request, reply, done) => {
      reply.header('cache-control', 'no-store')
      done()
    })
    await fastify.register(fastifyEtag) // 304; the ETag itself is ours
    await fastify.register(fastifySSE, { heartbeatInterval: HEARTBEAT })
    fastify.get('/:id', { ...own(statusHeaders), schema: statusSchema }, (request: IdRequest, reply) => status(registry, request, reply, closing.signal))
    fastify.get('/:id/events', { ...own(eventsHeaders), schema: eventsSchema, sse: 'only', exposeHeadRoute: false }, (request: IdRequest, reply) => events(registry, request, reply, closing.signal))
    if (cancel) mountCancel(fastify, registry, own(cancelHeaders))
  }
}

const etagOf = (record: TaskRecord): string => `"${hash('sha1', JSON.stringify(record), 'base64url')}"`

/** The record that this request may see. Throws FST_TASKS_NOT_FOUND: what is not to be seen is not there. */
async function see (registry: TaskRegistry, request: IdRequest): Promise<FoundTask> {
  const found = await registry.find(request.params.id)
  return await ifVisible(registry, request, found)
}

/** At once, where there is nobody to ask. */
function ifVisible (registry: TaskRegistry, request: IdRequest, found: FoundTask | null): FoundTask | Promise<FoundTask> {
  const { id } = request.params
  if (!found) throw new errors.TaskNotFound(id)
  const definition = registry.definitions.get(found.record.name)
  return definition?.options.authorize ? ifAuthorized(definition.options.authorize.call(definition.instance, request, found.record), found) : found
}

async function ifAuthorized (authorized: boolean | Promise<boolean>, found: FoundTask): Promise<FoundTask> {
  if (!await authorized) throw new errors.TaskNotFound(found.record.id)
  return found
}

/** The route that is asked most: no promise more than it needs. */
function status (registry: TaskRegistry, request: IdRequest, reply: FastifyReply, closing: AbortSignal): Promise<TaskRecord> {
  return registry.find(request.params.id).then(found => {
    const visible = ifVisible(registry, request, found)
    const wait = waitOf(request)
    if (visible instanceof Promise || wait !== null) return answerLater(registry, visible, wait, request, reply, closing)
    return answer(registry, visible, visible.record, reply, closing)
  })
}

async function answerLater (registry: TaskRegistry, visible: FoundTask | Promise<FoundTask>, wait: number | null, request: IdRequest, reply: FastifyReply, closing: AbortSignal): Promise<TaskRecord> {
  const found = await visible
  if (wait === null) return answer(registry, found, found.record, reply, closing)
  reply.header('preference-applied', `wait=${wait}`)
  const known = request.headers['if-none-match'] ?? etagOf(found.record)
  const signal = AbortSignal.any([closing, AbortSignal.timeout(wait * 1_000), gone(reply)])
  return answer(registry, found, await nextChange(registry, found.record, known, signal), reply, closing)
}

function answer (registry: TaskRegistry, { delayedTo }: FoundTask, record: TaskRecord, reply: FastifyReply, closing: AbortSignal): TaskRecord {
  if (closing.aborted) reply.header('connection', 'close') // kept alive, it would hold up the close
  reply.header('etag', etagOf(record))
  if (!isTerminal(record.state)) reply.header('retry-after', retryAfter(record, delayedTo, registry.clock.now()))
  return record
}

/** RFC 7240: seconds; null without the preference. */
function waitOf ({ headers: { prefer } }: IdRequest): number | null {
  const match = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,9})/i.exec(String(prefer ?? ''))
  return match ? Math.min(Number(match[1]), MAX_WAIT) : null
}

/** Aborted once the client has gone; it may have, while it was looked whether it may see the task. */
function gone ({ raw }: FastifyReply): AbortSignal {
  if (raw.destroyed || (raw as { stream?: { destroyed: boolean } }).stream?.destroyed) return AbortSignal.abort() // stream: HTTP/2
  const controller = new AbortController()
  raw.once('close', () => controller.abort())
  return controller.signal
}

/** The first record that is another than the one with this ETag; the last that was seen where the signal came first. */
async function nextChange (registry: TaskRegistry, record: TaskRecord, known: string, signal: AbortSignal): Promise<TaskRecord> {
  let last = record
  try {
    for await (last of recordChanges(registry, record.id, signal, record.queue)) if (etagOf(last) !== known) break
  } catch (error) {
    if (!signal.aborted) throw error
  }
  return last
}

/** Seconds after which it makes sense to ask again; at least one, at most an hour. */
function retryAfter ({ state }: TaskRecord, delayedTo: number | undefined, now: number): string {
  const ms = state === 'delayed' && delayedTo !== undefined ? delayedTo - now : 0
  return String(Math.min(3_600, Math.max(1, Math.ceil(ms / 1_000))))
}

async function events (registry: TaskRegistry, request: IdRequest, reply: FastifyReply, closing: AbortSignal): Promise<unknown> {
  const { record } = await see(registry, request)
  if (isTerminal(record.state) && request.headers['last-event-id'] === eventIdOf(record)) return reply.code(204).send()
  const signal = AbortSignal.any([closing, gone(reply)])
  // Now, and not with the first event: who knows the present state already is connected too.
  reply.sse.sendHeaders()
  reply.raw.flushHeaders()
  try {
    for await (const change of recordChanges(registry, record.id, signal, record.queue)) push(reply, change)
  } catch (error) {
    // The head has been sent: an end is all that can be told. The client comes back, with its last id.
    if (!signal.aborted) request.log.warn({ err: error }, 'The stream of a task ended early')
  }
}

const eventIdOf = (record: TaskRecord): string => etagOf(record).slice(1, -1)

function push (reply: FastifyReply, record: TaskRecord): void {
  const id = eventIdOf(record)
  if (id === reply.sse.lastEventId) return
  if (reply.raw.writableLength > MAX_BACKLOG) return void reply.raw.destroy()
  // Not waited for: with a client that has gone it would be for ever.
  reply.sse.send({ id, data: record }).catch(() => {})
}

function mountCancel (fastify: FastifyInstance, registry: TaskRegistry, hooks: object): void {
  fastify.delete('/:id', { ...hooks, schema: cancelSchema }, async (request: IdRequest, reply) => {
    const { id, queue } = (await see(registry, request)).record
    const outcome = await registry.cancel(id, queue)
    if (outcome === 'unknown') throw new errors.TaskNotFound(id)
    if (outcome === 'finished') throw new errors.TaskFinished(id)
    return reply.code(outcome === 'requested' ? 202 : 200).send((await see(registry, request)).record)
  })
}
