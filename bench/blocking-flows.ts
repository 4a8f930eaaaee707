/**
 * Rows of bench:blocking for flows of 10,000 members: an app writes, starts, settles, cancels, retries and sweeps them.
 */
import Fastify, { type FastifyInstance } from 'fastify'
import tasks, { chord, Unrecoverable } from '../lib/plugin.ts'
import { RedisQueue } from '../lib/store/redis/queue.ts'
import { poll } from '../scripts/poll.ts'
import type { Redis } from 'ioredis'
import type { FlowShape } from '../lib/types.ts'

const MEMBERS = 10_000
const WAIT = { timeout: 120_000 }
const PREFIX = 'flows'
const DONE = JSON.stringify({ data: { name: 'x' }, options: { timestamp: 1 }, status: 'succeeded', progress: null })

/** @param measure runs something, and keeps the longest call of each script */
export async function flows (
  redis: Redis, url: string, measure: (what: string, run: () => Promise<unknown>) => Promise<void>
): Promise<void> {
  const app = await appAt(url)
  const enqueue = (name: string, options = {}): ReturnType<FastifyInstance['tasks']['enqueueFlow']> =>
    app.tasks.enqueueFlow(chordOf(name), { resultTtl: 1_000, ...options })
  const waiting = await enqueue('x')
  await measure('a flow of 10,000 is cancelled', () => app.tasks.cancel(waiting.id))
  const settled = await enqueue('x')
  await settleUntold(new RedisQueue(redis, 'default', PREFIX))
  await measure('a sweep of 10,000 ends', async () => {
    await app.tasks.startWorker({ concurrency: 100 })
    await settled.result(WAIT)
  })
  await measure('a flow of 10,000', async () => (await enqueue('x')).result(WAIT))
  await measure('a flow of 10,000 is retried', async () => {
    const { id } = await enqueue('failing', { failFast: false })
    const ended = (state: string) => async (): Promise<boolean> => (await app.tasks.status(id))?.state === state
    await poll('the flow fails', WAIT.timeout, ended('failed'))
    isMended = true
    await app.tasks.retry(id)
    await poll('the flow succeeds', WAIT.timeout, ended('succeeded'))
  })
  await app.close()
}

let isMended = false

async function appAt (redis: string): Promise<FastifyInstance> {
  const app: FastifyInstance = Fastify()
  await app.register(tasks, { redis, prefix: PREFIX, routes: false, stallInterval: 1_000, history: false })
  app.tasks.define('x', async () => null)
  app.tasks.define('failing', async () => { if (!isMended) throw new Unrecoverable('not mended') })
  await app.ready()
  return app
}

function chordOf (task: string): FlowShape<any, any> {
  const member: any = { kind: 'signature', task, data: null, options: {} }
  return chord(Array.from({ length: MEMBERS - 1 }, () => member), member)
}

/** As a worker does that dies before it tells the flow. */
async function settleUntold (queue: RedisQueue): Promise<void> {
  for (let i = 1; ; i++) {
    const { jobs } = await queue.claim(200, `w.${i}`, false)
    const settlements = jobs.map(({ id, token }) =>
      ({ id, token, outcome: 'succeeded' as const, text: DONE, ms: 86_400_000 }))
    if (jobs.length === 0) return
    await queue.settle(settlements)
  }
}
