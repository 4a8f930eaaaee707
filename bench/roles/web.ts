/** The web process: our routes, or the same routes with a single ioredis call in each. */
import { randomUUID } from 'node:crypto'
import Fastify, { type FastifyInstance } from 'fastify'
import { Redis } from 'ioredis'
import { recordSchema } from '../../lib/routes/schemas.ts'
import tasks from '../../lib/plugin.ts'
import { TASK } from '../work.ts'
import type { TaskRecord } from '../../lib/types.ts'

/** Ours, ours without the context of requests, and routes without the plugin. */
export type Kind = 'ours' | 'noContext' | 'bare'

const postOptions = { schema: { response: { 202: recordSchema } } }
const otherSchema = { type: 'object', properties: { hello: { type: 'string' } } } as const
const getOptions = { schema: { response: { 200: recordSchema } } }

export async function web (kind: Kind, url: string): Promise<WebRole> {
  const app = await (kind === 'bare' ? bareApp(url) : oursApp(url, kind === 'ours'))
  app.get('/other', { schema: { response: { 200: otherSchema } } }, async () => ({ hello: 'world' }))
  return new WebRole(app, await app.listen({ port: 0, host: '127.0.0.1' }))
}

async function oursApp (redis: string, requestContext: boolean): Promise<FastifyInstance> {
  const app = Fastify({ logger: false, forceCloseConnections: true })
  await app.register(tasks, { redis, requestContext })
  const work = app.tasks.define(TASK)
  app.post('/enqueue', postOptions, async (request, reply) => reply.accepted(await work.enqueue(request.body)))
  return app
}

/** The smallest handwritten version: a script that stores and queues a task, and an HGET. */
async function bareApp (url: string): Promise<FastifyInstance> {
  const app = Fastify({ logger: false, forceCloseConnections: true })
  const lua = 'redis.call("HSET", KEYS[1], ARGV[1], ARGV[2]) return redis.call("LPUSH", KEYS[2], ARGV[1])'
  const scripts = { add: { lua, numberOfKeys: 2 } }
  const redis = new Redis(url, { scripts }) as Redis & { add (...args: string[]): Promise<number> }

  app.post('/enqueue', postOptions, async (request, reply) => {
    const id = randomUUID()
    const record = waiting(id)
    await redis.add('bare:jobs', 'bare:waiting', id, JSON.stringify({ record, data: request.body }))
    return reply.code(202).header('cache-control', 'no-store').header('location', `/tasks/${id}`).send(record)
  })

  app.get<{ Params: { id: string } }>('/tasks/:id', getOptions, async (request, reply) => {
    const text = await redis.hget('bare:jobs', request.params.id)
    reply.header('cache-control', 'no-store')
    return JSON.parse(text!).record
  })
  return app
}

/** A record like our tasks' records, so that the answers have the same length. */
const waiting = (id: string): TaskRecord => ({
  id,
  name: TASK,
  queue: 'default',
  state: 'waiting',
  stage: null,
  progress: null,
  attempt: 0,
  attempts: 1,
  priority: 'normal',
  enqueuedAt: new Date().toISOString(),
  dueAt: null,
  blockedBy: null,
  startedAt: null,
  finishedAt: null,
  schedule: null,
  flow: null,
  tags: [],
  result: null,
  error: null,
  failedAttempts: []
})

class WebRole {
  readonly #app: FastifyInstance
  readonly #address: string

  constructor (app: FastifyInstance, address: string) {
    this.#app = app
    this.#address = address
  }

  address (): string { return this.#address }

  /** Bytes in use after garbage collection. Needs node --expose-gc. */
  async memory (): Promise<{ heap: number, rss: number }> {
    for (let i = 0; i < 3; i++) {
      globalThis.gc!()
      await new Promise(resolve => setTimeout(resolve, 50))
    }
    const { heapUsed, external, rss } = process.memoryUsage()
    return { heap: heapUsed + external, rss }
  }

  close (): Promise<void> { return this.#app.close() }
}
