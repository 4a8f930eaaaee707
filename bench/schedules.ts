/**
 * Measures how late ticks of schedules are: three worker processes on one healthy Redis.
 * `npm run bench:schedules` prints the ms between the planned time and the handler's first line, and fails if 1 of 100
 * ticks is later than the bar. `-- --quick` measures for a shorter time.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import Fastify, { type FastifyInstance } from 'fastify'
import { percentile } from './stats.ts'
import tasks from '../lib/plugin.ts'
import { startRedis } from '../scripts/redis.ts'

const WORKERS = 3
const BAR_MS = 100
const SECONDS = process.argv.includes('--quick') ? 3 : 20
/** A full second. */
const START = Date.parse('2026-01-01T00:00:00Z')
const RUNS = [
  // `spread`: ms between two of them.
  { name: 'one schedule, every second', schedules: 1, spread: 0 },
  { name: '20 schedules, spread over each second', schedules: 20, spread: 50 },
  { name: '100 schedules, all at one time', schedules: 100, spread: 0 }
]

interface Run { schedule: string, late: number }

async function boot (worker: boolean): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(tasks, { worker: worker && { concurrency: 20 } })
  app.tasks.define('tick', (_data, { schedule }) => {
    process.send!({ schedule: schedule!.id, late: Date.now() - Date.parse(schedule!.plannedAt) } satisfies Run)
  })
  await app.ready()
  return app
}

async function startWorker (onRun: (run: Run) => void): Promise<ChildProcess> {
  const child = fork(process.argv[1]!, ['worker'])
  await once(child, 'message')
  child.on('message', onRun as (message: unknown) => void)
  return child
}

async function work (): Promise<void> {
  await boot(true)
  process.on('disconnect', () => process.exit())
  process.send!('ready')
}

async function main (): Promise<boolean> {
  const redis = await startRedis()
  process.env.REDIS_URL = redis.url
  let late: number[] = []
  const workers = await Promise.all(Array.from({ length: WORKERS }, () => startWorker(run => late.push(run.late))))
  const app = await boot(false)
  let passed = true
  try {
    console.log(`${WORKERS} workers, Node ${process.version}; ms late (bar: p99 at most ${BAR_MS})`)
    for (const { name, schedules, spread } of RUNS) {
      late = []
      const ids = Array.from({ length: schedules }, (_, i) => `s${i}`)
      for (const [i, id] of ids.entries()) {
        const startAt = START + i * spread
        await app.tasks.schedules.set(id, { task: 'tick', every: 1_000, startAt, overlap: 'allow' })
      }
      await sleep(SECONDS * 1_000)
      for (const id of ids) await app.tasks.schedules.remove(id)
      await sleep(200)
      const [p50, p99, max] = [percentile(late, 0.5), percentile(late, 0.99), percentile(late, 1)]
      console.log(`${name.padEnd(40)} ${String(late.length).padStart(5)} ticks  p50 ${p50}  p99 ${p99}  max ${max}`)
      passed &&= p99 <= BAR_MS
    }
  } finally {
    await app.close()
    for (const worker of workers) worker.disconnect()
    await redis.stop()
  }
  return passed
}

if (process.argv[2] === 'worker') await work()
else process.exit(await main() ? 0 : 1)
