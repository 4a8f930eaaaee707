/**
 * What one task costs Redis while many workers of its queue are idle: `npm run bench:idle`, or `-- 1 200` for other
 * numbers of workers. `--write` puts the table into docs/internals/scaling.md.
 *
 * All workers are in this process. What they cost without a task is measured for as long before, and taken off.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import Fastify, { type FastifyInstance } from 'fastify'
import { Redis } from 'ioredis'
import tasks from '../lib/plugin.ts'
import { RedisQueue } from '../lib/store/redis/queue.ts'
import { table } from '../scripts/docs/markdown.ts'
import { startRedis } from '../scripts/redis.ts'
import { mainThreadCpu, redisVersion } from './info.ts'
import { machine, writeSection } from './section.ts'
import { median } from './stats.ts'

const SINGLE_TASKS = 400
const BURST = 50
const BURSTS = 5
/** A multiple of the 5 s after which every wait is renewed, in ms. */
const WINDOW = 10_000
/** Between two tasks, so that all workers are idle again, in ms. */
const PAUSE = 20
/** The bar: a task beside many idle workers may cost so many times what it costs beside the fewest. */
const MOST = 1.5

let version = ''

interface Usage { cpu: number, claims: number }
interface Cost { workers: number, cpu: number, claims: number, startMs: number, burstClaims: number, burstMs: number }

/** Claims without those of waits that nothing ended. */
let claims = 0

function countClaims (): void {
  const { claim, claimNext } = RedisQueue.prototype
  RedisQueue.prototype.claim = function (...args) {
    claims++
    return claim.apply(this, args)
  }
  RedisQueue.prototype.claimNext = async function (seconds, token) {
    const start = performance.now()
    const reply = await claimNext.call(this, seconds, token)
    if (reply.jobs.length > 0 || performance.now() - start < seconds * 1_000) claims++
    return reply
  }
}

/** µs of CPU of Redis' main thread, and how many claims were made. */
async function usageOf (redis: Redis): Promise<Usage> {
  return { cpu: await mainThreadCpu(redis) * 1_000, claims }
}

/** What was used during a run, less the CPU of as long a time without it, before and after. */
async function netUsage (redis: Redis, run: () => Promise<void>): Promise<Usage> {
  const used = async (act: () => Promise<unknown>): Promise<Usage> => {
    const before = await usageOf(redis)
    await Promise.all([act(), sleep(WINDOW)])
    const after = await usageOf(redis)
    return { cpu: after.cpu - before.cpu, claims: after.claims - before.claims }
  }
  const before = await used(async () => {})
  const busy = await used(run)
  const after = await used(async () => {})
  return { cpu: busy.cpu - (before.cpu + after.cpu) / 2, claims: busy.claims }
}

/** `started` has when each handler was called. */
async function measure (
  app: FastifyInstance, redis: Redis, started: Map<number, number>
): Promise<Omit<Cost, 'workers'>> {
  const waits: number[] = []
  const single = await netUsage(redis, async () => {
    for (let i = 0; i < SINGLE_TASKS; i++) {
      const sent = performance.now()
      await app.tasks.enqueue('x', i)
      await sleep(PAUSE)
      waits.push(started.get(i)! - sent)
    }
  })
  const ends: number[] = []
  const bursts = await netUsage(redis, async () => {
    for (let n = 1; n <= BURSTS; n++) {
      const data = Array.from({ length: BURST }, (_, i) => ({ data: n * 1_000 + i }))
      const sent = performance.now()
      await app.tasks.enqueueMany('x', data)
      await sleep(500)
      ends.push(Math.max(...data.map(item => started.get(item.data)!)) - sent)
    }
  })
  return {
    cpu: single.cpu / SINGLE_TASKS,
    claims: single.claims / SINGLE_TASKS,
    startMs: median(waits),
    burstClaims: bursts.claims / BURSTS,
    burstMs: median(ends)
  }
}

async function costOf (workers: number): Promise<Cost> {
  const server = await startRedis()
  const redis = new Redis(server.url)
  version = await redisVersion(redis)
  const app: FastifyInstance = Fastify()
  try {
    await app.register(tasks, { redis: server.url, redisTimeout: 30_000, resultTtl: 3_600_000, routes: false })
    const started = new Map<number, number>()
    app.tasks.define('x', async (n: number) => { started.set(n, performance.now()) })
    await app.ready()
    for (let i = 0; i < workers; i += 50) {
      const some = Math.min(50, workers - i)
      await Promise.all(Array.from({ length: some }, () => app.tasks.startWorker({ concurrency: 10 })))
    }
    return { workers, ...await measure(app, redis, started) }
  } finally {
    redis.disconnect()
    await app.close()
    await server.stop()
  }
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { write: { type: 'boolean', default: false } }
})
const counts = positionals.length > 0 ? positionals.map(Number) : [1, 100, 1_000]
const costs: Cost[] = []
countClaims()
for (const workers of counts) costs.push(await costOf(workers))
const [fewest] = costs
const head = [
  'Idle workers', 'µs of Redis a task', 'claims a task', 'started after ms', `claims for ${BURST} at once`,
  'all started after ms'
]
const rows = costs.map(({ workers, cpu, claims, startMs, burstClaims, burstMs }) =>
  [workers.toLocaleString('en'), cpu.toFixed(0), claims.toFixed(1), startMs.toFixed(1), burstClaims.toFixed(0),
    burstMs.toFixed(0)])
const text = [table([head, ...rows]), '', `Medians of ${SINGLE_TASKS} tasks and ${BURSTS} times ${BURST}; ` +
  `the enqueue and the settlement are in it. ${machine(version)}.`].join('\n')
console.log(text)
const dearest = Math.max(...costs.map(({ cpu }) => cpu / fewest!.cpu))
console.log(`at most ${dearest.toFixed(2)} times the cost beside ${fewest!.workers} (bar: ${MOST})`)
process.exitCode = dearest <= MOST ? 0 : 1
if (values.write) writeSection('docs/internals/scaling.md', 'idle', text)
