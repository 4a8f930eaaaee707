/**
 * Measures how late, or early, delayed tasks start: three worker processes on one healthy Redis.
 * `npm run bench:delayed` prints the ms between the planned time and the handler's first line.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import Fastify, { type FastifyInstance } from 'fastify'
import tasks from '../lib/plugin.ts'
import { startRedis } from '../scripts/redis.ts'

const WORKERS = 3
const RUNS = [
  { name: 'spread: 3,000 over 3 s', count: 3_000, due: (i: number) => 1_000 + i },
  { name: 'sparse: 100 over 5 s', count: 100, due: (i: number) => 1_000 + i * 50 },
  { name: 'at once: 1,000 in one ms', count: 1_000, due: () => 1_500 }
]

async function boot (worker: boolean): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(tasks, { worker: worker && { concurrency: 20 } })
  app.tasks.define('now', worker ? () => Date.now() : undefined)
  await app.ready()
  return app
}

async function startWorker (): Promise<ChildProcess> {
  const child = fork(process.argv[1]!, ['worker'])
  await once(child, 'message')
  return child
}

async function work (): Promise<void> {
  await boot(true)
  process.on('disconnect', () => process.exit())
  process.send!('ready')
}

/** Lateness of each task in ms, sorted. */
async function measure (app: FastifyInstance, count: number, due: (i: number) => number): Promise<number[]> {
  const start = Date.now()
  const times = Array.from({ length: count }, (_, i) => start + due(i))
  const handles = await app.tasks.enqueueMany('now', times.map(delayUntil => ({ delayUntil })))
  const started = await Promise.all(handles.map(handle => handle.result({ timeout: 60_000 })))
  return started.map((startedAt, i) => startedAt as number - times[i]!).sort((a, b) => a - b)
}

async function main (): Promise<void> {
  const redis = await startRedis()
  process.env.REDIS_URL = redis.url
  const workers = await Promise.all(Array.from({ length: WORKERS }, startWorker))
  const app = await boot(false)
  try {
    console.log(`${WORKERS} workers, Node ${process.version}; ms late (negative: early)`)
    for (const { name, count, due } of RUNS) {
      const late = await measure(app, count, due)
      const percentile = (share: number): number => late[Math.min(count - 1, Math.floor(count * share))]!
      const [p50, p99] = [percentile(0.5), percentile(0.99)]
      console.log(`${name.padEnd(28)} earliest ${late[0]}  p50 ${p50}  p99 ${p99}  max ${late[count - 1]}`)
    }
  } finally {
    await app.close()
    for (const worker of workers) worker.disconnect()
    await redis.stop()
  }
}

await (process.argv[2] === 'worker' ? work() : main())
