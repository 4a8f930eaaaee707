/**
 * The options of `define`. docs/reference/options.md is generated from these comments.
 */
import type { FastifyInstance } from 'fastify'
import type { Priority } from './record.ts'
import type { LimitOptions, RateOptions } from './limits.ts'
import type { DebounceOptions, UniqueOptions } from './unique.ts'
import type { HookError, HookTypes, TaskHooks } from './hooks.ts'
import type { Authorize, BackoffOptions, TaskSchemas } from './options.ts'

/** Options of one task. */
export interface DefineOptions<
  Schemas extends TaskSchemas = TaskSchemas, Instance = FastifyInstance, Types extends HookTypes = any
> extends TaskHooks<Types, Instance> {
  /** The queue that the task is enqueued to. Default `default`. */
  queue?: string
  /** Attempts after the first. Default: the plugin's `retries`. */
  retries?: number
  /**
   * Whether another attempt may help. Called in the worker after each failed attempt, with the error and the number of
   * the attempt (1, 2, …). If it returns false the task fails at once. Default: any error is tried again.
   */
  retryIf?: (error: HookError, attempt: number) => boolean
  /** An attempt that fails so long after the start of the first one is the last, in ms. Default: no limit. */
  retryFor?: number
  /** How long to wait between attempts. Default: the plugin's `backoff`. */
  backoff?: BackoffOptions
  /** How long one attempt may run, in ms. 0 is no limit. Default: the plugin's `timeout`. */
  timeout?: number
  /** How long the record is kept after the task has ended, in ms. Default: the plugin's `resultTtl`. */
  resultTtl?: number
  /**
   * A file whose default export, a `ThreadHandler`, runs in a thread, where it may compute without a pause. A path
   * (relative to the working directory), or a file: URL such as `new URL('./resize.js', import.meta.url)`. Not together
   * with a handler. Default: none.
   */
  thread?: string | URL
  /** Schemas of the data, the result and the progress. Default: none. */
  schema?: Schemas
  /**
   * Whether this request may see the task, or cancel it. Only `true` lets it: for anything else, and if it throws, the
   * answer is 404. `this` is the instance. Default: `routes.authorize`; without that every request may.
   */
  authorize?: Authorize<Instance>
  /** High tasks of a queue are started before normal ones, low ones after them. Default `normal`. */
  priority?: Priority
  /**
   * How many tasks may have started and not ended, over all workers: `{ max: 2, key: data => data.tenant }`. Not for a
   * task that is enqueued to another queue than its own. Default: no limit.
   */
  limit?: LimitOptions
  /**
   * At most one task for each key: `{ key: data => data.id }`. Not for a task that is enqueued to another queue than
   * its own, by a schedule, or as a member of a flow. Default: each enqueue makes a task.
   */
  unique?: UniqueOptions
  /**
   * Several enqueues make one task, with the data of the last: `{ key: data => data.id, wait: 5_000 }`. Not together
   * with `unique`, an `id` or a delay; otherwise as `unique`. Default: each enqueue makes a task.
   */
  debounce?: DebounceOptions
  /**
   * Keep the lines that the task logs with `task.log`: so many bytes of JSON, the newest. 1,024 to 1,048,576. They are
   * shown to whoever may see the task: see docs/guides/monitoring.md. Default: none are kept.
   */
  keepLogs?: number
  /**
   * How often tasks may start, over all workers: `{ max: 10, timeWindow: 1000 }`, or several. In no window of this
   * length more of them start. A task that waits for it spends no attempt. Default: no rate.
   */
  rate?: RateOptions | RateOptions[]
  /** What the record shows in addition: the task's data. Default `[]`. */
  expose?: Array<'data'>
}
