/**
 * Random programs for tasks with rates, in Redis and in memory at the same time: both must reply alike, and in no
 * window more tasks may start than the rate. Windows are long, and the clock is moved.
 */
import t, { type Test } from 'tap'
import { MemoryStore } from '../../lib/store/memory/store.ts'
import { ageStarts, QueueFixture } from '../support/queue-fixture.ts'
import { random } from '../support/random.ts'
import type { Queue, Settlement } from '../../lib/store/contract.ts'
import type { LaneMax, LaneRate } from '../../lib/store/lane-contract.ts'

const HOUR = 3_600_000
const LANES = ['a k', 'a l', 'b k', 'c k', 'c l', 'c m', 'd k', 'd l', 'e k', 'e l', 'e m']
/** Of c, d and e some hold for all their lanes together. */
const RATES: Record<string, LaneRate[]> = {
  a: [{ max: 2, window: HOUR }],
  b: [{ max: 2, window: HOUR }, { max: 3, window: 3 * HOUR }],
  c: [{ max: 3, window: HOUR, isCommon: true }, { max: 2, window: HOUR }, { max: 5, window: 2 * HOUR, isCommon: true }],
  d: [{ max: 2, window: HOUR }],
  e: [{ max: 4, window: HOUR, isCommon: true }]
}
const MAX: Record<string, LaneMax> = { a: 1_000_000, b: 2, c: 1_000_000, d: { common: 2 }, e: 1 }
const STEPS = 80
/** `--long` tries many more. */
const SEEDS = process.argv.includes('--long') ? 1_000 : 3

const textOf = (id: string, lane: string, status = 'created'): string => JSON.stringify({
  data: { name: lane.split(' ')[0], data: id }, options: { timestamp: 1, attempts: 1, lane, rated: true }, status
})

interface Claimed { id: string, token: string, lane: string, started: boolean }

class Pair {
  readonly f: QueueFixture
  readonly store = new MemoryStore()
  readonly memory: Queue
  readonly #random: () => number
  /** How far the clock was moved. */
  moved = 0
  readonly lanes = new Map<string, string>()
  claimed: Claimed[] = []
  readonly starts = new Map(LANES.map(lane => [lane, [] as number[]]))
  #count = 0

  constructor (t: Test, seed: number) {
    this.f = new QueueFixture(t)
    this.memory = this.store.queue('q')
    this.#random = random(seed)
  }

  pick<T> (values: readonly T[]): T { return values[Math.floor(this.#random() * values.length)]! }
  chance (part: number): boolean { return this.#random() < part }
  both<T> (call: (queue: Queue) => Promise<T>): Promise<[T, T]> {
    return Promise.all([call(this.f.queue), call(this.memory)])
  }

  async add (): Promise<unknown> {
    const lane = this.pick(LANES)
    const ids = Array.from({ length: this.pick([1, 3]) }, () => `n${++this.#count}`)
    for (const id of ids) this.lanes.set(id, lane)
    return await this.both(queue => queue.addMany(ids.map(id => ({ id, text: textOf(id, lane), lane }))))
  }

  async claim (): Promise<unknown> {
    const token = `w.${++this.#count}`
    // All of them: the order of lanes that open at the same time may differ.
    const [redis, memory] = await this.both(queue => queue.claim(99, token, false))
    const ids = redis.jobs.map(({ id }) => id)
    this.claimed.push(...ids.map(id => ({ id, token, lane: this.lanes.get(id)!, started: false })))
    return [ids.toSorted(), memory.jobs.map(({ id }) => id).toSorted()]
  }

  async start (claimed = this.pick(this.claimed)): Promise<unknown> {
    if (!claimed || claimed.started) return []
    claimed.started = true
    this.starts.get(claimed.lane)!.push(this.moved)
    if (this.chance(0.7)) await this.both(queue => queue.lanes.start([claimed, claimed]))
    return []
  }

  async settle (outcome: Settlement['outcome']): Promise<unknown> {
    const claimed = this.pick(this.claimed)
    if (!claimed) return []
    if (outcome === 'defer' || outcome === 'expired') {
      if (claimed.started) return []
    } else {
      await this.start(claimed)
    }
    this.claimed = this.claimed.filter(other => other !== claimed)
    const { id, token, lane } = claimed
    const repeats = outcome === 'retry' || outcome === 'defer'
    const ms = outcome === 'limited' ? 0.7 * HOUR : repeats ? this.pick([0, 0.4 * HOUR]) : 0
    const text = textOf(id, lane, outcome === 'limited' || outcome === 'retry' ? 'retrying' : outcome)
    return await this.both(queue => queue.settle([{ id, token, lane, outcome, text, ms }]))
  }

  /** A worker closes. What has started needs another token, whether its start was told or not. */
  async release (): Promise<unknown> {
    const count = this.pick([1, 2, 9])
    const [released, kept] = [this.claimed.slice(0, count), this.claimed.slice(count)]
    this.claimed = kept
    const claims = released.map(({ id, token, lane, started }) => ({ id, token, ...started && { lane } }))
    return await this.both(queue => queue.release(claims))
  }

  async remove (): Promise<unknown> {
    const id = this.pick([...this.lanes.keys()])
    return id === undefined ? [] : await this.both(queue => queue.remove(id, undefined, this.lanes.get(id)))
  }

  async change (): Promise<unknown> {
    await this.both(queue => queue.lanes.set('b', this.pick([1]), this.chance(2) ? RATES.b : undefined))
    return []
  }

  /** Moves the clock in memory, and all times in Redis back. */
  async pass (ms = Math.round(this.pick([0.55, 0.55, 1.1]) * HOUR)): Promise<unknown> {
    const { redis } = this.f
    this.moved += ms
    const lanes = [...LANES, ...Object.keys(MAX)]
    for (const lane of lanes) await ageStarts(this.f, `starts:${lane}`, ms)
    for (const key of ['closed', 'delayed']) {
      const name = this.f.key(key)
      for (const member of await redis.zrange(name, 0, '-1')) await redis.zincrby(name, -ms, member)
    }
    await this.f.upkeep.queueDue('w')
    this.store.moveTo(this.store.now() + ms)
    return []
  }

  readonly steps: Array<[name: string, step: () => Promise<unknown>]> = [
    ['add', () => this.add()], ['add', () => this.add()], ['claim', () => this.claim()], ['claim', () => this.claim()],
    ['start', () => this.start()], ['start', () => this.start()], ['pass', () => this.pass()],
    ['remove', () => this.remove()], ['release', () => this.release()], ['set', () => this.change()],
    ...(['succeeded', 'failed', 'retry', 'defer', 'limited', 'expired'] as const)
      .map((outcome): [string, () => Promise<unknown>] => [outcome, () => this.settle(outcome)])
  ]

  async seen (): Promise<unknown[]> {
    return await this.both(async queue => {
      const lanes = await Promise.all(LANES.map(lane => queue.lanes.read(lane)))
      const { waiting, delayed, active } = await queue.counts()
      const seen = lanes.map(({ used, waiting, max, common }) => ({ used, waiting, max, inAll: common?.used }))
      return { lanes: seen, waiting, delayed, active }
    })
  }

  /**
   * Common lanes that may go on now: in memory they have. Then time passes: lanes that open one after another do so in
   * both.
   */
  async settleDown (): Promise<void> {
    const closed = this.f.key('closed')
    while (await this.f.redis.zcount(closed, '-inf', Date.now()) > 0) await this.f.upkeep.queueDue('w')
    const before = await this.now()
    while (await this.now() === before);
    this.store.moveTo(this.store.now() + 1)
  }

  /** The clock of Redis, in ms. */
  async now (): Promise<string> {
    const [seconds, micros] = await this.f.redis.time()
    return `${seconds}${String(micros).padStart(6, '0').slice(0, 3)}`
  }

  /** Lanes that had more starts in a window than their rate, or more slots than their limit. */
  async over (): Promise<string[]> {
    const rated = LANES.filter(lane => RATES[lane.split(' ')[0]!]!.some(({ max, window, isCommon }) => {
      const lanes = isCommon ? LANES.filter(other => other[0] === lane[0]) : [lane]
      const starts = lanes.flatMap(name => this.starts.get(name)!).sort((one, other) => one - other)
      return starts.some((start, i) => i >= max && start - starts[i - max]! < window)
    }))
    const slots = await Promise.all(['d k', 'd l'].map(async lane => (await this.f.queue.lanes.read(lane)).used))
    return slots[0]! + slots[1]! > 2 ? [...rated, 'd'] : rated
  }
}

let started = 0

for (let seed = 1; seed <= SEEDS; seed++) {
  t.test(`program ${seed}`, async t => {
    const pair = new Pair(t, seed)
    for (const name of Object.keys(MAX)) await pair.both(queue => queue.lanes.declare(name, MAX[name]!, 1, RATES[name]))
    const done: string[] = []
    for (let i = 0; i < STEPS; i++) {
      const [name, step] = pair.pick(pair.steps)
      const [one, other] = await step() as unknown[]
      done.push(name)
      await pair.settleDown()
      const after = `after ${done.slice(-15).join(', ')}`
      if (!t.strictSame(one, other, `replies differ ${after}`)) return
      const [redis, memory] = await pair.seen()
      if (!t.strictSame(redis, memory, `what is seen differs ${after}`)) return
      if (!t.strictSame(await pair.over(), [], `no window has more starts ${after}`)) return
    }
    started += [...pair.starts.values()].flat().length
  })
}

t.test('tasks have started', async t => t.ok(started > 0))
