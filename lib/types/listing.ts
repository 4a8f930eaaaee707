/**
 * The options of `list`. docs/reference/options.md is generated from these comments.
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
  /** List tasks of this name. Default: all names. */
  name?: string
  /** How many ids a page reads, 1 to 1000. Default 50. */
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
