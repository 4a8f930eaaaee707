/**
 * Counts for the history: by minute and queue, until they are stored.
 */
import { OTHER } from './names.ts'
import type { Meter, Outcome } from './meter.ts'
import type { HistoryCounts } from '../store/history-contract.ts'

/** Names of one queue that this process counts. Those that follow are counted as `other`. */
const MAX_NAMES = 200
/** The last bucket has all that is longer. */
export const LAST_BUCKET = 19

/** Buckets are powers of two: number k has what took up to 2 ** k ms. */
export const bucketOf = (ms: number): number => ms <= 1 ? 0 : Math.min(LAST_BUCKET, Math.ceil(Math.log2(ms)))

const FIELDS: Partial<Record<Outcome, string>> = { succeeded: 'ok', failed: 'failed', retried: 'retried' }

/** What was counted in one minute: queue → field → number. */
export type CountedMinute = Map<string, Map<string, number>>

export class HistoryCountsMeter implements Meter {
  readonly #now: () => number
  readonly #onCounted: () => void
  readonly #names = new Map<string, Set<string>>()
  #minutes = new Map<number, CountedMinute>()

  /** @param onCounted called when there is something to store */
  constructor (now: () => number, onCounted: () => void) {
    this.#now = now
    this.#onCounted = onCounted
  }

  enqueued (queue: string, task: string, count: number): void { this.#add(queue, task, 'in', count) }
  stored (): void {}
  enqueueFailed (): void {}
  attemptFailed (): void {}
  scheduleSucceeded (): void {}

  started (queue: string, task: string, waitedMs: number | null): void {
    if (waitedMs !== null) this.#add(queue, task, `w${bucketOf(waitedMs)}`, 1)
  }

  ended (queue: string, task: string, outcome: Outcome, ms: number | null): void {
    const field = FIELDS[outcome]
    if (field === undefined) return
    this.#add(queue, task, field, 1)
    if (ms === null) return
    this.#add(queue, task, `r${bucketOf(ms)}`, 1)
    this.#add(queue, task, 'ms', Math.round(ms))
  }

  #add (queue: string, task: string, what: string, count: number): void {
    const minute = Math.floor(this.#now() / 60_000) * 60_000
    const ofMinute = this.#minutes.get(minute) ?? new Map<string, Map<string, number>>()
    const counts = ofMinute.get(queue) ?? new Map<string, number>()
    const field = `${this.#labelOf(queue, task)}|${what}`
    counts.set(field, (counts.get(field) ?? 0) + count)
    ofMinute.set(queue, counts)
    this.#minutes.set(minute, ofMinute)
    this.#onCounted()
  }

  #labelOf (queue: string, task: string): string {
    const names = this.#names.get(queue) ?? new Set()
    this.#names.set(queue, names)
    if (names.size < MAX_NAMES) names.add(task)
    return names.has(task) ? task : OTHER
  }

  /** What was counted since the last call. */
  take (): Array<{ time: number, queue: string, counts: HistoryCounts }> {
    const taken = [...this.#minutes].flatMap(([time, queues]) =>
      Array.from(queues, ([queue, counts]) => ({ time, queue, counts: Object.fromEntries(counts) })))
    this.#minutes = new Map()
    return taken
  }
}
