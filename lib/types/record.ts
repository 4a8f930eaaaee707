/**
 * The states of a task, and its record as people read it.
 */

/** A task stays in these states. Only a retry by hand moves it on, and only from `failed`. */
export type TerminalState = 'succeeded' | 'failed' | 'cancelled' | 'expired'

/**
 * `waiting` in its queue, `delayed` until a time, `active` in a worker, `retrying` between two attempts, then one of
 * the terminal states.
 */
export type TaskState = 'waiting' | 'delayed' | 'active' | 'retrying' | TerminalState

/** A failure as it is stored and shown. */
export interface TaskErrorRecord {
  name: string
  message: string
  /** The `code` of the error that was thrown, for example `FST_TASKS_TIMEOUT`, or null. */
  code: string | null
  /** Only if `exposeStack` is on. */
  stack?: string
}

/** The tick of a schedule that enqueued a task. */
export interface ScheduledTick {
  /** The schedule's id. */
  id: string
  /** The planned time, ISO 8601. */
  plannedAt: string
  /** How late the task was enqueued, in ms. */
  lateBy: number
  /** How many ticks before this one were missed, because nobody fired them in time. */
  missed: number
}

/** The flow that a task is a member of, as the record shows it. The flow's own record has `done` and `total`. */
export interface FlowMembership {
  id: string
  /** The member's name in the flow. Null for the flow itself. */
  key: string | null
  /** How many members have ended, and how many there are. Null for a member. */
  done: number | null
  total: number | null
}

/** The progress of a flow. */
export interface FlowProgress {
  done: number
  total: number
}

/** An attempt that failed. Times are ISO 8601. */
export interface FailedAttempt {
  /** 1, 2, … */
  attempt: number
  /** Null if it is not known: its worker died. */
  startedAt: string | null
  finishedAt: string
  /** Id of the worker. Null if it is not known. */
  worker: string | null
  /** `retrying`: there was another attempt. `failed`: it was the last. `stalled`: its worker died once too often. */
  outcome: 'retrying' | 'failed' | 'stalled'
  /** The message is cut after 500 characters. */
  error: TaskErrorRecord
}

/** Which tasks of a queue are started first. */
export type Priority = 'high' | 'normal' | 'low'

/** Why a task that could start does not start. */
export interface BlockedBy {
  /**
   * `pause`: its queue, or the tasks of its name, are paused. `limit`: its limit is used up. `rate`: no more of its
   * key may start yet.
   */
  kind: 'pause' | 'limit' | 'rate'
  /** The key of its limit or rate. Empty for one without key, null for a pause. */
  key: string | null
  /** For people. */
  text: string
}

/** What `fastify.tasks.status(id)` and `GET /tasks/:id` return. Times are ISO 8601, or null. */
export interface TaskRecord<Result = unknown, Progress = unknown> {
  id: string
  name: string
  queue: string
  state: TaskState
  /** The app's own word for where the task is (`updateState`), or null. */
  stage: string | null
  progress: Progress | null
  /** The attempt that is running, or the last one that ran. 0 before the first. */
  attempt: number
  /** The largest number of attempts: 1 + `retries`. */
  attempts: number
  priority: Priority
  enqueuedAt: string
  /**
   * When it may start: the end of its delay, or of the wait before its next attempt. Only while it is `delayed` or
   * `retrying`, otherwise null.
   */
  dueAt: string | null
  /** What holds it back although it could start. Null if nothing does. */
  blockedBy: BlockedBy | null
  startedAt: string | null
  finishedAt: string | null
  /** The tick of the schedule that enqueued it. Null if no schedule did. */
  schedule: ScheduledTick | null
  /** The flow that it is a member of, or that it is. Otherwise null. */
  flow: FlowMembership | null
  /** The tags that it was enqueued with. */
  tags: string[]
  result: Result | null
  error: TaskErrorRecord | null
  /** The last 10 failed attempts, the newest last. Those before a retry by hand too. */
  failedAttempts: FailedAttempt[]
  /** Only if the task has `expose: ['data']`. */
  data?: unknown
}

/** How many tasks of a queue are in each state. Tasks between two attempts count as delayed, or as waiting. */
export interface QueueCounts extends Record<Exclude<TaskState, 'retrying'>, number> {
  /** Whether the queue is paused. */
  paused: boolean
  /** Names whose tasks are paused in this queue. */
  pausedTasks: string[]
}

/** A page of `fastify.tasks.list`. */
export interface TaskPage {
  /** May be fewer than `limit`: tasks that changed their state meanwhile are left out. None, if a name is rare. */
  tasks: Array<TaskRecord<any, any>>
  /** Pass it to `list` for the next page. Null after the last page. */
  cursor: string | null
}
