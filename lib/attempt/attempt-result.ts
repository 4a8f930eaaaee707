/**
 * How an attempt ended.
 */
import { hasAttemptLeft, toFailure, type Failure } from '../records/failure.ts'
import type { AttemptOutcome, WatchedAttempt } from '../types.ts'

export type AttemptResult =
  | { kind: 'succeeded', json: string }
  | { kind: 'failed', failure: Failure, thrown: unknown }
  | { kind: 'cancelled' }
  /** Aborted by a shutdown: the task goes back to its queue. */
  | { kind: 'released' }
  /** The claim belongs to another worker: there is nothing to write. */
  | { kind: 'lost' }

export const failed = (thrown: unknown): AttemptResult => ({ kind: 'failed', failure: toFailure(thrown), thrown })

/** Undefined if it did not fail. */
export const errorOf = (result: AttemptResult): unknown =>
  result.kind === 'failed' ? result.thrown ?? result.failure.error : undefined

/** Tells whoever watches the attempt. The error is the one that is stored: reading a thrown value may throw. */
export function tellEnd (watched: WatchedAttempt, result: AttemptResult, options: { retries?: number }): void {
  if (result.kind !== 'failed') return watched.end(result.kind)
  const outcome: AttemptOutcome = hasAttemptLeft(result.failure, options) ? 'retried' : 'failed'
  watched.end(outcome, result.failure.error)
}
