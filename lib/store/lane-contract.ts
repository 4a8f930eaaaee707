/**
 * What a store must do for tasks with a limit. A lane is the tasks of one name and key: "<name> <key>". Its slots go to
 * tasks that are queued or run; the others wait in the lane.
 */

export interface LaneState {
  lane: string
  /** How many tasks have a slot. */
  used: number
  /** How many wait for one. */
  waiting: number
  max: number
}

export interface QueueLanes {
  /** Declares the limit that a process has in its code. The process that started last wins. */
  declare (name: string, max: number, startedAt: number): Promise<void>
  /** Sets a limit at run time. Null: that of the code counts again. */
  set (name: string, max: number | null): Promise<void>
  read (lane: string): Promise<LaneState>
  /** Up to `limit` lanes that have tasks. */
  list (limit: number): Promise<LaneState[]>
}
