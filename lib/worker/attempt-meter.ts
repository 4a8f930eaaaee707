/**
 * Counts the attempts of one queue: how long tasks waited and ran, and how each attempt ended, once.
 */
import * as errors from '../errors.ts'
import { OTHER } from '../metrics/names.ts'
import { outcomeOf, type AttemptResult } from '../attempt/attempt-result.ts'
import { waitedUntil, type ClaimedTask } from '../attempt/claimed-task.ts'
import type { Meter, Outcome } from '../metrics/meter.ts'
import type { ClaimStatus, Settlement } from '../store/contract.ts'

const outcomes: Partial<Record<Settlement['outcome'], Outcome>> = {
  succeeded: 'succeeded', failed: 'failed', cancelled: 'cancelled', expired: 'expired', retry: 'retried'
}

const nameOf = ({ stored }: ClaimedTask): string => stored.data.name

export class AttemptMeter {
  readonly #meter: Meter
  readonly #queue: string

  constructor (meter: Meter, queue: string) {
    this.#meter = meter
    this.#queue = queue
  }

  /** @param now Redis' clock */
  started (task: ClaimedTask, now: number): void {
    this.#meter.started(this.#queue, nameOf(task), waitedUntil(now, task.stored), now)
  }

  /** @param ms how long the attempt ran. It is counted when its outcome is stored, unless there is none */
  onResult (task: ClaimedTask, result: AttemptResult, ms: number): void {
    // Not the thrown value: its getters may throw.
    if (result.kind === 'failed') this.#meter.attemptFailed(this.#queue, nameOf(task), result.failure.error)
    const kind = outcomeOf(result.kind)
    if (kind === 'lost') this.#ended(task, 'lost', ms)
    else if (kind === 'released') this.#ended(task, 'returned', ms)
    else task.ranMs = ms
  }

  /** The outcome of a task was stored, or dropped because the claim was lost. */
  settled (task: ClaimedTask, { outcome }: Settlement, status: ClaimStatus): void {
    const { ranMs } = task
    task.ranMs = undefined
    // No attempt, or counted already.
    if (ranMs === undefined && (status === 'lost' || task.startedAt !== undefined)) return
    const counted = status === 'lost' ? 'lost' : outcomes[outcome]
    if (counted) this.#ended(task, counted, ranMs ?? null)
    const { schedule } = task.stored.options
    if (counted === 'succeeded' && schedule) this.#meter.scheduleSucceeded(schedule.id)
  }

  /** A worker died while it ran the task, which waits again. */
  stalled (task: ClaimedTask): void { this.#ended(task, 'stalled', null) }

  #ended (task: ClaimedTask, outcome: Outcome, ms: number | null): void {
    this.#meter.ended(this.#queue, nameOf(task), outcome, ms, task.now)
  }

  /** The same, but it has stalled too often: its end is settled here. */
  stalledTooOften (task: ClaimedTask, error: Error): void {
    this.#meter.attemptFailed(this.#queue, nameOf(task), error)
  }

  /** The record of a task cannot be read, so it fails. */
  unreadable (task: ClaimedTask): void {
    this.#meter.attemptFailed(this.#queue, OTHER, new errors.RecordInvalid('unreadable'))
    this.#meter.ended(this.#queue, OTHER, 'failed', null, task.now)
  }
}
