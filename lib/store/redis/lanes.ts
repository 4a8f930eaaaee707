/**
 * The tasks with a limit of one queue in Redis. Each call declares the keys of its lanes: while a slot of a cluster
 * moves, a script with missing keys is refused as a whole.
 */
import { readWorkers } from './measure.ts'
import { runScript, type ScriptArgument } from './run-script.ts'
import { entriesOf, withExtras, type ExtraEntries } from './extras.ts'
import type { RedisClient } from './connection.ts'
import type { QueueKeys, QueueScript } from './keys.ts'
import { appTime } from '../../timers.ts'
import { byWaiting, capacityOf, isCommonLane } from '../lane-shares.ts'
import type { NewJob } from '../contract.ts'
import type { Level } from '../level.ts'
import type { CommonLaneState, LaneMax, LaneRate, LaneState, LaneTask, QueueLanes } from '../lane-contract.ts'

/** Bounds the calls that are on their way at once. */
const BATCH = 50
/** Bounds the lanes that one sweep looks at: the others are next. */
const MAX_SWEPT = 500
/** Bounds the lanes, and the workers, of one look. */
const MAX_LISTED = 1_000
const CAPACITY_MS = 4_000

const maxText = (max: LaneMax): string => typeof max === 'number' ? String(max) : `${max.common}t`
const ratesText = (rates: LaneRate[]): string =>
  rates.map(({ max, window, isCommon }) => `${max}:${window}${isCommon ? 't' : ''}`).join(' ')

/** @param flat max, window, max, window, … */
const toRates = (flat: number[]): LaneRate[] =>
  flat.flatMap((max, i) => i % 2 === 0 ? [{ max, window: flat[i + 1]! }] : [])

function toCommon ([used, max, opens, ...rates]: number[]): CommonLaneState | null {
  return used === undefined ? null : { used, max: max!, rates: toRates(rates), opensAt: opens === 0 ? null : opens! }
}

/** Numbers the lanes of a call from 1 on. */
export class LaneNumbers {
  readonly #numbers = new Map<string, number>()

  of (lane: string): number {
    const number = this.#numbers.get(lane) ?? this.#numbers.size + 1
    this.#numbers.set(lane, number)
    return number
  }

  /** 0 for no lane. */
  ofAny (lane: string | undefined): number { return lane === undefined ? 0 : this.of(lane) }

  get lanes (): Iterable<string> { return this.#numbers.keys() }
}

/** How scripts write a level. */
export const levelArgument = (level: Level | undefined): string => level?.[0] ?? ''

export class RedisLanes implements QueueLanes {
  readonly #client: RedisClient
  readonly #keys: QueueKeys

  constructor (client: RedisClient, keys: QueueKeys) {
    this.#client = client
    this.#keys = keys
  }

  run (
    name: QueueScript, lanes: Iterable<string>, args: ScriptArgument[], entries: ExtraEntries = []
  ): Promise<any> {
    return runScript(this.#client, ...withExtras(this.#keys, name, this.#keys.withLanes(name, lanes), args, entries))
  }

  /** Stores tasks with a limit, or a level, in one step. For each: false if its id is taken. */
  async add (jobs: NewJob[]): Promise<boolean[]> {
    const numbers = new LaneNumbers()
    const args: ScriptArgument[] = [this.#keys.prefix, jobs.some(job => job.ownId) ? 1 : 0]
    for (const { id, text, delay, lane, level } of jobs) {
      args.push(id, text, delay ?? '', numbers.ofAny(lane), levelArgument(level))
    }
    const codes: number[] = await this.run('add-gated', numbers.lanes, args, entriesOf(jobs))
    return codes.map(code => code === 1)
  }

  /** @param flat id, lane, id, lane, … of delayed tasks that are due. An empty id: only a look at the lane */
  async admit (flat: string[]): Promise<void> {
    const [args, names]: [string[], string[]] = [[], []]
    for (let i = 0; i < flat.length; i += 2) {
      if (isCommonLane(flat[i + 1]!)) names.push(flat[i + 1]!)
      else args.push(flat[i]!, flat[i + 1]!)
    }
    if (args.length > 0) await this.#admit(args, 0)
    for (const name of names) await this.#takeTurns(name)
  }

  async #admit (flat: string[], quota: number): Promise<void> {
    const numbers = new LaneNumbers()
    const args = flat.map((part, i) => i % 2 === 0 ? part : numbers.of(part))
    await this.run('admit', numbers.lanes, [this.#keys.prefix, quota, ...args])
  }

  /** Lets tasks in from the lanes that waited longest for the common lane of a task. */
  async #takeTurns (name: string): Promise<void> {
    const [quota, ...lanes] = await this.run('take-turns', [name], [this.#keys.prefix, name, BATCH])
    if (lanes.length > 0) await this.#admit(lanes.flatMap((lane: string) => ['', lane]), quota)
  }

  async start (tasks: LaneTask[]): Promise<void> {
    const numbers = new LaneNumbers()
    const args = tasks.flatMap(({ id, lane }) => [id, numbers.of(lane)])
    await this.run('start', numbers.lanes, [this.#keys.prefix, ...args])
  }

  async declare (name: string, max: LaneMax, startedAt: number, rates: LaneRate[] = []): Promise<void> {
    await this.run('declare-limit', [], [name, maxText(max), startedAt, ratesText(rates)])
  }

  async set (name: string, max: LaneMax | null | undefined, rates?: LaneRate[]): Promise<void> {
    const { limits } = this.#keys
    if (max === null) await this.#client.hdel(limits, `!${name}`, `~!${name}`)
    else if (max !== undefined) await this.#client.hset(limits, `!${name}`, maxText(max))
    // A text without rates is none: an empty one too.
    if (rates !== undefined) await this.#client.hset(limits, `~!${name}`, ratesText(rates))
    const isOfTask = (lane: string): boolean => lane === name || lane.startsWith(`${name} `)
    for await (const lanes of this.#all()) await this.#sweep(lanes.filter(isOfTask))
  }

  async read (lane: string): Promise<LaneState> {
    const reply = await this.run('read-lane', [lane], [this.#keys.prefix])
    const [used, waiting, max, opens, holder, rates, common] = reply
    const own = { used, waiting, max, rates: toRates(rates), opensAt: opens === 0 ? null : opens }
    return { lane, ...own, holder: holder || null, common: toCommon(common) }
  }

  async list (limit: number): Promise<LaneState[]> {
    const lanes = await this.#client.zrange(this.#keys.lanes, 0, String(MAX_LISTED - 1))
    const states = await Promise.all(lanes.filter(lane => !isCommonLane(lane)).map(lane => this.read(lane)))
    return states.sort(byWaiting).slice(0, limit)
  }

  /** Looks at the lanes whose time has come. */
  async sweepDue (): Promise<void> {
    if (await this.exist()) await this.#measureCapacity()
    for (let swept = 0; swept < MAX_SWEPT; swept += BATCH) {
      const lanes: string[] = await this.run('lanes-due', [], [BATCH])
      await this.#sweep(lanes)
      if (lanes.length < BATCH) return
    }
  }

  /** Says how many tasks all workers can run, for fair shares. One worker does it each 5 s. */
  async #measureCapacity (): Promise<void> {
    const { limits } = this.#keys
    const [before, at] = (await this.#client.hget(limits, '*') ?? '10 0').split(' ').map(Number)
    if (Math.abs(appTime() - at!) < CAPACITY_MS) return
    await this.#client.hset(limits, '*', `${before} ${appTime()}`)
    const workers = await readWorkers(this.#client, this.#keys, MAX_LISTED)
    const capacity = capacityOf(workers.map(({ json }) => json))
    if (capacity > 0) await this.#client.hset(limits, '*', `${capacity} ${appTime()}`)
  }

  async exist (): Promise<boolean> { return await this.#client.exists(this.#keys.lanes) === 1 }

  async sweepAll (): Promise<void> {
    for await (const lanes of this.#all()) await this.#sweep(lanes)
  }

  async * #all (): AsyncGenerator<string[]> {
    let cursor = '0'
    do {
      const [next, flat] = await this.#client.zscan(this.#keys.lanes, cursor, 'COUNT', BATCH)
      yield flat.filter((_part, i) => i % 2 === 0)
      cursor = next
    } while (cursor !== '0')
  }

  async #sweep (lanes: string[]): Promise<void> {
    await Promise.all(lanes.map(async lane => {
      while (await this.run('sweep-lane', [lane], [this.#keys.prefix]) === 1);
    }))
  }
}
