/**
 * The options of tasks that are enqueued once for a key.
 */

/** At most one task for each key. */
export interface UniqueOptions {
  /** What must be unique. At most 100 characters. Default: one key for all tasks of the name. */
  key?: (data: any) => string
  /**
   * As long as the key counts. `waiting`: until its task starts. `unfinished`: until its task ends. A number: so many
   * ms from the enqueue, unless its task was cancelled, has expired or is removed. A task between two attempts always
   * counts. Default `unfinished`.
   */
  scope?: 'waiting' | 'unfinished' | number
  /**
   * What a further enqueue does. `keep`: nothing. `replace`: the task gets the new data and options, unless a worker
   * has claimed it. `rerun`: as replace; if a worker has claimed the task, another one with the newest data follows
   * when it has ended. Default `keep`.
   */
  onConflict?: 'keep' | 'replace' | 'rerun'
}

/** The last of several enqueues counts: the task starts once nobody has enqueued it for a while. */
export interface DebounceOptions {
  /** What belongs together. At most 100 characters. Default: one key for all tasks of the name. */
  key?: (data: any) => string
  /** How long nobody must have enqueued it, in ms. */
  wait: number
  /** It waits no longer than this from the first enqueue, in ms. Default: no limit. */
  maxWait?: number
}
