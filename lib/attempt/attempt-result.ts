/**
 * How an attempt ended.
 */
import { isA } from '../describe.ts'
import * as errors from '../errors.ts'
import { hasAttemptLeft, toFailure, type Failure } from '../records/failure.ts'
import type { AttemptOutcome, WatchedAttempt } from '../types.ts'

export type AttemptResult =
  | { kind: 'succeeded', json: string }
  | { kind: 'failed', failure: Failure, thrown: unknown }
  | { kind: 'cancelled' }
  /** The handler put it off by so many ms: no attempt is spent. `limited`: all tasks of its key wait. */
  | { kind: 'snoozed', ms: number, limited: boolean }
  /** Aborted by a shutdown: the task goes back to its queue. */
  | { kind: 'released' }
  /** The claim belongs to another worker: there is nothing to write. */
  | { kind: 'lost' }

/** If an error with such a code does not say when. At once would be a loop without a pause. */
const UNKNOWN_MS = 1_000

/** The least wait. A handler that always asks for none would loop as fast as Redis goes. */
const LEAST_MS = 100

/** Snooze and RateLimited are known by their codes: from a thread, or from another copy of this package too. */
export function failed (thrown: unknown): AttemptResult {
  const failure = toFailure(thrown)
  const limited = failure.error.code === 'FST_TASKS_RATE_LIMITED'
  if (!limited && failure.error.code !== 'FST_TASKS_SNOOZED') return { kind: 'failed', failure, thrown }
  return { kind: 'snoozed', ms: Math.max(failure.retryAfter ?? UNKNOWN_MS, LEAST_MS), limited }
}

/** A handler may return it as well. */
export const isPutOff = (value: unknown): boolean =>
  isA(value, errors.Snooze) || isA(value, errors.RateLimited)

/** The outcome for those outside: a task that was put off was given back, too. */
export const outcomeOf = <Kind extends AttemptResult['kind']>(kind: Kind): Exclude<Kind, 'snoozed'> | 'released' =>
  kind === 'snoozed' ? 'released' : kind as Exclude<Kind, 'snoozed'>

/** Undefined if it did not fail. */
export const errorOf = (result: AttemptResult): unknown =>
  result.kind === 'failed' ? result.thrown ?? result.failure.error : undefined

/** Tells whoever watches the attempt. The error is the one that is stored: reading a thrown value may throw. */
export function tellEnd (watched: WatchedAttempt, result: AttemptResult, options: { retries?: number }): void {
  if (result.kind !== 'failed') return watched.end(outcomeOf(result.kind))
  const outcome: AttemptOutcome = hasAttemptLeft(result.failure, options) ? 'retried' : 'failed'
  watched.end(outcome, result.failure.error)
}
