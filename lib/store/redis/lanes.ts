/**
 * The tasks with a limit of one queue in Redis. Each call declares the keys of its lanes: while a slot of a cluster
 * moves, a script with missing keys is refused as a whole.
 */
import { runScript, script, type ScriptArgument } from './run-script.ts'
import type { RedisClient } from './connection.ts'
import type { QueueKeys, QueueScript } from './keys.ts'
import type { NewJob } from '../contract.ts'
import type { Level } from '../level.ts'
import type { LaneState, QueueLanes } from '../lane-contract.ts'

/** Bounds the calls that are on their way at once. */
const BATCH = 50
/** Bounds the lanes that one sweep looks at: the others are next. */
const MAX_SWEPT = 500

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

  run (name: QueueScript, lanes: Iterable<string>, args: ScriptArgument[]): Promise<any> {
    return runScript(this.#client, script(name), this.#keys.withLanes(name, lanes), args)
  }

  /** Stores tasks with a limit, or a level, in one step. For each: false if its id is taken. */
  async add (jobs: NewJob[]): Promise<boolean[]> {
    const numbers = new LaneNumbers()
    const args: ScriptArgument[] = [this.#keys.prefix, jobs.some(job => job.ownId) ? 1 : 0]
    for (const { id, text, delay, lane, level } of jobs) {
      args.push(id, text, delay ?? '', numbers.ofAny(lane), levelArgument(level))
    }
    const codes: number[] = await this.run('add-gated', numbers.lanes, args)
    return codes.map(code => code === 1)
  }

  /** @param flat id, lane, id, lane, … of delayed tasks that are due */
  async admit (flat: string[]): Promise<void> {
    const numbers = new LaneNumbers()
    const args = flat.map((part, i) => i % 2 === 0 ? part : numbers.of(part))
    await this.run('admit', numbers.lanes, [this.#keys.prefix, ...args])
  }

  async declare (name: string, max: number, startedAt: number): Promise<void> {
    await this.run('declare-limit', [], [name, max, startedAt])
  }

  async set (name: string, max: number | null): Promise<void> {
    if (max === null) await this.#client.hdel(this.#keys.limits, `!${name}`)
    else await this.#client.hset(this.#keys.limits, `!${name}`, String(max))
    for await (const lanes of this.#all()) await this.#sweep(lanes.filter(lane => lane.startsWith(`${name} `)))
  }

  async read (lane: string): Promise<LaneState> {
    const [used, waiting, max] = await this.run('read-lane', [lane], [this.#keys.prefix])
    return { lane, used, waiting, max }
  }

  async list (limit: number): Promise<LaneState[]> {
    const lanes = await this.#client.zrange(this.#keys.lanes, 0, String(limit - 1))
    return Promise.all(lanes.map(lane => this.read(lane)))
  }

  /** Looks at the lanes whose time has come. */
  async sweepDue (): Promise<void> {
    for (let swept = 0; swept < MAX_SWEPT; swept += BATCH) {
      const lanes: string[] = await this.run('lanes-due', [], [BATCH])
      await this.#sweep(lanes)
      if (lanes.length < BATCH) return
    }
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
