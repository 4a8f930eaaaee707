/**
 * `GET /tasks/:id`: the record of a task, with an ETag and Retry-After. With `Prefer: wait=20` a long poll.
 */
import type { FastifyReply } from 'fastify'
import * as errors from '../errors.ts'
import { isTerminal } from '../records/task-record.ts'
import { recordChanges } from '../tasks/record-changes.ts'
import { WaitEnd } from '../tasks/wait-end.ts'
import { clientDisconnect } from './client-disconnect.ts'
import { etagOf, isInIfNoneMatch } from './etag.ts'
import type { AppTasks } from '../tasks/app-tasks.ts'
import type { FoundTask } from '../tasks/found-task.ts'
import type { TaskRecord } from '../types.ts'
import { queueOf, type IdRequest, type RouteContext } from './route-context.ts'

/** The longest wait, in seconds: proxies give up after about as long. */
const MAX_WAIT_S = 60
/** The largest Retry-After, in seconds. */
const MAX_RETRY_AFTER_S = 3_600

type Answer = TaskRecord | FastifyReply

/** Throws FST_TASKS_NOT_FOUND. This route is called most, so it makes no promise that it does not need. */
export function getStatus (context: RouteContext, request: IdRequest, reply: FastifyReply): Promise<Answer> {
  const { registry } = context
  const { id } = request.params
  const wait = waitOf(request)
  if (request.query.queue !== undefined) return answerNamed(context, wait, request, reply)
  return registry.find(id).then(found => {
    const visible = registry.checkVisible(request, id, found)
    if (visible instanceof Promise || wait !== null) return answerLater(context, visible, wait, request, reply)
    return answer(context, visible, request, reply)
  }, error => {
    if (error instanceof errors.TaskIdAmbiguous) return answerNamed(context, wait, request, reply)
    throw error
  })
}

/** The task is in the queue that the request names, or the id is that of several tasks. */
function answerNamed (
  context: RouteContext, wait: number | null, request: IdRequest, reply: FastifyReply
): Promise<Answer> {
  const visible = context.registry.findVisible(request, request.params.id, queueOf(request))
  return answerLater(context, visible, wait, request, reply)
}

async function answerLater (
  context: RouteContext, visible: FoundTask | Promise<FoundTask>, wait: number | null, request: IdRequest,
  reply: FastifyReply
): Promise<Answer> {
  const found = await visible
  if (wait === null) return answer(context, found, request, reply)
  const changed = await nextChange(context, found, wait, request, reply)
  reply.header('preference-applied', `wait=${wait}`)
  return answer(context, changed, request, reply)
}

/**
 * The first record that the client does not have, or the last one that was read before the wait ended.
 * @param wait in seconds
 * @throws FST_TASKS_NOT_FOUND, FST_TASKS_TOO_MANY_WAITS, FST_TASKS_REDIS_UNAVAILABLE
 */
async function nextChange (
  context: RouteContext, found: FoundTask, wait: number, request: IdRequest, reply: FastifyReply
): Promise<FoundTask> {
  const { registry, closing, waits } = context
  const isKnown = isKnownTo(request, found.record)
  if (wait === 0 || isTerminal(found.record.state) || !isKnown(found.record)) return found
  const leave = waits.enter(request)
  const ends = new WaitEnd({ signals: [closing, clientDisconnect(reply)], ms: wait * 1_000 })
  try {
    const changed = await firstUnknown(registry, found, isKnown, ends.signal)
    // A copy: others wait for the same task, and hooks of the app may add to the record.
    const own = { ...changed, record: structuredClone(changed.record) }
    return await registry.checkVisible(request, request.params.id, own)
  } finally {
    ends.dispose()
    leave()
  }
}

function answer (
  { registry, closing }: RouteContext, { record, delayedTo }: FoundTask, { headers }: IdRequest, reply: FastifyReply
): Answer {
  // A connection that stays open holds up the close. HTTP/2 has no such header, and Node warns of it.
  if (closing.aborted && !('stream' in reply.raw)) reply.header('connection', 'close')
  const etag = etagOf(record)
  reply.header('etag', etag)
  if (!isTerminal(record.state)) reply.header('retry-after', retryAfter(delayedTo, registry.clock.now()))
  return isInIfNoneMatch(headers['if-none-match'], etag) ? reply.code(304).send() : record
}

/** The wait of the Prefer header (RFC 7240), in seconds. Null if there is none. */
function waitOf ({ headers: { prefer } }: IdRequest): number | null {
  if (prefer === undefined) return null
  const match = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,9})/i.exec(String(prefer))
  return match ? Math.min(Number(match[1]), MAX_WAIT_S) : null
}

/** Tells which records a client has: by If-None-Match, or the record at the time of the request. */
function isKnownTo ({ headers }: IdRequest, current: TaskRecord): (record: TaskRecord) => boolean {
  const header = headers['if-none-match'] || etagOf(current)
  return record => isInIfNoneMatch(header, etagOf(record))
}

async function firstUnknown (
  registry: AppTasks, found: FoundTask, isKnown: (record: TaskRecord) => boolean, signal: AbortSignal
): Promise<FoundTask> {
  let last = found
  try {
    for await (last of recordChanges(registry, found, signal)) {
      if (!isKnown(last.record)) break
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
  return last
}

/** When it makes sense to ask again: in seconds, at least 1. */
function retryAfter (delayedTo: number | undefined, now: number): string {
  const ms = delayedTo === undefined ? 0 : delayedTo - now
  return String(Math.min(MAX_RETRY_AFTER_S, Math.max(1, Math.ceil(ms / 1_000))))
}
