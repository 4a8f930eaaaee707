/**
 * Redis' clock, as this process knows it: its own clock and the difference that was measured last.
 */
import type { StoreClock } from '../contract.ts'
import type { RedisClient } from './connection.ts'

export class RedisClock implements StoreClock {
  readonly #client: RedisClient
  #offset = 0

  constructor (client: RedisClient) {
    this.#client = client
  }

  now (): number { return Date.now() + this.#offset }

  /** Both clocks tell the same time. */
  toStoreTime (time: number): number { return time }

  /** Measures the difference. It is wrong by at most half of the round trip. */
  async synchronise (): Promise<void> {
    const before = Date.now()
    const reply = await this.#client.time().catch(() => null)
    if (!reply) return // a user without the right to ask: both clocks are taken to agree
    const [seconds, micros] = reply
    const after = Date.now()
    const offset = Math.round(Number(seconds) * 1000 + Number(micros) / 1000 - (before + after) / 2)
    // The clock of the same machine differs by no more than the noise of the round trip.
    this.#offset = Math.abs(offset) <= after - before + 1 ? 0 : offset
  }
}
