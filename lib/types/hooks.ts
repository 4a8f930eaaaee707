/**
 * Hooks of tasks, as Fastify has hooks of requests.
 */
import type { FastifyInstance } from 'fastify'
import type { EnqueueOptions } from './options.ts'
import type { TaskContext } from './task.ts'

/** Ends a hook in callback style. What follows runs inside the caller's async context. */
export type HookDone = (error?: Error | null) => void

/** What `preEnqueue` gets. A hook may change all but the name. */
export interface EnqueueEntry<Data = any> {
  readonly name: string
  /** Another queue that is known here sends the task there. So does `options.queue`, unless this is changed too. */
  queue: string
  data: Data
  options: EnqueueOptions
}

/** How an attempt ended, for `onAttemptEnd`. */
export interface AttemptEnd {
  /**
   * `retrying`: it failed, and there will be another attempt. `failed`: it was the last. `released`: a shutdown ended
   * it, and the task goes back to its queue. `lost`: the claim belongs to another worker.
   */
  outcome: 'succeeded' | 'retrying' | 'failed' | 'cancelled' | 'released' | 'lost'
  /** What the handler or a hook before it threw, or the timeout. Null unless it failed. */
  error: HookError | null
}

/** What a stalled task came to, for `onStalled`. */
export interface Stall {
  /** `requeued`: it waits again. `failed`: it stalled more often than `maxStalls`. */
  outcome: 'requeued' | 'failed'
}

/** The error of a failed attempt. Anything else that was thrown is the `cause` of an Error. */
export type HookError = Error & { code?: string | number }

/** What the hooks of a stalled task get: no attempt of it runs here. */
export type StalledTask<Data = any> = Omit<TaskContext<Data>, 'signal' | 'updateState' | 'reportProgress'>

/**
 * A hook that returns a promise ends with it. One that takes `done` ends when that is called. Any other ends when it
 * returns. An async function that takes `done` is refused.
 */
type Hook<Instance, Args extends unknown[]> = (this: Instance, ...args: [...Args, done: HookDone]) => unknown

export type PreEnqueueHook<Data = any, Instance = FastifyInstance> = Hook<Instance, [entry: EnqueueEntry<Data>]>
export type PreHandlerHook<Data = any, Instance = FastifyInstance, Progress = any> =
  Hook<Instance, [task: TaskContext<Data, Progress>]>
export type OnSuccessHook<Data = any, Instance = FastifyInstance, Progress = any, Result = any> =
  Hook<Instance, [task: TaskContext<Data, Progress>, result: Result]>
export type OnErrorHook<Data = any, Instance = FastifyInstance, Progress = any> =
  Hook<Instance, [task: TaskContext<Data, Progress>, error: HookError]>
export type OnFailedHook<Data = any, Instance = FastifyInstance> =
  Hook<Instance, [task: StalledTask<Data>, error: HookError]>
export type OnAttemptEndHook<Data = any, Instance = FastifyInstance, Progress = any> =
  Hook<Instance, [task: TaskContext<Data, Progress>, end: AttemptEnd]>
export type OnStalledHook<Data = any, Instance = FastifyInstance> =
  Hook<Instance, [task: StalledTask<Data>, stall: Stall]>

/** The types of a task that its hooks see. */
export interface HookTypes { enqueued: unknown, data: unknown, result: unknown, progress: unknown }

type OneOrMany<T> = T | T[]

/** The hooks of one task. They run after those of its scope. */
export interface TaskHooks<Types extends HookTypes = any, Instance = FastifyInstance> {
  /**
   * Called before each enqueue, and before the data is validated: it may change data and options. What it throws is
   * what the enqueue throws. Default: none.
   */
  preEnqueue?: OneOrMany<PreEnqueueHook<Types['enqueued'], Instance>>
  /** Called in the worker before the handler. What it throws fails the attempt. Default: none. */
  preHandler?: OneOrMany<PreHandlerHook<Types['data'], Instance, Types['progress']>>
  /** Called after the handler has returned its result, before that is stored. Default: none. */
  onSuccess?: OneOrMany<OnSuccessHook<Types['data'], Instance, Types['progress'], Types['result']>>
  /** Called after each failed attempt. Default: none. */
  onError?: OneOrMany<OnErrorHook<Types['data'], Instance, Types['progress']>>
  /** Called when the task fails and no attempt is left. Default: none. */
  onFailed?: OneOrMany<OnFailedHook<Types['data'], Instance>>
  /** Called after each attempt, as the last of all hooks, however it ended. Default: none. */
  onAttemptEnd?: OneOrMany<OnAttemptEndHook<Types['data'], Instance, Types['progress']>>
  /** Called in the worker that finds the lease of the task's worker expired. Default: none. */
  onStalled?: OneOrMany<OnStalledHook<Types['data'], Instance>>
}

/** The names of hooks. */
export type TaskHookName =
  'preEnqueue' | 'preHandler' | 'onSuccess' | 'onError' | 'onFailed' | 'onAttemptEnd' | 'onStalled'

/** The function that a hook of this name is. */
export interface HookOf<Instance = FastifyInstance> {
  preEnqueue: PreEnqueueHook<any, Instance>
  preHandler: PreHandlerHook<any, Instance>
  onSuccess: OnSuccessHook<any, Instance>
  onError: OnErrorHook<any, Instance>
  onFailed: OnFailedHook<any, Instance>
  onAttemptEnd: OnAttemptEndHook<any, Instance>
  onStalled: OnStalledHook<any, Instance>
}
