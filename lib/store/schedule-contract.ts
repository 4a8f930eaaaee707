/**
 * What a store must do for schedules. Two stores do it, as with the rest of the contract.
 *
 * A schedule lives in the queue of its task: its tick enqueues the task there, in one step. Times are ms since 1970 on
 * the store's clock.
 */
import type { Level } from './level.ts'
import type { Tags } from '../records/tags.ts'

/** How a tick ended. `held`: it waits for the task before it. `missed`: nobody fired it in time. */
export type TickOutcome = 'fired' | 'skipped' | 'held' | 'missed'

/**
 * `taken`: another caller was first, or the schedule was changed. `early`: it is not due by the store's clock.
 * `orphan`: no process declares it any more.
 */
export type TickReply = TickOutcome | 'taken' | 'early' | 'orphan'

/** What a store keeps of a schedule beside its definition. */
export interface ScheduleState {
  /** Of its last move between queues: see `SchedulePlaces`. */
  epoch: number
  /** Changes with each change of the definition. */
  generation: number
  hash: string
  declared: boolean
  /** When a process declared it last. */
  seen: number
  /** How long it may be silent before it is an orphan, in ms. */
  grace: number
  paused?: boolean
  /** It has left this queue. */
  moved?: boolean
  orphan?: boolean
  /** The planned time of the next tick. */
  next?: number
  /** The planned time of the last tick that was counted, or is held. */
  mark?: number
  /** The planned time, and the task, of the last tick that fired. */
  last?: number
  task?: string
  /** The queue of that task, if the schedule was moved since. */
  taskQueue?: string
  held?: number
  heldMissed?: number
  outcome?: TickOutcome
  fired?: number
  skipped?: number
  missed?: number
  max?: number
}

export interface StoredSchedule {
  id: string
  /** The definition, as JSON. */
  spec: string
  state: ScheduleState
}

/** A planned time, and when it is due. */
export interface PlannedTick { planned: number, due: number }

/**
 * Planned times that have passed, and do not fire: how many, and the last of them. With the interval between them,
 * null for a cron expression, the store counts what is left of them if a tick fires meanwhile.
 */
export interface PassedTicks { count: number, last: number, every: number | null }

export interface NewSchedule {
  id: string
  epoch: number
  hash: string
  declared: boolean
  spec: string
  next: PlannedTick | null
  maxRuns: number | null
  grace: number
  /** The next tick that the caller read, null if there was none, and the generation. */
  expected: number | null
  generation: number
  /** They are missed, unless the definition is the same. */
  passed: PassedTicks | null
  /** What it brings from another queue, as JSON. */
  brought: string | null
  /** The queue of its last task, if that is another one. */
  taskQueue: string | null
  /** Only if nothing is stored. */
  onlyNew: boolean
}

/**
 * `declared`: a schedule that is set at run time does not replace a declared one. `superseded`: it has moved to another
 * queue meanwhile. `passed`: a tick was counted meanwhile, so the next one has to be computed again.
 */
export type SetReply = 'set' | 'unchanged' | 'declared' | 'superseded' | 'passed'

export interface Tick {
  id: string
  generation: number
  /** `held`: a tick that waits for the task before it. */
  mode: 'tick' | 'held'
  /** The planned time that the caller expects: of the next tick, or of the held one. */
  expected: number
  /** The planned time to fire. Null if all were missed. */
  fire: number | null
  /** How many ticks are missed beside that one. */
  missed: number
  /** The planned time of the last tick that is counted by this call. */
  mark: number
  next: PlannedTick | null
  taskId: string
  /** The record of the task. */
  text: string
  /** When the task is due, if it is delayed. */
  delay: number | null
  overlap: 'skip' | 'queue' | 'allow'
  /** The last task is in another queue, and has not ended. */
  runsElsewhere: boolean
  /** The lane of the task, if it has a limit. */
  lane?: string | undefined
  level?: Level | undefined
  /** The tags of the task, if it has any. */
  tags?: Tags | undefined
}

export type ScheduleChange =
  /** Not if it was placed again meanwhile, with a higher epoch. */
  | { action: 'remove', epoch: number }
  /** As in NewSchedule. */
  | { action: 'pause', expected: number | null, generation: number, passed: PassedTicks | null }
  /** `generation`: of the definition that `next` was computed of. */
  | { action: 'resume', next: PlannedTick | null, generation: number }
  /** A living process declares it. */
  | { action: 'see', hash: string }
  /**
   * Its tick cannot fire: not to be looked at for a minute, or never if there is no definition. `spec`: the definition,
   * empty if none could be read.
   */
  | { action: 'put off', spec: string }
  /** It moves to another queue. */
  | { action: 'leave', epoch: number }

/** The schedules of one queue. */
export interface QueueSchedules {
  set (schedule: NewSchedule): Promise<SetReply>
  /**
   * Returns the state as it was, as JSON. Null if the schedule is unknown or was not changed. `passed`: see SetReply.
   */
  change (id: string, change: ScheduleChange): Promise<string | 'passed' | null>
  /**
   * `due`: those with a tick that is due or held, at most some hundred. One of them without a definition, or without a
   * state, has an empty one.
   */
  read (which: 'all' | 'due' | string[]): Promise<{ now: number, schedules: StoredSchedule[] }>
  /** Whether a task of another queue is stored there, and has not ended. */
  runsIn (queue: string, task: string): Promise<boolean>
  /** Moves the mark of a schedule, and enqueues the task of the tick, in one step. */
  tick (tick: Tick): Promise<TickReply>
}

export interface SchedulePlace {
  /** Grows with each move. */
  epoch: number
  queue: string
  /** Queues that it has to leave. */
  leaves: string[]
}

/** In which queue each schedule is. */
export interface SchedulePlaces {
  /** Places a schedule in a queue. A move begins a new epoch. */
  place (id: string, queue: string): Promise<SchedulePlace>
  /** The move is complete. */
  settle (id: string, epoch: number): Promise<void>
  forget (id: string, epoch: number): Promise<void>
  find (id: string): Promise<SchedulePlace | null>
  /** The cursor is "0" to begin, and at the end. What is placed while all pages are read is on at least one. */
  page (cursor: string): Promise<{ cursor: string, places: Map<string, SchedulePlace> }>
}
