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
  enqueuedAt: string
  /**
   * When it may start: the end of its delay, or of the wait before its next attempt. Only while it is `delayed` or
   * `retrying`, otherwise null.
   */
  dueAt: string | null
  startedAt: string | null
  finishedAt: string | null
  result: Result | null
  error: TaskErrorRecord | null
  /** Only if the task has `expose: ['data']`. */
  data?: unknown
}

/** How many tasks of a queue are in each state. Tasks between two attempts count as delayed, or as waiting. */
export type QueueCounts = Record<Exclude<TaskState, 'retrying'>, number>

/** A page of `fastify.tasks.list`. */
export interface TaskPage {
  /** May be fewer than `limit`: tasks that changed their state meanwhile, or have another name, are left out. */
  tasks: Array<TaskRecord<any, any>>
  /** Pass it to `list` for the next page. Null after the last page. */
  cursor: string | null
}
