/**
 * The history of one queue in Redis: a hash for each minute, and one for each hour.
 */
import { runScript, script } from './run-script.ts'
import {
  KEPT_MS, MAX_FIELDS, UNIT_MS, type HistoryCounts, type HistoryUnit, type QueueHistory
} from '../history-contract.ts'
import type { RedisClient } from './connection.ts'
import type { QueueKeys } from './keys.ts'

export class RedisHistory implements QueueHistory {
  readonly #client: RedisClient
  readonly #keys: QueueKeys

  constructor (client: RedisClient, keys: QueueKeys) {
    this.#client = client
    this.#keys = keys
  }

  #key (unit: HistoryUnit, time: number): string { return this.#keys.history(unit, Math.floor(time / UNIT_MS[unit])) }

  async add (unit: HistoryUnit, time: number, counts: HistoryCounts): Promise<void> {
    const args = [KEPT_MS[unit], MAX_FIELDS, ...Object.entries(counts).flat()]
    await runScript(this.#client, script('add-history'), [this.#key(unit, time)], args)
  }

  async read (unit: HistoryUnit, times: number[]): Promise<HistoryCounts[]> {
    const hashes = await Promise.all(times.map(time => this.#client.hgetall(this.#key(unit, time))))
    return hashes.map(hash => Object.fromEntries(Object.entries(hash).map(([field, value]) => [field, Number(value)])))
  }
}
