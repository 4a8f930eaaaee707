/**
 * What is read of tasks: the options of `list`, and logs. docs/reference/options.md is generated from these comments.
 */
import type { TaskState } from './record.ts'

/** Options of `fastify.tasks.list`. */
export interface ListOptions {
  /** List tasks in this state. Required, but with `tag`, `kind` or `flow`. Default: none. */
  state: TaskState
  /** `flow` lists flows instead of tasks, newest first. Not together with `state`. Default: `task`. */
  kind?: 'task' | 'flow'
  /** List the members of the flow with this id, in its order. Not together with `state`. Default: none. */
  flow?: string
  /**
   * List tasks with this tag, those first that were enqueued last. The cost of a page does not depend on how many
   * tasks there are. Default: none.
   */
  tag?: string
  /** List tasks of this queue. Default: all queues that are known here, one after the other. */
  queue?: string
  /** List tasks of this name. A page looks at up to 3,000 tasks to find them. Default: all names. */
  name?: string
  /** How many tasks a page has at most, 1 to 1000. Default 50. */
  limit?: number
  /**
   * The `cursor` of the page before. It is valid for the same state, queue, name and tag only. Default: the first page.
   */
  cursor?: string
}

/** Options of `fastify.tasks.list` for flows, or for the members of one. */
export type FlowListOptions = Omit<ListOptions, 'state' | 'tag'> & ({ kind: 'flow' } | { flow: string })

/** Options of `fastify.tasks.list` for tasks with a tag, in any state or in one. */
export type TagListOptions = Partial<ListOptions> & { tag: string }

/** A line that a handler logged with `task.log`. */
export interface TaskLogLine {
  /** ISO 8601. */
  time: string
  /** `info`, `warn`, … */
  level: string
  /** The attempt that logged it: 1, 2, … */
  attempt: number
  msg: string
  /** What was logged with the message. Null if there was nothing, and for a line of more than 8,192 characters. */
  fields: Record<string, unknown> | null
}

/** What `fastify.tasks.logs(id)` and `GET /tasks/:id/logs` return. */
export interface TaskLogs {
  /** Oldest first. */
  lines: TaskLogLine[]
  /** Pass it as `after` for the lines that come later. */
  next: number
}

/** Options of `fastify.tasks.logs`. */
export interface LogsOptions {
  /** As in `WhereOptions`. Default: all queues that are known here. */
  queue?: string | undefined
  /** Only lines that came after an earlier call: the `next` that it returned. Default 0: all lines. */
  after?: number
}
