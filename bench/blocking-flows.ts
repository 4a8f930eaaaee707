/**
 * Rows of bench:blocking for flows of 10,000 members: an app writes, starts, settles, cancels and sweeps them.
 */
import Fastify, { type FastifyInstance } from 'fastify'
import tasks, { chord } from '../lib/plugin.ts'
import { RedisQueue } from '../lib/store/redis/queue.ts'
import type { Redis } from 'ioredis'

const MEMBERS = 10_000
const member: any = { kind: 'signature', task: 'x', data: null, options: {} }
const CHORD = chord(Array.from({ length: MEMBERS - 1 }, () => member), member)
const WAIT = { timeout: 120_000 }
const PREFIX = 'flows'
const DONE = JSON.stringify({ data: { name: 'x' }, options: { timestamp: 1 }, status: 'succeeded', progress: null })

/** @param measure runs something, and keeps the longest call of each script */
export async function flows (
  redis: Redis, url: string, measure: (what: string, run: () => Promise<unknown>) => Promise<void>
): Promise<void> {
  const app = await appAt(url)
  const enqueue = (): ReturnType<FastifyInstance['tasks']['enqueueFlow']> =>
    app.tasks.enqueueFlow(CHORD, { resultTtl: 1_000 })
  const waiting = await enqueue()
  await measure('a flow of 10,000 is cancelled', () => app.tasks.cancel(waiting.id))
  const settled = await enqueue()
  await settleUntold(new RedisQueue(redis, 'default', PREFIX))
  await measure('a sweep of 10,000 ends', async () => {
    await app.tasks.startWorker({ concurrency: 100 })
    await settled.result(WAIT)
  })
  await measure('a flow of 10,000', async () => (await enqueue()).result(WAIT))
  await app.close()
}

async function appAt (redis: string): Promise<FastifyInstance> {
  const app: FastifyInstance = Fastify()
  await app.register(tasks, { redis, prefix: PREFIX, routes: false, stallInterval: 1_000, history: false })
  app.tasks.define('x', async () => null)
  await app.ready()
  return app
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
