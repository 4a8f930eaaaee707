/**
 * Calls about many tasks: which ones, how far to go, and what came of it.
 */
import type { TaskState } from './record.ts'

/** Which tasks: those of which all of this is true. Times are Dates, or ms since 1970. */
export interface TaskFilter<State extends TaskState = TaskState> {
  /** In this state, or in one of these. Required. Default: none. */
  state: State | State[]
  /** In this queue. Default: all queues that are known here. */
  queue?: string
  /** With this name. Default: all names. */
  name?: string
  /** With this tag: then only tasks with the tag are looked at, however many others there are. Default: all. */
  tag?: string
  /** Whose last error has this `code`. Default: all. */
  code?: string
  /** That ended at this time or later; if they have not ended: that were enqueued then. Default: any time. */
  from?: Date | number
  /** That ended before this time; if they have not ended: that were enqueued before it. Default: any time. */
  to?: Date | number
}

/** Which tasks `retryMany` queues again: only failed ones can be. */
export type RetryFilter = Omit<TaskFilter<'failed'>, 'state'> & {
  /** Only failed tasks can be queued again. Default `failed`. */
  state?: 'failed'
}

/** The states of tasks that can be cancelled. */
export type CancellableState = 'waiting' | 'delayed' | 'active' | 'retrying'

/** Options of `fastify.tasks.retryMany`, `cancelMany` and `removeMany`. */
export interface ManyOptions {
  /** Stop after so many tasks that match. Default: no limit. */
  limit?: number
  /** Go on from here: the `cursor` of the call before, with the same filter. Default: from the beginning. */
  cursor?: string
  /** Stops the call when it is aborted. It resolves after the step that runs, with a cursor. Default: none. */
  signal?: AbortSignal
  /** Called after each step, and waited for: here the cursor can be stored. Default: none. */
  onProgress?: (progress: ManyProgress) => unknown
}

/** Options of `fastify.tasks.count`. */
export interface CountOptions {
  /** Count no further than this. Default: no limit. */
  limit?: number
  /** Stops the count when it is aborted. It then rejects with the signal's reason. Default: none. */
  signal?: AbortSignal
}

/** What came of a call about many tasks. */
export interface ManyResult {
  /** How many tasks matched. */
  matched: number
  /** How many of them were changed. Members of flows are not queued again one by one, and some tasks have moved on. */
  changed: number
  /** Goes on from here. Null if all was looked at. */
  cursor: string | null
}

export interface ManyProgress extends ManyResult {
  /** How many tasks were looked at. */
  lookedAt: number
}

/** Options of `fastify.tasks.reschedule`: one of the first two. */
export interface RescheduleOptions {
  /** Start the task after this many ms from now. Not together with `delayUntil`. Default: none. */
  delay?: number | undefined
  /** Start the task at this time: a Date, or ms since 1970. Not together with `delay`. Default: none. */
  delayUntil?: Date | number | undefined
  /** As in `WhereOptions`. Default: all queues that are known here. */
  queue?: string | undefined
}

/** `promoted`: it is due now. `refused`: it waits for no time. `unknown`: there is no such task. */
export type PromoteOutcome = 'promoted' | 'refused' | 'unknown'

/** `rescheduled`: it is due then. `refused`: it waits for no time. `unknown`: there is no such task. */
export type RescheduleOutcome = 'rescheduled' | 'refused' | 'unknown'

/**
 * When a task that was snoozed comes back: one of the two, 100 ms to 30 days from now. Without them after a
 * second.
 */
export interface SnoozeOptions {
  /** After this many ms. */
  delay?: number
  /** At this time: a Date, or ms since 1970. */
  delayUntil?: Date | number
}
