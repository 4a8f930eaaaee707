/**
 * The clock of Redis, as this process knows it: its own clock plus the difference that was measured last.
 */
import { realTime } from '../../timers.ts'
import type { StoreClock } from '../contract.ts'
import type { RedisClient } from './connection.ts'

export class RedisClock implements StoreClock {
  readonly #client: RedisClient
  #offset = 0

  constructor (client: RedisClient) {
    this.#client = client
  }

  now (): number { return realTime() + this.#offset }

  /** A point in time is the same on both clocks. */
  toStoreTime (time: number): number { return time }

  /** Measures the difference. The error is at most half of the round trip. */
  async synchronise (): Promise<void> {
    const before = realTime()
    const reply = await this.#client.time().catch(() => null)
    if (!reply) return // the user may not run TIME: both clocks are taken as equal
    const [seconds, micros] = reply
    const after = realTime()
    const offset = Math.round(Number(seconds) * 1000 + Number(micros) / 1000 - (before + after) / 2)
    // On one machine both clocks are the same: the difference is only the noise of the round trip.
    this.#offset = Math.abs(offset) <= after - before + 1 ? 0 : offset
  }
}
