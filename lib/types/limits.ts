/**
 * The options of limits and of pauses.
 */

/** The limit of a task, over all workers. */
export interface LimitOptions {
  /** How many tasks of a key may have started. 1 to 10,000. With `ordered` it is 1. */
  max?: number
  /** The tasks of each key have the limit of their own. At most 100 characters. Default: one key for all. */
  key?: (data: any) => string
  /**
   * The tasks of a key run one at a time, in the order of their enqueue. A task that waits for its next attempt holds
   * up the others. Default false.
   */
  ordered?: boolean
}

/** How often tasks may start, over all workers. */
export interface RateOptions {
  /** At most so many starts in any window of this length. 1 to 1,000,000. */
  max: number
  /** In ms: 100 to 2,592,000,000, 30 days. */
  timeWindow: number
  /** The tasks of each key have the rate of their own. At most 100 characters. Default: one key for all. */
  key?: (data: any) => string
}

/** When the tasks of a key may start again, after a service behind refused one. Without it after a second. */
export interface RateLimitedOptions {
  /** After this many ms, or at this time. At most 30 days from now. */
  retryAfter: number | Date
  /** Which tasks wait: those of the same key. Default `'key'`. */
  scope?: 'key'
}

/** What `fastify.tasks.pause` and `resume` are about: a queue, or the tasks of one name. */
export interface PauseTarget {
  /** All tasks of this queue. With `name`: only those of the name, in this queue. */
  queue?: string | undefined
  /** All tasks of this name, in every queue that is known here. */
  name?: string | undefined
}

/** What `fastify.tasks.setLimit` changes: one of the two, or both. */
export interface LimitChange {
  limit?: { max: number }
  /** All rates. */
  rate?: { max: number, timeWindow: number } | Array<{ max: number, timeWindow: number }>
}
