/**
 * Counts of a process: enqueues, attempts, errors, times. Their labels are bounded: a queue or a task that is not known
 * here, or that is one too many, is counted as `other`.
 */
import { codeOf } from './error-codes.ts'
import { Histogram } from './histogram.ts'
import { BUCKETS, fullName, LIMITS, OTHER } from './names.ts'
import { OUTCOMES, type Meter, type Outcome } from './meter.ts'
import { appTime } from '../timers.ts'
import type { Sample, Samples } from './sample.ts'

/** What is counted of one task in one queue. */
interface TaskRow {
  readonly labels: { queue: string, task: string }
  enqueued: number
  readonly outcomes: Record<Outcome, number>
  attempts: number
  readonly duration: Histogram
  readonly wait: Histogram
}

/** Which names may become labels. */
export interface KnownNames {
  isQueue (name: string): boolean
  isTask (name: string): boolean
}

export class TaskCounts implements Meter {
  readonly #known: KnownNames
  readonly #rows = new Map<string, Map<string, TaskRow>>()
  #size = 0
  readonly #stored = new Map<string, Histogram>()
  readonly #failures = new Map<string, Sample>()
  readonly #errors = new Map<string, Sample>()
  readonly #schedules = new Map<string, Sample>()

  constructor (known: KnownNames) {
    this.#known = known
  }

  enqueued (queue: string, task: string, count: number): void { this.#row(queue, task).enqueued += count }

  stored (queue: string, ms: number): void {
    const label = this.#queueLabel(queue, this.#stored)
    let histogram = this.#stored.get(label)
    if (!histogram) this.#stored.set(label, histogram = new Histogram(BUCKETS.enqueue))
    histogram.observe(ms / 1_000)
  }

  enqueueFailed (queue: string | undefined, error: unknown): void {
    const labels = { queue: queue !== undefined && this.#known.isQueue(queue) ? queue : OTHER, code: codeOf(error) }
    increment(this.#failures, labels, { queue: OTHER, code: 'error' })
  }

  started (queue: string, task: string, waitedMs: number | null): void {
    if (waitedMs !== null) this.#row(queue, task).wait.observe(waitedMs / 1_000)
  }

  attemptFailed (queue: string, task: string, error: unknown): void {
    const { labels } = this.#row(queue, task)
    increment(this.#errors, { ...labels, code: codeOf(error) }, { queue: OTHER, task: OTHER, code: 'error' })
  }

  ended (queue: string, task: string, outcome: Outcome, ms: number | null): void {
    const row = this.#row(queue, task)
    row.outcomes[outcome]++
    row.attempts++
    if (ms !== null) row.duration.observe(ms / 1_000)
  }

  scheduleSucceeded (schedule: string): void {
    if (this.#schedules.size >= LIMITS.schedules && !this.#schedules.has(schedule)) return
    this.#schedules.set(schedule, { labels: { schedule }, value: appTime() / 1_000 })
  }

  #queueLabel (queue: string, counted: ReadonlyMap<string, unknown>): string {
    if (counted.has(queue)) return queue
    return this.#known.isQueue(queue) && counted.size < LIMITS.queues ? queue : OTHER
  }

  #row (queue: string, task: string): TaskRow {
    return this.#rows.get(queue)?.get(task) ?? this.#newRow(queue, task)
  }

  /** Also for names that are not to be a label: they have the row `other`. */
  #newRow (queue: string, task: string): TaskRow {
    const q = this.#queueLabel(queue, this.#rows)
    const t = this.#known.isTask(task) ? task : OTHER
    const known = this.#rows.get(q)?.get(t)
    if (known) return known
    if (this.#size < LIMITS.tasks) return this.#addRow(q, t)
    return this.#rows.get(OTHER)?.get(OTHER) ?? this.#addRow(OTHER, OTHER)
  }

  #addRow (queue: string, task: string): TaskRow {
    const rows = this.#rows.get(queue) ?? new Map<string, TaskRow>()
    this.#rows.set(queue, rows)
    const row = makeRow(queue, task)
    rows.set(task, row)
    this.#size++
    return row
  }

  samples (): Samples {
    const rows = [...this.#rows.values()].flatMap(tasks => [...tasks.values()])
    const ran = rows.filter(({ attempts }) => attempts > 0)
    return {
      enqueued_total: rows.filter(row => row.enqueued > 0).map(({ labels, enqueued: value }) => ({ labels, value })),
      enqueue_failures_total: [...this.#failures.values()],
      enqueue_duration_seconds: [...this.#stored].flatMap(([queue, histogram]) =>
        histogram.samples(fullName('enqueue_duration_seconds'), { queue })),
      attempts_total: ran.flatMap(({ labels, outcomes }) =>
        OUTCOMES.map(outcome => ({ labels: { ...labels, outcome }, value: outcomes[outcome] }))),
      attempt_errors_total: [...this.#errors.values()],
      attempt_duration_seconds: histograms('attempt_duration_seconds', rows, row => row.duration),
      wait_seconds: histograms('wait_seconds', rows, row => row.wait),
      schedule_last_success_timestamp_seconds: [...this.#schedules.values()]
    }
  }
}

function makeRow (queue: string, task: string): TaskRow {
  return {
    labels: { queue, task },
    enqueued: 0,
    outcomes: Object.fromEntries(OUTCOMES.map(outcome => [outcome, 0])) as Record<Outcome, number>,
    attempts: 0,
    duration: new Histogram(BUCKETS.attempt),
    wait: new Histogram(BUCKETS.wait)
  }
}

/** @param instead the labels for one series too many */
function increment (
  counts: Map<string, Sample>, labels: Record<string, string>, instead: Record<string, string>
): void {
  const key = Object.values(labels).join(' ')
  const known = counts.get(key)
  if (known) known.value++
  else if (counts.size < LIMITS.codes || labels === instead) counts.set(key, { labels, value: 1 })
  else increment(counts, instead, instead)
}

function histograms (
  name: 'attempt_duration_seconds' | 'wait_seconds', rows: TaskRow[], of: (row: TaskRow) => Histogram
): Sample[] {
  return rows.filter(row => !of(row).isEmpty).flatMap(row => of(row).samples(fullName(name), row.labels))
}
