/**
 * What `fastify.tasks.history` is asked, and what it answers.
 */

/** Options of `fastify.tasks.history`. Times are Dates, or ms since 1970. */
export interface HistoryOptions {
  /** Of this queue. Default: all queues that are known here. */
  queue?: string
  /** Of the tasks of this name. Default: all names. */
  name?: string
  /** From this time on. Default: one hour before `to`. */
  from?: Date | number
  /** Up to this time, and no later than now. Default: now. */
  to?: Date | number
  /**
   * The length of a point, in ms: a multiple of a minute. Minutes are kept for 8 hours, hours for 7 days: a step that
   * is no multiple of an hour goes back 8 hours. Default: one minute if `from` is no longer ago than 8 hours, else one
   * hour.
   */
  step?: number
}

/**
 * Half, 95 and 99 of 100 were no longer than this, in ms, rounded up to a power of two. Null if there were none. The
 * largest is 524288, almost 9 minutes: it stands for all that took longer, too.
 */
export interface HistoryTimes { p50: number | null, p95: number | null, p99: number | null }

export interface HistoryPoint {
  /** When it begins, in ISO 8601. */
  time: string
  enqueued: number
  succeeded: number
  /** No attempt was left. */
  failed: number
  retried: number
  /** Between the time at which tasks were due and their start. Without retries. */
  wait: HistoryTimes
  run: HistoryTimes
  /** How long all attempts ran together, in ms. */
  runMs: number
}
