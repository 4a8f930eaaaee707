/**
 * Random programs for tasks with rates, in Redis and in memory at the same time: both must reply alike, and in no
 * window more tasks may start than the rate. Windows are long, and the clock is moved.
 */
import t, { type Test } from 'tap'
import { MemoryStore } from '../../lib/store/memory/store.ts'
import { ageStarts, QueueFixture } from '../support/queue-fixture.ts'
import { random } from '../support/random.ts'
import type { Queue, Settlement } from '../../lib/store/contract.ts'
import type { LaneRate } from '../../lib/store/lane-contract.ts'

const HOUR = 3_600_000
const LANES = ['a k', 'a l', 'b k']
const RATES: Record<string, LaneRate[]> = {
  a: [{ max: 2, window: HOUR }], b: [{ max: 2, window: HOUR }, { max: 3, window: 3 * HOUR }]
}
const MAX: Record<string, number> = { a: 1_000_000, b: 2 }
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
    for (const lane of LANES) await ageStarts(this.f, `starts:${lane}`, ms)
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
    ['remove', () => this.remove()], ['set', () => this.change()],
    ...(['succeeded', 'failed', 'retry', 'defer', 'limited', 'expired'] as const)
      .map((outcome): [string, () => Promise<unknown>] => [outcome, () => this.settle(outcome)])
  ]

  async seen (): Promise<unknown[]> {
    return await this.both(async queue => {
      const lanes = await Promise.all(LANES.map(lane => queue.lanes.read(lane)))
      const { waiting, delayed, active } = await queue.counts()
      return { lanes: lanes.map(({ used, waiting, max }) => ({ used, waiting, max })), waiting, delayed, active }
    })
  }

  /** Lanes that had more starts in a window than their rate. */
  over (): string[] {
    return LANES.filter(lane => RATES[lane.split(' ')[0]!]!.some(({ max, window }) => {
      const starts = this.starts.get(lane)!
      return starts.some((start, i) => i >= max && start - starts[i - max]! < window)
    }))
  }
}

for (let seed = 1; seed <= SEEDS; seed++) {
  t.test(`program ${seed}`, async t => {
    const pair = new Pair(t, seed)
    for (const name of ['a', 'b']) await pair.both(queue => queue.lanes.declare(name, MAX[name]!, 1, RATES[name]))
    const done: string[] = []
    for (let i = 0; i < STEPS; i++) {
      const [name, step] = pair.pick(pair.steps)
      const [one, other] = await step() as unknown[]
      done.push(name)
      const after = `after ${done.slice(-15).join(', ')}`
      if (!t.strictSame(one, other, `replies differ ${after}`)) return
      const [redis, memory] = await pair.seen()
      if (!t.strictSame(redis, memory, `what is seen differs ${after}`)) return
      if (!t.strictSame(pair.over(), [], `no window has more starts ${after}`)) return
    }
    t.ok([...pair.starts.values()].flat().length > 0, 'tasks have started')
  })
}
