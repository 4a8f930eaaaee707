/**
 * What the plugin adds to Fastify: `fastify.tasks` and `reply.accepted`.
 */
import type {
  FastifyBaseLogger, FastifyInstance, FastifyTypeProvider, FastifyTypeProviderDefault, RawReplyDefaultExpression,
  RawRequestDefaultExpression, RawServerBase, RawServerDefault
} from 'fastify'
import type {
  DataAgrees, HandlerData, HandlerPrevious, HandlerProgress, HandlerResult, KnownTypes, NamedData, NamedProgress,
  NamedResult, ProgressAgrees, ResultAgrees, ResultFits, TaskData, TaskPrevious, TaskProgress, TaskResult
} from './inference.ts'
import type {
  AdvanceOptions, DrainOptions, EnqueueArguments, EnqueueItem, PurgeOptions, TaskSchemas, WhereOptions, WorkerOptions
} from './options.ts'
import type { FlowListOptions, ListOptions, LogsOptions, TagListOptions, TaskLogs } from './listing.ts'
import type { DefineOptions } from './define.ts'
import type { HistoryOptions, HistoryPoint } from './history.ts'
import type { LimitChange, PauseTarget } from './limits.ts'
import type { FlowOptions, FlowShape } from './flow.ts'
import type { HookOf, TaskHookName } from './hooks.ts'
import type {
  CancellableState, CountOptions, ManyOptions, ManyResult, PromoteOutcome, RescheduleOptions, RescheduleOutcome,
  RetryFilter, TaskFilter
} from './operations.ts'
import type { FlowProgress, QueueCounts, TaskPage, TaskRecord, TaskState } from './record.ts'
import type { Schedules, ScheduleSpec } from './schedule.ts'
import type { CancelOutcome, RemoveOutcome, RetryOutcome, Task, TaskHandle, TaskHandler } from './task.ts'
import type { TaskName } from './tasks-by-name.ts'
import type { TaskWorker, WorkerInfo } from './worker.ts'

/** What is left after `drain` and `advance`. */
export interface Drained {
  /** How many tasks are delayed, or between two attempts. */
  delayed: number
}

/**
 * `fastify.tasks`.
 * @typeParam Provider the type provider of the app (`withTypeProvider`). It types data, result and progress by their
 * schemas.
 * @typeParam Instance the handlers' `this`
 */
export interface FastifyTasks<
  Provider extends FastifyTypeProvider = FastifyTypeProviderDefault,
  Instance = FastifyInstance
> {
  /** The `name` option. */
  readonly name: string
  /** A random id. In payloads of telemetry it tells the plugin instances of one process apart. */
  readonly instanceId: string
  /**
   * Defines a task. The handler's `this` is the instance on which `define` was called.
   * Without a handler the task can be enqueued here. It runs in workers that have a handler for it.
   * A schema that cannot be compiled fails the boot with FST_TASKS_SCHEMA_INVALID.
   * Types come from the schemas, through the instance's type provider; else from `Tasks`; else from the type arguments,
   * or from the handler.
   * @throws FST_TASKS_ALREADY_DEFINED, FST_TASKS_NAME_INVALID, FST_TASKS_TASK_OPTION_INVALID,
   * FST_TASKS_HANDLER_INVALID, FST_TASKS_THREAD_NOT_FOUND, FST_TASKS_THREAD_BUNDLED, FST_TASKS_OPTION_UNKNOWN,
   * FST_TASKS_OPTION_CLASH
   */
  define<
    Data = never, Result = never, Progress = never, Previous = never, const Name extends string = string,
    const DataSchema = unknown, const ResultSchema = unknown, const ProgressSchema = unknown,
    const PreviousSchema = unknown
  > (
    name: Name,
    options: DefineOptions<TaskSchemas<
      DataSchema & DataAgrees<Provider, DataSchema, Name>,
      ResultSchema & ResultAgrees<Provider, ResultSchema, Name>,
      ProgressSchema & ProgressAgrees<Provider, ProgressSchema, Name>,
      PreviousSchema
    >, Instance, KnownTypes<Provider, Name, DataSchema, ResultSchema, ProgressSchema>>,
    handler?: TaskHandler<
      HandlerData<Provider, DataSchema, Name, Data>,
      HandlerResult<Provider, ResultSchema, Name, Result>,
      HandlerProgress<Provider, ProgressSchema, Name, Progress>,
      Instance,
      HandlerPrevious<Provider, PreviousSchema, Name, Previous>
    > & ResultFits<Provider, ResultSchema, Name, Result>
  ): Task<
    TaskData<Provider, DataSchema, Name, Data>,
    TaskResult<Provider, ResultSchema, Name, Result>,
    TaskProgress<Provider, ProgressSchema, Name, Progress>,
    TaskPrevious<Provider, PreviousSchema, Name, Previous>
  >
  define<Data = never, Result = never, Progress = never, Previous = never, const Name extends string = string> (
    name: Name,
    handler?: TaskHandler<
      HandlerData<Provider, unknown, Name, Data>,
      HandlerResult<Provider, unknown, Name, Result>,
      HandlerProgress<Provider, unknown, Name, Progress>,
      Instance,
      HandlerPrevious<Provider, unknown, Name, Previous>
    > & ResultFits<Provider, unknown, Name, Result>
  ): Task<
    TaskData<Provider, unknown, Name, Data>,
    TaskResult<Provider, unknown, Name, Result>,
    TaskProgress<Provider, unknown, Name, Progress>,
    TaskPrevious<Provider, unknown, Name, Previous>
  >
  /**
   * Adds a hook for the tasks that this scope defines, and the scopes inside of it. See docs/guides/hooks.md.
   * @throws Fastify's FST_ERR_HOOK_INVALID_TYPE, FST_ERR_HOOK_NOT_SUPPORTED, FST_ERR_HOOK_INVALID_HANDLER,
   * FST_ERR_HOOK_INVALID_ASYNC_HANDLER, FST_ERR_INSTANCE_ALREADY_LISTENING
   */
  addHook<Name extends TaskHookName> (name: Name, hook: HookOf<Instance>[Name]): this
  /**
   * Declares a schedule: from the app's start on its task is enqueued at each tick, once, however many processes
   * declare it. Checked when the app is ready, if the task is defined later.
   * @throws FST_TASKS_SCHEDULE_*, FST_TASKS_NOT_DEFINED, FST_TASKS_*_OPTION_*
   */
  defineSchedule<Data> (id: string, spec: ScheduleSpec<Task<Data, any, any>, Data>): void
  defineSchedule<Name extends TaskName> (id: string, spec: ScheduleSpec<Name, NamedData<Name>>): void
  /** Schedules at run time. */
  readonly schedules: Schedules
  /**
   * Enqueues one task. Resolves when Redis has stored it. If it throws, nothing is stored, except with the code
   * FST_TASKS_REDIS_UNAVAILABLE: then `error.sent` says whether the task may be stored.
   * @throws FST_ERR_VALIDATION (400, as for a body) if the data does not fit the task's schema, FST_TASKS_NOT_DEFINED,
   * FST_TASKS_DATA_INVALID, FST_TASKS_DATA_TOO_LARGE, FST_TASKS_TASK_OPTION_INVALID, FST_TASKS_OPTION_UNKNOWN,
   * FST_TASKS_OPTION_CLASH, FST_TASKS_ID_INVALID, FST_TASKS_ID_TAKEN, FST_TASKS_QUEUE_UNKNOWN,
   * FST_TASKS_REDIS_UNAVAILABLE
   */
  enqueue<Name extends TaskName> (
    name: Name, ...args: EnqueueArguments<NamedData<Name>>
  ): Promise<TaskHandle<NamedResult<Name>, NamedProgress<Name>>>
  /**
   * Enqueues many tasks of one name, pipelined. All are checked before the first is sent. If it breaks off midway, its
   * error has `enqueued`, the ids that are stored, and `items`: to enqueue these makes each task once.
   * @throws as `enqueue`
   */
  enqueueMany<Name extends TaskName> (
    name: Name, items: Array<EnqueueItem<NamedData<Name>>>
  ): Promise<Array<TaskHandle<NamedResult<Name>, NamedProgress<Name>>>>
  /**
   * Enqueues a flow: tasks that wait for each other, written with `chain`, `group`, `chord` and `flow`. All is checked
   * before anything is stored. The handle, `status`, `cancel`, `retry` and the routes work as for a task.
   * @throws FST_TASKS_FLOW_INVALID, FST_TASKS_FLOW_TOO_LARGE, FST_TASKS_FLOW_OPTION_INVALID, FST_TASKS_OPTION_UNKNOWN;
   *   and as `enqueue`, for each member
   */
  enqueueFlow<Result> (shape: FlowShape<Result, any>, options?: FlowOptions): Promise<TaskHandle<Result, FlowProgress>>
  /**
   * Reads the record of a task. Resolves with null if there is none. One round trip, however long the queue is.
   * @throws FST_TASKS_ID_AMBIGUOUS, FST_TASKS_QUEUE_UNKNOWN, FST_TASKS_REDIS_UNAVAILABLE
   */
  status<Result = unknown, Progress = unknown> (
    id: string, where?: WhereOptions
  ): Promise<TaskRecord<Result, Progress> | null>
  /**
   * Returns a handle on a task that was enqueued elsewhere, or null.
   * @throws FST_TASKS_ID_AMBIGUOUS, FST_TASKS_QUEUE_UNKNOWN, FST_TASKS_REDIS_UNAVAILABLE
   */
  handle<Result = unknown, Progress = unknown> (
    id: string, where?: WhereOptions
  ): Promise<TaskHandle<Result, Progress> | null>
  /**
   * Cancels a task, in whatever process it is.
   * @throws FST_TASKS_ID_AMBIGUOUS, FST_TASKS_QUEUE_UNKNOWN, FST_TASKS_REDIS_UNAVAILABLE
   */
  cancel (id: string, where?: WhereOptions): Promise<CancelOutcome>
  /**
   * Queues a `failed` task again, with all attempts.
   * @throws FST_TASKS_ID_AMBIGUOUS, FST_TASKS_QUEUE_UNKNOWN, FST_TASKS_REDIS_UNAVAILABLE
   */
  retry (id: string, where?: WhereOptions): Promise<RetryOutcome>
  /**
   * What a task with `keepLogs` has logged so far. Null if there is no such task.
   * @throws as `status`; FST_TASKS_*_OPTION_*
   */
  logs (id: string, options?: LogsOptions): Promise<TaskLogs | null>
  /**
   * Lists tasks of one state: waiting and active ones oldest first, delayed and retrying ones as they are due, those of
   * them that wait for a worker last, ended ones newest first. A page ends behind 4 MiB. A long queue costs no more.
   * @throws FST_TASKS_*_OPTION_*, FST_TASKS_QUEUE_UNKNOWN, FST_TASKS_CURSOR_INVALID, FST_TASKS_REDIS_UNAVAILABLE
   */
  list (options: ListOptions | TagListOptions | FlowListOptions): Promise<TaskPage>
  /**
   * Counts the tasks in each state, for each known queue.
   * @throws FST_TASKS_REDIS_UNAVAILABLE
   */
  counts (): Promise<Record<string, QueueCounts>>
  /**
   * Removes a task that is not running, and everything that is stored of it.
   * @throws FST_TASKS_ID_AMBIGUOUS, FST_TASKS_QUEUE_UNKNOWN, FST_TASKS_REDIS_UNAVAILABLE
   */
  remove (id: string, where?: WhereOptions): Promise<RemoveOutcome>
  /**
   * Removes the waiting and delayed tasks of a queue. Resolves with their number. Tasks between two attempts are
   * removed only with `retrying: true`.
   * @throws FST_TASKS_QUEUE_UNKNOWN, FST_TASKS_PLUGIN_OPTION_INVALID, FST_TASKS_OPTION_UNKNOWN,
   *   FST_TASKS_REDIS_UNAVAILABLE
   */
  purge (queue: string, options?: PurgeOptions): Promise<number>
  /**
   * From now on no worker claims a task of the queue, or of the name. Running tasks go on, delayed ones come due and
   * wait. It stays so until `resume`, also when Redis and all processes restart. Resolves with false if it was paused
   * before.
   * @throws FST_TASKS_QUEUE_UNKNOWN, FST_TASKS_NOT_DEFINED, FST_TASKS_PLUGIN_OPTION_INVALID, FST_TASKS_OPTION_UNKNOWN,
   *   FST_TASKS_REDIS_UNAVAILABLE
   */
  pause (target: PauseTarget): Promise<boolean>
  /**
   * Ends a pause. What waited comes first, in its order. Resolves with false if it was not paused.
   * @throws as `pause`
   */
  resume (target: PauseTarget): Promise<boolean>
  /**
   * Changes the limit or the rates of a task at run time, in Redis: all workers obey at once. Tasks that have started
   * go on. With null those of the code count again.
   * @throws FST_TASKS_NOT_DEFINED, FST_TASKS_LIMIT_UNKNOWN, FST_TASKS_PLUGIN_OPTION_INVALID, FST_TASKS_OPTION_*,
   *   FST_TASKS_REDIS_UNAVAILABLE
   */
  setLimit (name: string, change: LimitChange | null): Promise<void>
  /**
   * Counts the tasks that match, looking at each where Redis has no count of its own. Tasks that come and go meanwhile
   * make it a little wrong.
   * @throws FST_TASKS_*_OPTION_*, FST_TASKS_QUEUE_UNKNOWN, FST_TASKS_REDIS_UNAVAILABLE
   */
  count (filter: TaskFilter, options?: CountOptions): Promise<number>
  /**
   * Queues all failed tasks that match again, as `retry` does. Each once, though it may fail again meanwhile: what
   * fails after the call began does not match. An error has `matched`, `changed` and the `cursor` to go on from.
   * @throws FST_TASKS_*_OPTION_*, FST_TASKS_QUEUE_UNKNOWN, FST_TASKS_CURSOR_INVALID, FST_TASKS_REDIS_UNAVAILABLE
   */
  retryMany (filter?: RetryFilter, options?: ManyOptions): Promise<ManyResult>
  /**
   * Cancels all tasks that match, as `cancel` does. Those that are enqueued after the call began are left alone.
   * @throws as `retryMany`
   */
  cancelMany (filter: TaskFilter<CancellableState>, options?: ManyOptions): Promise<ManyResult>
  /**
   * Removes all tasks that match, as `remove` does, but for those that have changed since they were read.
   * @throws as `retryMany`
   */
  removeMany (filter: TaskFilter<Exclude<TaskState, 'active'>>, options?: ManyOptions): Promise<ManyResult>
  /**
   * Has a delayed task, or one that waits for its next attempt, start now. Its attempts stay as they are.
   * @throws FST_TASKS_ID_AMBIGUOUS, FST_TASKS_QUEUE_UNKNOWN, FST_TASKS_REDIS_UNAVAILABLE
   */
  promote (id: string, where?: WhereOptions): Promise<PromoteOutcome>
  /**
   * The same at another time, earlier or later.
   * @throws as `promote`; FST_TASKS_*_OPTION_*, FST_TASKS_OPTION_CLASH, FST_TASKS_OPTION_MISSING
   */
  reschedule (id: string, options: RescheduleOptions): Promise<RescheduleOutcome>
  /**
   * Lists the running workers of all known queues. A killed worker stays listed for 15 s. A worker whose event loop is
   * blocked for longer than that is not listed meanwhile.
   * @throws FST_TASKS_REDIS_UNAVAILABLE
   */
  workers (): Promise<WorkerInfo[]>
  /**
   * The metrics of this process, as text for Prometheus (0.0.4). Never rejects: if Redis does not answer, what is read
   * from it is left out, and `fastify_tasks_up` is 0.
   */
  metrics (): Promise<string>
  /**
   * What happened in the past: a point for each step, the oldest first. Points without anything are there too.
   * @throws FST_TASKS_*_OPTION_*, FST_TASKS_QUEUE_UNKNOWN, FST_TASKS_REDIS_UNAVAILABLE
   */
  history (options?: HistoryOptions): Promise<HistoryPoint[]>
  /**
   * Starts a worker in this process. `worker: true` at register does the same when the app is ready.
   * @throws FST_TASKS_NO_HANDLERS, FST_TASKS_QUEUE_UNKNOWN, FST_TASKS_PLUGIN_OPTION_INVALID,
   * FST_TASKS_OPTION_UNKNOWN, FST_TASKS_STALL_INTERVAL_CLASH, FST_TASKS_REDIS_REFUSED, FST_TASKS_CLOSED
   */
  startWorker (options?: WorkerOptions): Promise<TaskWorker>
  /**
   * With `mode: 'memory'`: resolves when no task waits or runs. Delayed tasks are left, unless `delayed` is true.
   * @throws FST_TASKS_NOT_MEMORY_MODE; FST_TASKS_NOT_DRAINED, which names the tasks, if some have not ended within
   * `timeout` (4 s); FST_TASKS_NO_HANDLERS if a waiting task has no handler here; FST_TASKS_*_OPTION_*
   */
  drain (options?: DrainOptions): Promise<Drained>
  /**
   * With `mode: 'memory'`: waits until no task waits or runs, then moves the clock by `ms`. Tasks that become due
   * meanwhile, retries included, run to their end in the order of their times, each at its own time.
   * @throws as `drain`
   */
  advance (ms: number, options?: AdvanceOptions): Promise<Drained>
  /** Whether Redis is connected, for health checks. With `mode: 'memory'` always true. */
  readonly ready: boolean
}

declare module 'fastify' {
  /* eslint-disable @typescript-eslint/no-unused-vars -- merged interfaces must have the same type parameters */
  interface FastifyInstance<
    RawServer extends RawServerBase = RawServerDefault,
    RawRequest extends RawRequestDefaultExpression<RawServer> = RawRequestDefaultExpression<RawServer>,
    RawReply extends RawReplyDefaultExpression<RawServer> = RawReplyDefaultExpression<RawServer>,
    Logger extends FastifyBaseLogger = FastifyBaseLogger,
    TypeProvider extends FastifyTypeProvider = FastifyTypeProviderDefault
  > {
    tasks: FastifyTasks<TypeProvider, this>
  }
  /* eslint-enable */
  interface FastifyReply {
    /** Sends 202 with the record of the task as body, and the path of its status route as `Location`. */
    accepted (handle: TaskHandle<any, any>): this
  }
}
