/**
 * The history of one queue in Redis: a key for each minute, and one for each hour.
 */
import { runScript, script } from './run-script.ts'
import {
  KEPT_MS, MAX_NAMES, UNIT_MS, type HistoryCounts, type HistoryUnit, type QueueHistory
} from '../history-contract.ts'
import type { RedisClient } from './connection.ts'
import type { QueueKeys } from './keys.ts'

/** Bounds one call: to read the counts of a busy queue takes some 50 µs a key. */
const KEYS_A_CALL = 20

export class RedisHistory implements QueueHistory {
  readonly #client: RedisClient
  readonly #keys: QueueKeys

  constructor (client: RedisClient, keys: QueueKeys) {
    this.#client = client
    this.#keys = keys
  }

  #key (unit: HistoryUnit, time: number): string { return this.#keys.history(unit, Math.floor(time / UNIT_MS[unit])) }

  async add (unit: HistoryUnit, time: number, counts: HistoryCounts): Promise<void> {
    const args = [KEPT_MS[unit], MAX_NAMES, JSON.stringify(Object.entries(counts))]
    await runScript(this.#client, script('add-history'), [this.#key(unit, time)], args)
  }

  async read (unit: HistoryUnit, times: number[]): Promise<HistoryCounts[]> {
    const parts: Array<Promise<string[]>> = []
    for (let from = 0; from < times.length; from += KEYS_A_CALL) {
      const keys = times.slice(from, from + KEYS_A_CALL).map(time => this.#key(unit, time))
      parts.push(runScript(this.#client, script('read-history'), keys, [keys.length]))
    }
    return (await Promise.all(parts)).flat().map(text => text === '' ? {} : JSON.parse(text))
  }
}
