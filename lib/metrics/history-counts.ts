/**
 * Counts for the history: by minute and queue, until they are stored.
 */
import { OTHER } from './names.ts'
import type { Meter, Outcome } from './meter.ts'
import type { HistoryCounts } from '../store/history-contract.ts'

const MINUTE_MS = 60_000
/** Names of one queue that this process counts. Those that follow are counted as `other`. */
const MAX_NAMES = 200
/** The last bucket has all that is longer. */
export const LAST_BUCKET = 19

/** Buckets are powers of two: number k has what took up to 2 ** k ms. */
export const bucketOf = (ms: number): number => ms <= 1 ? 0 : Math.min(LAST_BUCKET, Math.ceil(Math.log2(ms)))

/** What was counted of one task in one queue, in one minute. */
export interface Row { in: number, ok: number, failed: number, retried: number, ms: number, w: number[], r: number[] }

type Rows = Map<string, Map<string, Row>>

export interface Counted { time: number, queue: string, counts: HistoryCounts }

export class HistoryCountsMeter implements Meter {
  readonly #onCounted: () => void
  readonly #names = new Map<string, Set<string>>()
  /** The present minute, and when it ends. */
  #minute = 0
  #end = 0
  #rows: Rows = new Map()
  /** Of minutes that have passed. */
  #passed: Counted[] = []

  /** @param onCounted called when there is something to store */
  constructor (onCounted: () => void) {
    this.#onCounted = onCounted
  }

  enqueued (queue: string, task: string, count: number, now: number): void { this.#row(queue, task, now).in += count }
  stored (): void {}
  enqueueFailed (): void {}
  attemptFailed (): void {}
  scheduleSucceeded (): void {}

  started (queue: string, task: string, waitedMs: number | null, now: number): void {
    if (waitedMs !== null) this.#row(queue, task, now).w[bucketOf(waitedMs)]!++
  }

  ended (queue: string, task: string, outcome: Outcome, ms: number | null, now: number): void {
    const row = this.#row(queue, task, now)
    if (outcome === 'succeeded') row.ok++
    else if (outcome === 'failed' || outcome === 'retried') row[outcome]++
    else return
    if (ms === null) return
    row.r[bucketOf(ms)]!++
    row.ms += ms
  }

  /** This runs several times for each task. What comes late counts for the present minute. */
  #row (queue: string, task: string, now: number): Row {
    if (now >= this.#end) this.#turnTo(now)
    return this.#rows.get(queue)?.get(task) ?? this.#newRow(queue, task)
  }

  #turnTo (now: number): void {
    this.#passed.push(...toCounted(this.#minute, this.#rows))
    this.#rows = new Map()
    this.#minute = Math.floor(now / MINUTE_MS) * MINUTE_MS
    this.#end = this.#minute + MINUTE_MS
  }

  #newRow (queue: string, task: string): Row {
    const rows = this.#rows.get(queue) ?? new Map<string, Row>()
    this.#rows.set(queue, rows)
    const label = this.#labelOf(queue, task)
    let row = rows.get(label)
    if (row) return row
    rows.set(label, row = { in: 0, ok: 0, failed: 0, retried: 0, ms: 0, w: noBuckets(), r: noBuckets() })
    this.#onCounted()
    return row
  }

  #labelOf (queue: string, task: string): string {
    const names = this.#names.get(queue) ?? new Set()
    this.#names.set(queue, names)
    if (names.size < MAX_NAMES) names.add(task)
    return names.has(task) ? task : OTHER
  }

  /** What was counted since the last call. */
  take (): Counted[] {
    this.#turnTo(0)
    return this.#passed.splice(0)
  }
}

const noBuckets = (): number[] => new Array<number>(LAST_BUCKET + 1).fill(0)

function toCounted (time: number, queues: Rows): Counted[] {
  return Array.from(queues, ([queue, rows]) => {
    const counts = Object.fromEntries(Array.from(rows, ([task, row]) => [task, toNumbers(row)]))
    return { time, queue, counts }
  })
}

/** A row as the store has it. */
const toNumbers = ({ in: added, ok, failed, retried, ms, w, r }: Row): number[] =>
  [added, ok, failed, retried, Math.round(ms), ...w, ...r]

/** The row of such numbers. Those that are missing are 0. */
export function toRow (numbers: number[]): Row {
  const [added = 0, ok = 0, failed = 0, retried = 0, ms = 0, ...buckets] = numbers
  const bucketsFrom = (start: number): number[] => noBuckets().map((none, i) => buckets[start + i] ?? none)
  return { in: added, ok, failed, retried, ms, w: bucketsFrom(0), r: bucketsFrom(LAST_BUCKET + 1) }
}
