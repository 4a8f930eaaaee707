/**
 * The options of limits and of pauses.
 */

/** The limit of a task, over all workers. */
export interface LimitOptions {
  /** How many tasks of a key may have started. 1 to 10,000. With `ordered` it is 1. */
  max?: number
  /**
   * The tasks of each key have a limit of their own. At most 100 characters. Default: one limit for all tasks of the
   * name, also beside rates by key.
   */
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
  /**
   * The tasks of each key have a rate of their own. At most 100 characters. Default: one rate for all tasks of the
   * name, also beside a limit and rates by key.
   */
  key?: (data: any) => string
}

/** When the tasks of a key may start again, after a service behind refused one. Without it after a second. */
export interface RateLimitedOptions {
  /** After this many ms, or at this time: 100 ms to 30 days from now. */
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
  /** Of each key, or of the task, as in the code. */
  limit?: { max: number }
  /** All rates. */
  rate?: RateChange | RateChange[]
}

/** A rate at run time. */
export interface RateChange extends Omit<RateOptions, 'key'> {
  /**
   * Of each key, or of all tasks of the name together. Default: as the rates in the code, or as its limit if it has no
   * rates. If the code has rates of both kinds, it must be said.
   */
  scope?: 'key' | 'task'
}
