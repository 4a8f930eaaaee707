/**
 * How an attempt ended.
 */
import { toFailure, type Failure } from '../records/failure.ts'

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
