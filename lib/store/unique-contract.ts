/**
 * What a store must do for tasks that are enqueued once for a key. The key points to the task with that key, and counts
 * only while the record of this task says so too: no key outlives its task.
 */
export type UniqueKey = UniqueRule | DebounceRule

interface UniqueRule {
  /** "<name> <key>". The record has it as `options.unique`. */
  field: string
  onConflict: 'keep' | 'replace' | 'rerun'
  /** As long as the key counts: see `UniqueOptions`. */
  scope: 'waiting' | 'unfinished' | number
}

interface DebounceRule {
  field: string
  onConflict: 'debounce'
  wait: number
  maxWait?: number
}

/** The task that the key points to. */
export interface StandingTask {
  id: string
  /** Its limit has another key, and it holds a slot, or a place in line, there: it was not replaced. */
  otherLane?: true
}

/** True: it is stored. False: its id is taken. Otherwise the task that stands in its place. */
export type UniqueReply = boolean | StandingTask
