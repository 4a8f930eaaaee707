/**
 * A task as `define` returns it, a handle on a task that was enqueued, and what a handler gets.
 */
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import type { EnqueueArguments, EnqueueItem, ResultOptions } from './options.ts'
import type { AllowedToFail, SettledResult, Signature, SignatureArguments, TaskFlow } from './flow.ts'
import type { ScheduledTick, TaskRecord } from './record.ts'

/**
 * `cancelled`: it had not started, and never will. `requested`: it is running, and its worker aborts it.
 * `finished`: it had ended before. `unknown`: there is no such task.
 */
export type CancelOutcome = 'cancelled' | 'requested' | 'finished' | 'unknown'

/** `queued`: re-queued with all attempts. `refused`: its state is not `failed`. `unknown`: there is no such task. */
export type RetryOutcome = 'queued' | 'refused' | 'unknown'

/** `removed`: nothing of it is left. `active`: it is running, cancel it first. `unknown`: there is no such task. */
export type RemoveOutcome = 'removed' | 'active' | 'unknown'

/** A task that was enqueued. */
export interface TaskHandle<Result = unknown, Progress = unknown> {
  readonly id: string
  readonly name: string
  readonly queue: string
  /** False if a task with this id was enqueued before. The handle is then on that task. */
  readonly created: boolean
  /**
   * Path of its status route. Null with `routes: false`, and if the path has a parameter (the prefix `/:tenant`) that
   * the current request has not.
   */
  readonly location: string | null
  /** Its record as it was enqueued, without a round trip. Null if `created` is false. */
  readonly snapshot: TaskRecord<Result, Progress> | null
  /**
   * Reads its record. Resolves with null if it is gone.
   * @throws FST_TASKS_REDIS_UNAVAILABLE
   */
  status (): Promise<TaskRecord<Result, Progress> | null>
  /**
   * Waits until the task has ended, and returns its result.
   * @param options.timeout how long to wait, in ms. Default: no limit
   * @throws FST_TASKS_TASK_OPTION_INVALID, FST_TASKS_OPTION_UNKNOWN, FST_TASKS_FAILED, FST_TASKS_CANCELLED,
   * FST_TASKS_EXPIRED, FST_TASKS_NOT_FOUND, FST_TASKS_RESULT_TIMEOUT, FST_TASKS_REDIS_UNAVAILABLE,
   * FST_TASKS_CLOSED
   */
  result (options?: ResultOptions): Promise<Result>
  /** See `FastifyTasks.cancel`. */
  cancel (): Promise<CancelOutcome>
}

/** What a handler gets in addition to its data. */
export interface TaskContext<Data = unknown, Progress = unknown, Previous = unknown> {
  readonly id: string
  readonly name: string
  readonly queue: string
  readonly data: Data
  /** The number of this attempt: 1, 2, … */
  readonly attempt: number
  /** The largest number of attempts: 1 + `retries`. */
  readonly attempts: number
  /** The id of the request that enqueued it, or null. A request is known in `preValidation` hooks and later. */
  readonly requestId: string | null
  /** The W3C `traceparent` of that request, for calls that continue its trace, or null. */
  readonly traceparent: string | null
  /** The W3C `tracestate` of that request, or null. */
  readonly tracestate: string | null
  /** The tick of the schedule that enqueued it, or null. */
  readonly schedule: ScheduledTick | null
  /** The flow that it is a member of, or null. */
  readonly flow: TaskFlow | null
  /**
   * In a flow: what came before. One result; a list of them after a group; an object of them by name in a graph.
   * Undefined if nothing came before.
   * @throws FST_TASKS_NOT_IN_FLOW, FST_TASKS_FLOW_RESULT_GONE, FST_TASKS_DATA_REFUSED
   */
  previous (): Promise<Previous>
  /**
   * In a flow: all results of what came before, as a list, or as an object by name in a graph. Unchecked.
   * @throws FST_TASKS_NOT_IN_FLOW, FST_TASKS_FLOW_RESULT_GONE
   */
  results<Results = any> (): Promise<Results>
  /** The instance on which the task was defined. The same as a handler's `this`, for arrow functions. */
  readonly app: FastifyInstance
  /** Aborted on timeout, cancel, shutdown, and if the claim was lost. `signal.reason.code` says why. */
  readonly signal: AbortSignal
  /**
   * The app's logger with `taskId`, `task`, `attempt`, `reqId` (or the app's `requestIdLogLabel`), `trace_id`,
   * `span_id` and `trace_flags`.
   */
  readonly log: FastifyBaseLogger
  /**
   * Stores a stage (any text, at most 256 characters) and progress (any JSON). Other processes can read them at once.
   * @throws FST_TASKS_PROGRESS_INVALID at once, not through the promise: it need not be awaited
   */
  updateState (stage: string, progress?: Progress): Promise<void>
  /**
   * Stores progress, and leaves the stage as it is.
   * @throws FST_TASKS_PROGRESS_INVALID at once, as `updateState`
   */
  reportProgress (progress: Progress): Promise<void>
}

/** Runs a task. `define` infers all four types from a function. A handler in a file of its own may state them. */
export type TaskHandler<
  Data = any, Result = unknown, Progress = any, Instance = FastifyInstance, Previous = unknown
> = (this: Instance, data: Data, task: TaskContext<Data, Progress, Previous>) => Promise<Result> | Result

/**
 * What a handler in a thread gets in addition to its data. There is no Fastify instance in a thread, and no task to add
 * to a flow.
 */
export type ThreadTask<Data = any, Progress = any, Previous = any> =
  Omit<TaskContext<Data, Progress, Previous>, 'app' | 'flow'>

/** The default export of a task's `thread` file. It has no `this`. */
export type ThreadHandler<Data = any, Result = unknown, Progress = any> = (
  data: Data, task: ThreadTask<Data, Progress>
) => Promise<Result> | Result

/** A task, as `define` returns it. */
export interface Task<Data = any, Result = unknown, Progress = any, Previous = unknown> {
  readonly name: string
  readonly queue: string
  /** Enqueues one task. See `FastifyTasks.enqueue`. */
  enqueue (...args: EnqueueArguments<Data>): Promise<TaskHandle<Result, Progress>>
  /** Enqueues many tasks in few round trips. See `FastifyTasks.enqueueMany`. */
  enqueueMany (items: Array<EnqueueItem<Data>>): Promise<Array<TaskHandle<Result, Progress>>>
  /** The task with its data, as a member of a flow. See `FastifyTasks.enqueueFlow`. */
  signature (data: Data, options: AllowedToFail): Signature<SettledResult<Result>, Previous>
  signature (...args: SignatureArguments<Data>): Signature<Result, Previous>
}
