/**
 * npm run chaos:schedules -- [--quick]: many processes with wrong clocks fire the ticks of the same schedules, while
 * they are killed, and Redis (appendfsync always) is killed and restarted.
 *
 * 0 doubled: no planned time has two tasks. 0 unaccounted: each planned time between the first and the last is fired,
 * skipped or missed, once.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { Random } from './random.ts'
import { ScheduleStore } from '../lib/schedules/schedule-store.ts'
import { RedisStore } from '../lib/store/redis/store.ts'
import { connect } from '../lib/store/redis/connection.ts'
import { defaults } from '../lib/options.ts'
import { startDependent, type DependentProcess } from '../scripts/dependent-process.ts'
import { startRedis } from '../scripts/redis.ts'
import type { StoredSpec } from '../lib/schedules/stored-spec.ts'

const quick = process.argv.includes('--quick')
const { processes, ticks, schedules, restarts } = quick
  ? { processes: 6, ticks: 1_000, schedules: 20, restarts: 2 }
  : { processes: 50, ticks: 10_000, schedules: 40, restarts: 6 }
const EVERY_MS = 200
const PREFIX = 'chaos'
/** Ends the run if ticks do not come. */
const LIMIT_MS = quick ? 40_000 : 280_000

const redis = await startRedis({ aof: true })
const random = new Random(Date.now())
const probe = new Redis(redis.url, { retryStrategy: () => 50 })
probe.on('error', () => {})
const connection = connect(redis.url, undefined)
connection.client.on('error', () => {})
const store = new RedisStore(connection, { ...defaults, prefix: PREFIX, redisTimeout: 10_000 } as any, console as any)
const kept = new ScheduleStore(store, () => undefined)
const ids = Array.from({ length: schedules }, (_, i) => `s${i}`)

/** Two of three let their tasks overlap; the tasks of the others never end, so that their ticks are skipped. */
const specOf = (i: number): StoredSpec => ({
  timing: { every: EVERY_MS, startAt: i },
  overlap: i % 3 === 0 ? 'skip' : 'allow',
  catchUpWindow: 0,
  jitter: 0,
  maxRuns: null,
  template: { name: 'x', queue: 'default', data: i, options: { attempts: 1 } }
})

async function startWorker (): Promise<DependentProcess> {
  const file = new URL('schedule-worker.js', import.meta.url).pathname
  const args = [file, redis.url, PREFIX, String(random.int(-9e8, 9e8))]
  return await startDependent(process.execPath, args, { onLine: () => {} })
}

async function statesNow (): Promise<any[]> {
  const all = await probe.hgetall(`${PREFIX}:{default}:scheduleStates`)
  return Object.values(all).map(text => JSON.parse(text))
}

const countOf = ({ fired = 0, skipped = 0, missed = 0 }: any): number => fired + skipped + missed
const total = (states: any[]): number => states.reduce((sum, state) => sum + countOf(state), 0)

// Run

const firsts = new Map<string, number>()
for (const [i, id] of ids.entries()) {
  await kept.put(id, specOf(i), { declared: false })
  firsts.set(id, JSON.parse((await probe.hget(`${PREFIX}:{default}:scheduleStates`, id))!).next)
}
const workers: DependentProcess[] = []
for (let i = 0; i < processes; i++) workers.push(await startWorker())
const end = Date.now() + LIMIT_MS
let [killed, restarted] = [0, 0]
for (let counted = 0; counted < ticks && Date.now() < end; counted = total(await statesNow())) {
  await sleep(500)
  const at = random.int(0, workers.length - 1)
  process.kill(workers[at]!.pid, 'SIGKILL')
  workers[at] = await startWorker()
  killed++
  if (counted < (restarted + 1) * ticks / (restarts + 1) || restarted === restarts) continue
  if (restarted % 2 === 0) await redis.kill()
  await redis.restart()
  restarted++
}
for (const id of ids) await kept.pause(id, (await kept.find(id))!.stored, store.queue('default'))
await Promise.all(workers.map(worker => worker.stop(500)))

// Audit

const taskIds = await probe.hkeys(`${PREFIX}:{default}:jobs`)
const planned = taskIds.map(id => `${id.split(':')[0]} ${parseInt(id.split(':')[2]!, 36)}`)
const doubled = planned.length - new Set(planned).size
const states = await probe.hgetall(`${PREFIX}:{default}:scheduleStates`)
let unaccounted = 0
for (const [id, text] of Object.entries(states)) {
  const state = JSON.parse(text)
  // The mark is the time of the last tick that was counted. If that was missed, a time between it and the next.
  const expected = Math.floor((state.mark - firsts.get(id)!) / EVERY_MS) + 1
  unaccounted += Math.abs(expected - countOf(state))
}
const all = Object.values(states).map(text => JSON.parse(text))
const fired = all.reduce((sum, { fired = 0 }) => sum + fired, 0)
const lost = fired - taskIds.length
const enough = total(all) >= ticks
console.log(`${total(all)} ticks of ${schedules} schedules, ${fired} fired; ` +
  `${processes} processes, ${killed} killed; Redis restarted ${restarted} times`)
console.log(`${doubled} doubled, ${unaccounted} unaccounted, ${lost} counted as fired without a task`)
probe.disconnect()
connection.client.disconnect()
await redis.stop()
process.exit(doubled === 0 && unaccounted === 0 && lost === 0 && enough ? 0 : 1)
