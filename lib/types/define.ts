/**
 * The options of `define`. docs/reference/options.md is generated from these comments.
 */
import type { FastifyInstance } from 'fastify'
import type { HookTypes, TaskHooks } from './hooks.ts'
import type { Authorize, BackoffOptions, TaskSchemas } from './options.ts'

/** The limit of a task, over all workers. */
export interface LimitOptions {
  /** How many tasks of a key may have started. 1 to 10,000. With `ordered` it is 1. */
  max?: number
  /** The tasks of each key have the limit of their own. At most 100 characters. Default: one key for all. */
  key?: (data: any) => string
  /**
   * The tasks of a key run one at a time, in the order of their enqueue. A task that waits for its next attempt holds
   * up the others. Default false.
   */
  ordered?: boolean
}

/** Options of one task. */
export interface DefineOptions<
  Schemas extends TaskSchemas = TaskSchemas, Instance = FastifyInstance, Types extends HookTypes = any
> extends TaskHooks<Types, Instance> {
  /** The queue that the task is enqueued to. Default `default`. */
  queue?: string
  /** Attempts after the first. Default: the plugin's `retries`. */
  retries?: number
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
   * Whether this request may see the task, or cancel it. If it returns false or throws, the answer is 404. `this` is
   * the instance. Default: `routes.authorize`; without that every request may.
   */
  authorize?: Authorize<Instance>
  /**
   * How many tasks may have started and not ended, over all workers: `{ max: 2, key: data => data.tenant }`. Not for a
   * task that is enqueued to another queue than its own. Default: no limit.
   */
  limit?: LimitOptions
  /** What the record shows in addition: the task's data. Default `[]`. */
  expose?: Array<'data'>
}
