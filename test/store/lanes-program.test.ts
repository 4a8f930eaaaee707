/**
 * Random programs for tasks with a limit in Redis: everything that a task can meet, in any order, and processes that
 * die between two calls. After each step no lane has more tasks in waiting or running than its limit, and no more have
 * started than its rate, whose window is longer than the program. At the end, when workers have looked once and windows
 * have passed, nobody's slots are held, and no task waits beside a free slot.
 */
import t, { type Test } from 'tap'
import { QueueFixture } from '../support/queue-fixture.ts'
import { random } from '../support/random.ts'
import { NO_LIMIT, type LaneMax, type LaneRate } from '../../lib/store/lane-contract.ts'
import type { Settlement } from '../../lib/store/contract.ts'

/** Of the last three, some hold for all lanes of the task together. */
const LIMITS: Record<string, LaneMax> = {
  one: 1, two: 2, fast: NO_LIMIT, both: 2, sum: { common: 2 }, mixed: 2, order: 1
}
const RATES: Record<string, LaneRate[]> = {
  fast: [{ max: 3, window: 3_600_000 }],
  both: [{ max: 6, window: 7_200_000 }, { max: 3, window: 3_600_000 }],
  sum: [{ max: 8, window: 7_200_000 }, { max: 3, window: 3_600_000 }],
  mixed: [{ max: 3, window: 3_600_000 }, { max: 5, window: 3_600_000, isCommon: true }],
  order: [{ max: 4, window: 3_600_000, isCommon: true }]
}
const NAMES = Object.keys(LIMITS)
const IDS = Array.from({ length: 40 }, (_, i) => `n${i}`)
const LANES = [
  'one k', 'two k', 'two l', 'fast k', 'both k', 'sum k', 'sum l', 'sum m', 'mixed k', 'mixed l', 'mixed m', 'order k',
  'order l', 'order m'
]
/** An id is enqueued again when its record is gone: always with the same key. Some have no limit. */
const laneOf = (id: string): string | undefined => [...LANES, ...LANES, undefined][Number(id.slice(1)) % 29]
/** Those that run one at a time, in order. */
const isOrdered = (lane: string | undefined): boolean => /^(one|order) /.test(lane ?? '')
const LONG = 60_000
const STEPS = 160
/** `--long` tries many more. */
const SEEDS = process.argv.includes('--long') ? 2_000 : 4

const textOf = (id: string, lane: string | undefined, status = 'created'): string => JSON.stringify({
  data: { name: lane?.split(' ')[0] ?? 'free', data: id },
  options: { timestamp: 1, attempts: 1, ...lane !== undefined && { lane } },
  status
})

class Program {
  readonly f: QueueFixture
  readonly #random: () => number
  #token = 0
  /** Claims whose task has started. */
  readonly #started = new Set<string>()
  /** How many tasks of a lane have started, whether it was told or not. */
  readonly starts = new Map<string, number>()

  constructor (t: Test, seed: number) {
    this.f = new QueueFixture(t)
    this.#random = random(seed)
  }

  pick<T> (values: readonly T[]): T { return values[Math.floor(this.#random() * values.length)]! }

  async record (id: string): Promise<{ raw: string, lane: string | undefined, status: string } | null> {
    const raw = await this.f.redis.hget(this.f.key('jobs'), id)
    if (raw === null) return null
    const { options: { lane }, status } = JSON.parse(raw)
    return { raw, lane, status }
  }

  /** The claims that a worker of ours has: id and token. */
  async claims (): Promise<Array<[id: string, token: string]>> {
    const claims = await this.f.redis.hgetall(this.f.key('claims'))
    return Object.entries(claims).map(([id, claim]) => [id, claim.split(' ')[0]!])
  }

  async add (): Promise<void> {
    const delay = this.pick([undefined, undefined, undefined, Date.now() + LONG])
    const ids = [this.pick(IDS), this.pick(IDS)]
    await this.f.queue.addMany(ids.map(id => {
      const lane = laneOf(id)
      const job = { id, text: textOf(id, lane), ownId: true }
      return { ...job, ...lane !== undefined && { lane }, ...delay !== undefined && { delay } }
    }))
  }

  async claim (): Promise<void> { await this.f.queue.claim(this.pick([1, 3]), `w.${++this.#token}`, false) }

  count (lane: string): void { this.starts.set(lane, (this.starts.get(lane) ?? 0) + 1) }
  hasStarted (id: string, token: string): boolean { return this.#started.has(`${id} ${token}`) }

  /** Its worker may die before it tells. */
  async start (given?: [id: string, token: string]): Promise<void> {
    const [id, token] = given ?? this.pick(await this.claims()) ?? []
    if (id === undefined || token === undefined || this.hasStarted(id, token)) return
    const lane = (await this.record(id))?.lane
    if (lane === undefined) return
    this.#started.add(`${id} ${token}`)
    this.count(lane)
    if (this.pick([true, true, false])) await this.f.queue.lanes.start([{ id, lane }])
  }

  async settle (outcome: Settlement['outcome'], ms = this.pick([0, LONG])): Promise<void> {
    const [id, token] = this.pick(await this.claims()) ?? []
    if (id === undefined || token === undefined) return
    const record = await this.record(id)
    // Only a task that has ended is dropped, and only one without a start is deferred.
    if (outcome === 'drop' && record && ['created', 'retrying'].includes(record.status)) return
    const lane = record?.lane
    if (outcome === 'limited' && lane === undefined) return
    if (!['drop', 'defer', 'expired'].includes(outcome)) await this.start([id, token])
    else if (this.hasStarted(id, token)) return
    const keepsSlot = isOrdered(lane)
    const text = textOf(id, lane, outcome === 'retry' || outcome === 'limited' ? 'retrying' : outcome)
    const inLane = { ...lane !== undefined && { lane }, ...keepsSlot && { keepsSlot } }
    const settlement = { id, token, outcome, text, ms, ...inLane }
    if (this.pick([true, false])) return void await this.f.queue.settle([settlement])
    const { settled, claimed } = this.f.queue.settleAndClaim([settlement], this.pick([0, 1, 3]), `w.${++this.#token}`)
    await Promise.all([settled, claimed])
  }

  async cancel (): Promise<void> {
    const id = this.pick(IDS)
    const record = await this.record(id)
    if (!record || !['created', 'retrying'].includes(record.status)) return
    await this.f.queue.cancel(id, record.raw, textOf(id, record.lane, 'cancelled'), this.pick([0, LONG]), record.lane)
  }

  async retry (): Promise<void> {
    const id = this.pick(IDS)
    const record = await this.record(id)
    if (record) await this.f.queue.retry(id, record.raw, textOf(id, record.lane), record.lane)
  }

  async remove (): Promise<void> {
    const id = this.pick(IDS)
    await this.f.queue.remove(id, '', (await this.record(id))?.lane)
  }

  /** All of it, or a process that dies in the middle. */
  async purge (): Promise<void> {
    let after: any
    for (let pages = this.pick([1, 2, 9]); pages > 0; pages--) {
      after = (await this.f.queue.purge(2, { after, retrying: this.pick([true, false]) })).after
      if (!after) return
    }
  }

  async release (): Promise<void> {
    const [id, token] = this.pick(await this.claims()) ?? []
    if (id === undefined || token === undefined || this.hasStarted(id, token)) return
    await this.f.queue.release([{ id, token }])
  }

  /** Lets one delayed task come due. The process that looks may die before it admits those with a limit. */
  async due (): Promise<void> {
    const [id] = await this.f.redis.zrange(this.f.key('delayed'), 0, '0')
    if (id === undefined) return
    await this.f.redis.zadd(this.f.key('delayed'), 'XX', 1, id)
    if (this.pick([true, true, false])) await this.f.upkeep.queueDue('w')
  }

  async stall (): Promise<void> {
    await this.f.expireLease()
    const { exhausted } = await this.f.sweep(this.pick([1, 1_000]))
    for (const { id, token, text } of exhausted) {
      const { lane } = JSON.parse(text).options
      await this.f.queue.settle([{ id, token, outcome: 'failed', text: textOf(id, lane, 'failed'), ms: LONG, lane }])
    }
  }

  /** A plain Bee-Queue worker takes a task, and ends it. */
  async plainWorker (): Promise<void> {
    const { redis } = this.f
    const id = await redis.rpoplpush(this.f.key('waiting'), this.f.key('active'))
    if (id === null) return
    const state = this.pick(['succeeded', 'failed'])
    const record = await this.record(id)
    await redis.lrem(this.f.key('active'), 0, id)
    if (!record) return
    if (record.lane !== undefined && ['created', 'retrying'].includes(record.status)) this.count(record.lane)
    await redis.sadd(this.f.key(state), id)
    await redis.hset(this.f.key('jobs'), id, textOf(id, record.lane, state))
  }

  async byHand (): Promise<void> { await this.f.redis.hdel(this.f.key('jobs'), this.pick(IDS)) }

  /** A worker takes lanes to look at them: it may die before it looks. */
  async look (): Promise<void> {
    const key = this.f.key('lanes')
    for (const lane of await this.f.redis.zrange(key, 0, '-1')) await this.f.redis.zadd(key, 'XX', 1, lane)
    if (this.pick([true, true, false])) await this.f.upkeep.sweepLanes()
    else await this.f.queue.lanes.run('lanes-due', [], [50])
  }

  async lookNow (): Promise<void> {
    const key = this.f.key('lanes')
    for (const lane of await this.f.redis.zrange(key, 0, '-1')) await this.f.redis.zadd(key, 'XX', 1, lane)
    await this.f.upkeep.sweepLanes()
  }

  async pause (): Promise<void> { await this.f.queue.pause(this.pick([null, 'one', 'two'])) }
  async resume (): Promise<void> { await this.f.queue.resume(this.pick([null, 'one', 'two'])) }

  async expireRecords (): Promise<void> {
    for (const state of ['succeeded', 'failed'] as const) await this.f.upkeep.expireForeign(state, '0', 1)
    await this.f.upkeep.prune(500)
  }

  /** What starts were remembered is forgotten by itself. */
  async passWindows (): Promise<void> {
    const { redis } = this.f
    for (const lane of [...LANES, ...NAMES]) {
      const key = this.f.key(`starts:${lane}`)
      if (await redis.pttl(key) === -1) throw new Error(`${key} would stay for ever`)
      await redis.del(key)
    }
    for (const lane of await redis.zrange(this.f.key('closed'), 0, '-1')) {
      await redis.zadd(this.f.key('closed'), 'XX', 1, lane)
    }
  }

  readonly steps: Array<[name: string, step: () => Promise<void>]> = [
    ...Array.from({ length: 5 }, () => ['add', () => this.add()] as [string, () => Promise<void>]),
    ...Array.from({ length: 4 }, () => ['claim', () => this.claim()] as [string, () => Promise<void>]),
    ['start', () => this.start()], ['start', () => this.start()], ['limited', () => this.settle('limited')],
    ['succeeded', () => this.settle('succeeded')], ['failed', () => this.settle('failed')],
    ['failed', () => this.settle('failed', LONG)], ['cancelled', () => this.settle('cancelled')],
    ['expired', () => this.settle('expired')], ['retry', () => this.settle('retry')],
    ['defer', () => this.settle('defer')], ['drop', () => this.settle('drop')],
    ['cancel', () => this.cancel()], ['retry by hand', () => this.retry()], ['retry by hand', () => this.retry()],
    ['remove', () => this.remove()], ['purge', () => this.purge()], ['release', () => this.release()],
    ['due', () => this.due()], ['due', () => this.due()], ['stall', () => this.stall()],
    ['plain worker', () => this.plainWorker()], ['by hand', () => this.byHand()], ['look', () => this.look()],
    ['pause', () => this.pause()], ['resume', () => this.resume()], ['resume', () => this.resume()],
    ['expire', () => this.expireRecords()]
  ]

  /** Ids that may start, or run, by lane. */
  async admitted (): Promise<Map<string, Set<string>>> {
    const { redis } = this.f
    const lists = ['waiting', 'parked', 'returning', 'handoff', 'active']
    const ids = [
      ...(await Promise.all(lists.map(list => redis.lrange(this.f.key(list), 0, -1)))).flat(),
      ...await redis.hkeys(this.f.key('claims'))
    ]
    const found = new Map(LANES.map(lane => [lane, new Set<string>()]))
    const delayed = new Set(await redis.zrange(this.f.key('delayed'), 0, '-1'))
    const gated = new Set(await redis.zrange(this.f.key('gated'), 0, '-1'))
    for (const id of new Set(ids)) {
      const record = await this.record(id)
      const isOpen = record && ['created', 'retrying'].includes(record.status) && !delayed.has(id) && !gated.has(id)
      if (isOpen && record.lane !== undefined) found.get(record.lane)!.add(id)
    }
    return found
  }
}

interface Rule { lanes: string[], max: number, rate: number }

/** What must hold of each lane, and of all lanes of a task together. */
const RULES: Rule[] = NAMES.flatMap(name => {
  const lanes = LANES.filter(lane => lane.startsWith(`${name} `))
  const limit = LIMITS[name]!
  const rateOf = (isCommon: boolean): number =>
    Math.min(...RATES[name]?.filter(rate => (rate.isCommon ?? false) === isCommon).map(({ max }) => max) ?? [])
  const [own, common] = typeof limit === 'number' ? [limit, Infinity] : [Infinity, limit.common]
  return [
    ...lanes.map(lane => ({ lanes: [lane], max: own, rate: rateOf(false) })), { lanes, max: common, rate: rateOf(true) }
  ]
})

const sum = (lanes: string[], of: (lane: string) => number): number => lanes.reduce((all, lane) => all + of(lane), 0)

for (let seed = 1; seed <= SEEDS; seed++) {
  t.test(`program ${seed}`, async t => {
    const program = new Program(t, seed)
    const { f } = program
    for (const [name, max] of Object.entries(LIMITS)) await f.queue.lanes.declare(name, max, 1, RATES[name])
    const done: string[] = []
    for (let i = 0; i < STEPS; i++) {
      const [name, step] = program.pick(program.steps)
      await step()
      done.push(name)
      const [admitted, { starts }] = [await program.admitted(), program]
      const over = RULES.filter(({ lanes, max }) => sum(lanes, lane => admitted.get(lane)!.size) > max)
      if (over.length > 0) return t.fail(`over the limit after ${done.slice(-20).join(', ')}`, { over })
      const fast = RULES.filter(({ lanes, rate }) => sum(lanes, lane => starts.get(lane) ?? 0) > rate)
      if (fast.length > 0) return t.fail(`over the rate after ${done.slice(-20).join(', ')}`, { fast, starts })
    }
    await finish(t, program, done)
  })
}

/** Workers go on until nothing is left to do. */
async function finish (t: Test, program: Program, done: string[]): Promise<void> {
  const { f } = program
  for (const name of [null, 'one', 'two']) await f.queue.resume(name)
  for (let round = 0; round < 200; round++) {
    for (const id of await f.redis.zrange(f.key('delayed'), 0, '-1')) await f.redis.zadd(f.key('delayed'), 'XX', 1, id)
    await program.passWindows()
    await f.upkeep.queueDue('w')
    await program.lookNow()
    await f.queue.claim(10, `z.${round + 1}`, false)
    const claims = await program.claims()
    const batch = await Promise.all(claims.map(async ([id, token]): Promise<Settlement> => {
      const lane = (await program.record(id))?.lane
      const outcome = lane === undefined && !await program.record(id) ? 'drop' : 'succeeded'
      return { id, token, outcome, text: textOf(id, lane, 'succeeded'), ms: 0, ...lane !== undefined && { lane } }
    }))
    await f.queue.settle(batch)
    const { waiting, delayed, active } = await f.queue.counts()
    if (waiting + delayed + active === 0 && claims.length === 0) break
  }
  await program.passWindows()
  await f.upkeep.queueDue('w')
  await program.lookNow()
  const left = Object.keys(await f.state()).filter(key => /slots:|lane:|turns:|lanes|gated|laned|tokens:|closed/.test(key))
  t.strictSame(left, [], `nothing is left of any lane after ${done.slice(-20).join(', ')}`)
  const { waiting, delayed, active } = await f.queue.counts()
  t.strictSame({ waiting, delayed, active }, { waiting: 0, delayed: 0, active: 0 }, 'every task has ended')
}
