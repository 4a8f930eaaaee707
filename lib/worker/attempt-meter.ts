/**
 * Counts the attempts of one queue: how long tasks waited and ran, and how each attempt ended, once.
 */
import * as errors from '../errors.ts'
import { OTHER } from '../metrics/names.ts'
import { uptime } from '../timers.ts'
import { outcomeOf, type AttemptResult } from '../attempt/attempt-result.ts'
import type { Attempt } from '../attempt/attempt.ts'
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
  /** How long the attempt of a task ran. Its outcome is not stored yet. */
  readonly #ran = new Map<ClaimedTask, number>()

  constructor (meter: Meter, queue: string) {
    this.#meter = meter
    this.#queue = queue
  }

  /** @param now Redis' clock */
  started (task: ClaimedTask, now: number): void {
    this.#meter.started(this.#queue, nameOf(task), waitedUntil(now, task.stored))
  }

  onResult ({ task, startedAt }: Attempt, result: AttemptResult): void {
    const ms = uptime() - startedAt
    // Not the thrown value: its getters may throw.
    if (result.kind === 'failed') this.#meter.attemptFailed(this.#queue, nameOf(task), result.failure.error)
    const kind = outcomeOf(result.kind)
    if (kind === 'lost') this.#meter.ended(this.#queue, nameOf(task), 'lost', ms)
    else if (kind === 'released') this.#meter.ended(this.#queue, nameOf(task), 'returned', ms)
    else this.#ran.set(task, ms)
  }

  /** The outcome of a task was stored, or dropped because the claim was lost. */
  settled (task: ClaimedTask, { outcome }: Settlement, status: ClaimStatus): void {
    const ms = this.#ran.get(task)
    this.#ran.delete(task)
    const hasRun = ms !== undefined
    if (!hasRun && (status === 'lost' || task.startedAt !== undefined)) return // no attempt, or counted already
    const counted = status === 'lost' ? 'lost' : outcomes[outcome]
    if (counted) this.#meter.ended(this.#queue, nameOf(task), counted, ms ?? null)
    const { schedule } = task.stored.options
    if (counted === 'succeeded' && schedule) this.#meter.scheduleSucceeded(schedule.id)
  }

  /** A worker died while it ran the task, which waits again. */
  stalled (task: ClaimedTask): void { this.#meter.ended(this.#queue, nameOf(task), 'stalled', null) }

  /** The same, but it has stalled too often: its end is settled here. */
  stalledTooOften (task: ClaimedTask, error: Error): void {
    this.#meter.attemptFailed(this.#queue, nameOf(task), error)
  }

  /** The record of a task cannot be read, so it fails. */
  unreadable (): void {
    this.#meter.attemptFailed(this.#queue, OTHER, new errors.RecordInvalid('unreadable'))
    this.#meter.ended(this.#queue, OTHER, 'failed', null)
  }
}
