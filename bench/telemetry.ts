/**
 * npm run bench:telemetry: what telemetry, debug lines and hooks cost a task while there are none, beside the CPU that
 * a worker spends on a task.
 *
 * The checks of one task are made in a loop, interleaved with an empty loop, median of several rounds. A task pays for
 * its own claim and settlement here; in a batch it pays for a part of them.
 */
import Fastify from 'fastify'
import { pino } from 'pino'
import { AppHooks } from '../lib/hooks/app-hooks.ts'
import tasks from '../lib/plugin.ts'
import * as telemetry from '../lib/telemetry.ts'
import { debugFields } from '../lib/worker/debug-log.ts'
import { startRedis } from '../scripts/redis.ts'
import { poll } from '../scripts/poll.ts'
import { median } from './stats.ts'

const CALLS = 2_000_000
const ROUNDS = 7
const TASKS = 20_000

const log = pino({ level: 'info' })
const enqueue = async (): Promise<null> => null
const event = (): telemetry.EnqueueEvent => ({ instance: '1', name: 'work', ids: [], count: 1 })
const noHooks = new AppHooks().of(Fastify(), {})
let seen = 0

function checksOfOneTask (): void {
  if (telemetry.attemptsAreTraced()) seen++
  if (telemetry.claims.hasSubscribers) seen++
  if (telemetry.settlements.hasSubscribers) seen++
  if (debugFields(log, () => ({ event: 'claim.made' }))) seen++
  if (debugFields(log, () => ({ event: 'claim.settled' }))) seen++
  if (noHooks()) seen++
}

/** In ns a call. */
function time (call: (i: number) => void): number {
  const start = process.hrtime.bigint()
  for (let i = 0; i < CALLS; i++) call(i)
  return Number(process.hrtime.bigint() - start) / CALLS
}

function checks (): number[] {
  const rounds: number[] = []
  for (let i = 0; i < ROUNDS; i++) {
    const empty = time(i => { seen = i })
    rounds.push(time(i => { seen = i; checksOfOneTask() }) - empty)
  }
  return rounds
}

/** An enqueue that does nothing, by way of telemetry and directly. */
function traced (): number[] {
  const rounds: number[] = []
  for (let i = 0; i < ROUNDS; i++) {
    const direct = time(() => void enqueue())
    rounds.push(time(() => void telemetry.traceEnqueue(event, enqueue)) - direct)
  }
  return rounds
}

/** CPU of an embedded worker, in µs a task. */
async function workerCpu (): Promise<number> {
  const redis = await startRedis()
  const app = Fastify()
  try {
    await app.register(tasks, { redis: redis.url })
    app.tasks.define('work', () => null)
    await app.ready()
    const items = Array.from({ length: 1_000 }, () => ({}))
    for (let i = 0; i < TASKS; i += items.length) await app.tasks.enqueueMany('work', items)
    const before = process.cpuUsage()
    await app.tasks.startWorker({ concurrency: 10 })
    await poll('all tasks end', 60_000, async () => (await app.tasks.counts()).default!.succeeded === TASKS)
    const { user, system } = process.cpuUsage(before)
    return (user + system) / TASKS
  } finally {
    await app.close()
    await redis.stop()
  }
}

const cpu = await workerCpu()
const worker = median(checks())
const producer = median(traced())
const percent = worker / 10 / cpu
console.log(`worker: ${worker.toFixed(1)} ns of the ${cpu.toFixed(1)} µs of a task, ${percent.toFixed(3)} %`)
console.log(`enqueue: ${producer.toFixed(1)} ns a call`)
if (seen < 0) console.log('never: keeps the loops from being left out')
