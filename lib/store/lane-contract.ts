/**
 * What a store must do for tasks with a limit or a rate. A lane is the tasks of one name and key: "<name> <key>". Its
 * slots go to tasks that are queued or run; the others wait in the lane. With a rate, a queued task has a token too,
 * until it starts: tokens and the starts within the window are at most the rate. A task that has a limit or rates
 * without a key beside others by key has a common lane, "<name>", whose limit and rates hold for all its lanes.
 */

/** At most `max` starts in any window of this length, in ms. Of each lane, or of the common one. */
export interface LaneRate { max: number, window: number, isCommon?: boolean }

/** The limit of each lane, or of the common one. */
export type LaneMax = number | { common: number }

/** The limit of a task that has none. */
export const NO_LIMIT = 1_000_000_000

export interface LaneState {
  lane: string
  /** How many tasks have a slot. */
  used: number
  /** How many wait for one. */
  waiting: number
  max: number
  rates: LaneRate[]
  /** When its next task may be queued, ms since 1970, if that is known. Null if its rates hold nothing back. */
  opensAt: number | null
  /** The task that has the only slot of a lane whose limit is 1. Null if there is none. */
  holder: string | null
  /** Of the task as a whole. Null if it has no limit and no rate without a key beside others by key. */
  common: CommonLaneState | null
}

export type CommonLaneState = Pick<LaneState, 'used' | 'max' | 'rates' | 'opensAt'>

export interface LaneTask { id: string, lane: string }

export interface QueueLanes {
  /** Declares the limit and the rates that a process has in its code. The process that started last wins. */
  declare (name: string, max: LaneMax, startedAt: number, rates?: LaneRate[]): Promise<void>
  /**
   * Sets a limit, rates or both at run time.
   * @param max null: those of the code count again, the rates too
   */
  set (name: string, max: LaneMax | null | undefined, rates?: LaneRate[]): Promise<void>
  /** Remembers that tasks of lanes with a rate have started. Of each claim the first one counts. */
  start (tasks: LaneTask[]): Promise<void>
  read (lane: string): Promise<LaneState>
  /** Up to `limit` lanes, those with the most waiting tasks first. At most 1,000 lanes are looked at. */
  list (limit: number): Promise<LaneState[]>
}
