/**
 * Whose turn is next in a queue of a million waiting tasks: `npm run bench:turns`, or `-- 100000` for a shorter queue.
 * It fails if a bar is not met.
 *
 * Fair shares: one key has a million tasks. Another one enqueues a task. How many tasks are claimed up to that one?
 * Priority: a million normal tasks wait. A high one comes. How many are claimed before it? A low one too, among many
 * high ones.
 * Each call is timed: by CPU of Redis' main thread, and by SLOWLOG, in which other programs of the machine may take its
 * core. As in bench:blocking the bar is 10 ms of CPU, for the longest call in most of the slices of a run.
 */
import { parseArgs } from 'node:util'
import { Redis } from 'ioredis'
import { RedisQueue } from '../lib/store/redis/queue.ts'
import { startRedis } from '../scripts/redis.ts'
import { atMost, type Bar } from './bars.ts'
import { mainThreadCpu, redisVersion } from './info.ts'
import { machine } from './section.ts'
import { median } from './stats.ts'
import type { ClaimedJob, NewJob, Settlement } from '../lib/store/contract.ts'

const { positionals } = parseArgs({ allowPositionals: true })
const MANY = Number(positionals[0] ?? 1_000_000)
const CONCURRENCY = 100
/** Claims and outcomes of one round trip of the worker. */
const STEP = 20
/** Tasks of one enqueue. */
const BATCH = 500
const TRIALS = 30
/** Longer calls are in SLOWLOG, in µs. */
const SLOW = 1_000
const BAR_MS = 10
const SLICES = 5

const server = await startRedis()
const redis = new Redis(server.url)

const record = (status: string): string =>
  JSON.stringify({ data: { name: 'x', data: 'x'.repeat(89) }, options: { timestamp: 1, attempts: 1 }, status })
const CREATED = record('created')
const SUCCEEDED = record('succeeded')

/** The calls of each kind in their order, in ms of CPU. */
const calls = new Map<string, number[]>()

async function timed<T> (what: string, call: () => Promise<T>): Promise<T> {
  const before = await mainThreadCpu(redis)
  const reply = await call()
  const all = calls.get(what) ?? []
  all.push(await mainThreadCpu(redis) - before)
  calls.set(what, all)
  return reply
}

/** The longest of each slice, of five if there are as many calls. */
function longest (all: number[]): number[] {
  const size = Math.ceil(all.length / SLICES)
  const slices = Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size))
  return slices.map(slice => Math.max(...slice))
}

/** A queue with one worker that always has `CONCURRENCY` tasks. */
class Queue {
  readonly redisQueue: RedisQueue
  readonly #running: ClaimedJob[] = []
  readonly #laneOf: (id: string) => string | undefined
  #calls = 0

  constructor (name: string, laneOf: (id: string) => string | undefined) {
    this.redisQueue = new RedisQueue(redis, name, 'b')
    this.#laneOf = laneOf
  }

  async fill (count: number, prefix: string, level?: NewJob['level']): Promise<void> {
    for (let from = 0; from < count; from += BATCH) {
      const size = Math.min(BATCH, count - from)
      await this.add(Array.from({ length: size }, (_, i) => `${prefix}.${from + i}`), level)
    }
  }

  async add (ids: string[], level?: NewJob['level']): Promise<void> {
    const jobs = ids.map(id => ({ id, text: CREATED, lane: this.#laneOf(id), level }) as NewJob)
    await timed(`enqueue of ${ids.length}`, () => this.redisQueue.addMany(jobs))
  }

  /** Claims until the worker is full. Returns the ids in their order. */
  async claim (free = CONCURRENCY - this.#running.length): Promise<string[]> {
    const { jobs } = await timed('claim', () => this.redisQueue.claim(free, `w.${++this.#calls}`, false))
    this.#running.push(...jobs)
    return jobs.map(({ id }) => id)
  }

  async end (count: number): Promise<void> {
    const toSettlement = ({ id, token }: ClaimedJob): Settlement => {
      const lane = this.#laneOf(id)
      return { id, token, outcome: 'succeeded', text: SUCCEEDED, ms: 0, ...lane !== undefined && { lane } }
    }
    const batch = this.#running.splice(0, count).map(toSettlement)
    await timed('settle', () => this.redisQueue.settle(batch))
  }

  /** How many tasks are claimed up to this one, itself too. */
  async claimsUpTo (id: string, most: number, step = STEP): Promise<number> {
    for (let count = 0; count < most;) {
      await this.end(step)
      const ids = await this.claim()
      if (ids.includes(id)) return count + ids.indexOf(id) + 1
      count += ids.length
    }
    throw new Error(`${id} is not among the next ${most} tasks`)
  }
}

/** Tasks of a key are named `<key>.<number>`. */
const laneOf = (id: string): string => `x ${id.split('.')[0]!}`

async function fairShares (): Promise<Bar[]> {
  const queue = new Queue('fair', laneOf)
  const { redisQueue } = queue
  await redisQueue.lanes.declare('x', MANY, 1)
  await redisQueue.heartbeat('w', JSON.stringify({ concurrency: CONCURRENCY, x: 1 }), 600_000)
  await redisQueue.renew('w', 600_000)
  await queue.fill(MANY, 'large')
  await timed('sweep of keys', () => redisQueue.upkeep.sweepLanes())
  await queue.claim()
  const bars: Bar[] = []
  for (const keys of [1, 10, 50]) bars.push(await newcomers(queue, keys))
  await timed('counts', () => redisQueue.counts())
  await timed('page of waiting tasks', () => redisQueue.pageOf('waiting', 1_000))
  await timed('keys that wait', () => redisQueue.lanes.list(10))
  const middle = `large.${MANY >> 1}`
  await timed('cancel', () => redisQueue.cancel(middle, CREATED, record('cancelled'), 0, laneOf(middle)))
  return bars
}

/** @param keys how many have more tasks than are queued for workers */
async function newcomers (queue: Queue, keys: number): Promise<Bar> {
  for (let key = 1; key < keys; key++) await queue.fill(TRIALS * 20, `k${keys}-${key}`)
  let [most, sum] = [0, 0]
  const bound = 2 * (CONCURRENCY + keys + 1)
  for (let trial = 0; trial < TRIALS; trial++) {
    const id = `new${keys}-${trial}.0`
    await queue.add([id])
    const place = await queue.claimsUpTo(id, 20 * bound)
    most = Math.max(most, place)
    sum += place
  }
  console.log(`fair: ${keys} keys with work, concurrency ${CONCURRENCY}: a newcomer is claimed as number ` +
    `${Math.round(sum / TRIALS)} on average`)
  return atMost(`A task of another key, beside ${keys} with work, is claimed as number`, most, bound, '')
}

async function priorities (): Promise<Bar[]> {
  const queue = new Queue('levels', () => undefined)
  await queue.fill(MANY, 'normal')
  await queue.claim()
  const places: number[] = []
  for (let trial = 0; trial < 16 * 4; trial++) {
    await queue.add([`high.${trial}`], 'high')
    places.push(await queue.claimsUpTo(`high.${trial}`, 16, 1))
  }
  const behind = places.filter(place => place > 1).length
  await queue.fill(5_000, 'high-many', 'high')
  await queue.add(['low.1'], 'low')
  const low = await queue.claimsUpTo('low.1', 5_000)
  await timed('counts', () => queue.redisQueue.counts())
  await timed('page of waiting tasks', () => queue.redisQueue.pageOf('waiting', 1_000))
  return [
    atMost('High tasks that are not the next one, of 16 claims of one task', behind / 4, 1, ''),
    atMost('A high task is claimed as number', Math.max(...places), 2, ''),
    atMost(`A low task among 5,000 high ones is claimed as number, by claims of ${STEP}`, low, 16 * STEP, '')
  ]
}

async function slowlog (): Promise<string> {
  const entries = await redis.slowlog('GET', 100_000) as Array<[number, number, number, string[]]>
  const scripts = entries.filter(([, , , [command]]) => /^evalsha$/i.test(command!)).map(([, , us]) => us / 1_000)
  const over = scripts.filter(ms => ms > BAR_MS).length
  return `SLOWLOG: the longest script ${Math.max(0, ...scripts).toFixed(1)} ms, ${over} over ${BAR_MS} ms. ` +
    'Waits for a core are in it'
}

async function main (): Promise<boolean> {
  await redis.config('SET', 'slowlog-log-slower-than', SLOW)
  await redis.config('SET', 'slowlog-max-len', 100_000)
  const bars: Bar[] = []
  for (const part of [fairShares, priorities]) {
    console.log(`${MANY.toLocaleString('en')} tasks are enqueued …`)
    bars.push(...await part())
    console.log(await slowlog())
    await redis.flushall()
    await redis.slowlog('RESET')
  }
  for (const [what, all] of calls) {
    const slices = longest(all)
    const most = `${Math.max(...slices).toFixed(1)} at most, of ${all.length} calls`
    bars.push(atMost(`Longest ${what}, ms of CPU of Redis (${most})`, median(slices), BAR_MS, 'ms'))
  }
  for (const { name, figure, bar, met } of bars) console.log(met ? 'met    ' : 'NOT MET', `${name}: ${figure}, ${bar}`)
  console.log(machine(await redisVersion(redis)))
  return bars.every(({ met }) => met)
}

try {
  process.exitCode = await main() ? 0 : 1
} finally {
  redis.disconnect()
  await server.stop()
}
