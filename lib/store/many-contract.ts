/**
 * Calls for many tasks in one step. Each does with a task what the call of the same name for one task does, in their
 * order, for up to 500 tasks without a lane, whose records have a few MiB together at most.
 */
import type { RemoveOutcome } from '../types.ts'

/**
 * `requested`: it is running, and its worker was asked to stop it. `changed`: the record is no longer `before`, so it
 * has to be read again.
 */
export type CancelReply = 'cancelled' | 'requested' | 'changed' | 'unknown'

/** `refused`: it has not failed. `changed`: as for a cancel. */
export type RetryReply = 'queued' | 'changed' | 'refused'

/** `changed`: it has failed again since then, or it has not failed. */
export type RetryManyReply = 'queued' | 'changed'

/** `changed`: as for a cancel. */
export type RemoveReply = RemoveOutcome | 'changed'

/** The record as the caller read it. */
interface TaskAsRead {
  id: string
  before: string | Buffer
}

export interface TaskToRetry {
  id: string
  /** Until when its record stays, as `QueueWalk` says it, found before the record was read. */
  until: string
  after: string
}

export interface TaskToCancel extends TaskAsRead {
  after: string
  /** How long the record of the cancelled task stays. */
  ttl: number
  /** It has tags, or a log. */
  hasExtras?: boolean
}

export interface TaskToRemove extends TaskAsRead {
  hasExtras?: boolean
}

export interface QueueMany {
  retry (tasks: TaskToRetry[]): Promise<RetryManyReply[]>
  cancel (tasks: TaskToCancel[]): Promise<CancelReply[]>
  remove (tasks: TaskToRemove[]): Promise<RemoveReply[]>
}
