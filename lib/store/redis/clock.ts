/**
 * The clock of Redis, as this process knows it: the difference that was measured last to a clock of this process that
 * nobody can set. It is measured again from time to time, because the clock of Redis can be set too.
 */
import { realTime, uptime } from '../../timers.ts'
import { within } from '../../within.ts'
import type { StoreClock } from '../store-contract.ts'
import type { RedisClient } from './connection.ts'

/** What TIME replies, in ms since 1970, with a fraction. */
export const msOf = ([seconds, micros]: ReadonlyArray<number | string>): number =>
  Number(seconds) * 1_000 + Number(micros) / 1_000

/** How old a measurement may become, in ms. */
const MAX_AGE_MS = 5_000
/** The same for a span that becomes a point in time, and how long its caller waits for a measurement. */
const MAX_AGE_OF_SPAN_MS = 100
const MAX_WAIT_MS = 200
/** If this process' two clocks have moved apart by more than this, one was set, or the machine slept. In ms. */
const MAX_DRIFT_MS = 200

export class RedisClock implements StoreClock {
  readonly #client: RedisClient
  /** Ms since 1970 on the clock of Redis, when `uptime()` is 0. */
  #origin = realTime() - uptime()
  /** The same on the clock of this process, when it was measured. */
  #localOrigin = this.#origin
  #measuredAt = -Infinity
  #measuring: Promise<void> | undefined

  constructor (client: RedisClient) {
    this.#client = client
  }

  now (): number {
    const now = uptime()
    if (now - this.#measuredAt > MAX_AGE_MS || Math.abs(realTime() - now - this.#localOrigin) > MAX_DRIFT_MS) {
      void this.#measureSoon()
    }
    return Math.round(this.#origin + now)
  }

  /** A point in time is the same on both clocks. */
  toStoreTime (time: number): number { return time }

  refresh (): Promise<number> | undefined {
    if (uptime() - this.#measuredAt <= MAX_AGE_OF_SPAN_MS) return undefined
    const measuring = this.#measureSoon()
    return measuring === undefined ? undefined : this.#movedBy(measuring)
  }

  async #movedBy (measuring: Promise<void>): Promise<number> {
    const before = this.#origin
    await within(MAX_WAIT_MS, measuring)
    const moved = Math.round(this.#origin - before)
    return Math.abs(moved) > MAX_DRIFT_MS ? moved : 0
  }

  /** One measurement at a time. It must not wait for Redis: it would be carried out later. */
  #measureSoon (): Promise<void> | undefined {
    if (this.#client.status !== 'ready') return undefined
    const measuring = this.#measuring ?? this.synchronise().finally(() => { this.#measuring = undefined })
    this.#measuring = measuring
    return measuring
  }

  /** Measures the difference. The error is at most half of the round trip. */
  async synchronise (): Promise<void> {
    const before = uptime()
    const reply = await this.#client.time().catch(() => null)
    const after = uptime()
    this.#measuredAt = after
    this.#localOrigin = realTime() - after
    if (!reply) return // Redis is away, or the user may not run TIME: what was known is kept
    const origin = msOf(reply) - (before + after) / 2
    // On one machine both clocks are the same: the difference is only the noise of the round trip.
    this.#origin = Math.abs(origin - this.#localOrigin) <= after - before + 1 ? this.#localOrigin : origin
  }
}
