/**
 * How a queue is walked through: page by page, for calls that look at many tasks or change them. A position is a text
 * that outlives the process. What comes and goes meanwhile neither ends a walk nor makes it begin again.
 */
import type { LiveState } from '../records/task-record.ts'
import type { TaskState, TerminalState } from '../types.ts'

/** A task as it is stored. */
export interface RawTask {
  text: string
  /** The bytes of the record, for `cancel` and `retry` to compare. Another producer may have written no UTF-8. */
  raw: Buffer
  live: LiveState
}

/** As a walk reads it. */
export interface WalkTask extends Omit<RawTask, 'raw'> {
  /** As in `RawTask`. The text itself, if it is those bytes. */
  raw: string | Buffer
  /** See `QueueWalk.failedUntil`, if that was asked before. */
  until?: string | null
}

/** Where ids are. Tasks between two attempts are among the delayed ones, or the waiting ones if they have no wait. */
export type WalkSource = 'delayed' | 'waiting' | 'active' | TerminalState

export interface WalkPage {
  ids: string[]
  /** For each id: where to go on behind it. */
  positions: string[]
  /** Where to go on behind the page. Null at the end. */
  next: string | null
}

/** In bytes. */
export interface TaskSize {
  /** 0 if there is none. */
  record: number
  /** Of what a running task has reported. */
  progress: number
}

/** See `QueueWalk.readHeads`. */
export type RawHead = Omit<RawTask, 'raw'>

export interface HeadsRead {
  tasks: Array<RawHead | null>
  bytes: number
}

export interface SiftOptions {
  /** Asked of each record, or of the head of a large one. */
  matches: (text: string, id: string) => boolean
  /** Records that match are enough. */
  most: number
  maxBytes: number
}

export interface Sifted {
  /** The indexes of the ids whose records match. */
  found: number[]
  /** How many of the ids were looked at. */
  lookedAt: number
  /** About how many were read. */
  bytes: number
}

export interface QueueWalk {
  /**
   * One page: waiting tasks oldest first, active ones in no order, all others with the latest time first. So a task
   * that is tried again, and comes back with a later time, is not met again.
   * Of active tasks a page may have more than `limit`, and a task may be on two pages.
   * @param position null to begin, then what an earlier page says
   */
  page (source: WalkSource, limit: number, position: string | null): Promise<WalkPage>
  /** One page of the tasks with a tag, in whatever state, those first that were enqueued last. Some may be gone. */
  tagged (tag: string, limit: number, position: string | null): Promise<WalkPage>
  /** Until when records of failed tasks stay: of a page of these each position begins with it. Null for all others. */
  failedUntil (ids: string[]): Promise<Array<string | null>>
  /** Whether there is a task with this id, and whether there may be tasks with this tag. For calls in many queues. */
  has (word: string): Promise<{ id: boolean, tag: boolean }>
  /** Whether a page of a list by this state has any ids. */
  hasAny (state: TaskState): Promise<boolean>
  /** Looks through the records of the first of these ids, at least of one: until `most` match, or have `maxBytes`. */
  sift (ids: string[], options: SiftOptions): Promise<Sifted>
  /** How large they are. */
  sizes (ids: string[]): Promise<TaskSize[]>
  /**
   * The tasks of the first of these ids: as many as have `maxBytes`, at least one. Null if there is no such task.
   * @param haveEnded nothing but the records is read: the tasks were in a terminal state
   */
  read (ids: string[], maxBytes: number, haveEnded?: boolean): Promise<Array<WalkTask | null>>
  /**
   * As `read`, for lists: the text of a large record may be its head. `live` has what the state depends on, and the
   * progress, which counts. A task that waits does not say what for.
   */
  readHeads (ids: string[], maxBytes: number): Promise<HeadsRead>
}
