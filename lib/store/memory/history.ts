/**
 * The history of one queue in this process.
 */
import {
  addNumbers, KEPT_MS, MAX_NAMES, UNIT_MS, type HistoryCounts, type HistoryUnit, type QueueHistory
} from '../history-contract.ts'

interface Kept { counts: Map<string, number[]>, until: number }

export class MemoryHistory implements QueueHistory {
  readonly #now: () => number
  readonly #kept = new Map<string, Kept>()

  constructor (now: () => number) {
    this.#now = now
  }

  async add (unit: HistoryUnit, time: number, counts: HistoryCounts): Promise<void> {
    const [now, key] = [this.#now(), keyOf(unit, time)]
    for (const [old, { until }] of this.#kept) if (until <= now) this.#kept.delete(old)
    const kept = this.#kept.get(key)?.counts ?? new Map<string, number[]>()
    for (const [given, numbers] of Object.entries(counts)) {
      const name = !kept.has(given) && kept.size >= MAX_NAMES ? 'other' : given
      const sums = kept.get(name) ?? []
      addNumbers(sums, numbers)
      kept.set(name, sums)
    }
    this.#kept.set(key, { counts: kept, until: now + KEPT_MS[unit] })
  }

  async read (unit: HistoryUnit, times: number[]): Promise<HistoryCounts[]> {
    const now = this.#now()
    return times.map(time => {
      const kept = this.#kept.get(keyOf(unit, time))
      return kept && kept.until > now ? structuredClone(Object.fromEntries(kept.counts)) : {}
    })
  }
}

const keyOf = (unit: HistoryUnit, time: number): string => `${unit} ${Math.floor(time / UNIT_MS[unit])}`
