/**
 * Layer 0: the words of the project. States, records, options and handles, and what the plugin adds to
 * Fastify's own types. Nothing here runs.
 */
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest, FastifyTypeProvider, FastifyTypeProviderDefault, onRequestHookHandler, preHandlerHookHandler, RawReplyDefaultExpression, RawRequestDefaultExpression, RawServerBase, RawServerDefault } from 'fastify'
import type { Cluster, ClusterNode, ClusterOptions, Redis, RedisOptions } from 'ioredis'
import type { DataAgrees, HandlerData, HandlerProgress, HandlerResult, NamedData, NamedProgress, NamedResult, ProgressAgrees, ResultAgrees, ResultFits, TaskData, TaskProgress, TaskResult } from './types/inference.ts'

export type { Serialized } from './types/inference.ts'

/** Terminal states: nothing leaves them but an explicit retry of a `failed` task. */
export type TerminalState = 'succeeded' | 'failed' | 'cancelled' | 'expired'

/**
 * `waiting` in its queue, `delayed` until a time, `active` in a worker, `retrying` between two attempts,
 * then one of the terminal states.
 */
export type TaskState = 'waiting' | 'delayed' | 'active' | 'retrying' | TerminalState

/** A failure as it is stored and shown. */
export interface TaskErrorRecord {
  name: string
  message: string
  /** The error's own `code`, a code of ours (`TASK_…`), or null. */
  code: string | null
  /** Only where `exposeStack` is on. */
  stack?: string
}

/** What `fastify.tasks.status(id)` and `GET /tasks/:id` tell of a task. Times are ISO 8601, or null. */
export interface TaskRecord<Result = unknown, Progress = unknown> {
  id: string
  name: string
  queue: string
  state: TaskState
  /** The app's own word for where the task is (`updateState`). */
  stage: string | null
  progress: Progress | null
  /** The attempt that runs, or the last one that ran; 0 before the first. */
  attempt: number
  /** Attempts in all: 1 + retries. */
  attempts: number
  enqueuedAt: string
  startedAt: string | null
  finishedAt: string | null
  result: Result | null
  error: TaskErrorRecord | null
  /** Only where the task has `expose: ['data']`. */
  data?: unknown
}

/** How long to wait before the next attempt. Times in ms. */
export interface BackoffOptions {
  /** `immediate` (no wait), `fixed`, `exponential` (doubles at each attempt), or a name from the `backoffStrategies` option. */
  strategy: string
  /** First wait, in ms. Default 1000. */
  delay?: number
  /** Longest wait, in ms. Default: no cap. */
  max?: number
  /** Full jitter: wait a random time between 0 and the computed one. Default false. */
  jitter?: boolean
}

/** A backoff of the app's own: given the attempt that failed (1, 2, …), returns the wait in ms. */
export type BackoffStrategy = (attempt: number, backoff: BackoffOptions, error: Error) => number

/** Schemas of a task: JSON Schema, or what the app's validator and serializer compilers take (TypeBox, zod). */
export interface TaskSchemas<Data = unknown, Result = unknown, Progress = unknown> {
  /** Validated at enqueue as bodies are, and again in the worker. What Ajv changed is stored; zod's transforms run in the worker. */
  data?: Data
  /** Serialises the result: what it does not name does not leave the handler. */
  result?: Result
  /** Serialises the progress, likewise. */
  progress?: Progress
}

/** What a task has for itself; each falls back to the same option of the plugin. */
export interface DefineOptions<Schemas extends TaskSchemas = TaskSchemas, Instance = FastifyInstance> {
  /** Default `default`. */
  queue?: string
  /** Attempts after the first. Default 0. */
  retries?: number
  backoff?: BackoffOptions
  /** Longest run of one attempt, in ms; 0 is no limit. Default 0. */
  timeout?: number
  /** How long the record stays after its end, in ms. Default one day. */
  resultTtl?: number
  /**
   * Runs the default export of this file, a `ThreadHandler`, in a thread, where it may compute without a pause: a path
   * (a relative one starts at the working directory), or a file: URL such as `new URL('./resize.js', import.meta.url)`.
   * Not with a handler. Default: none.
   */
  thread?: string | URL
  schema?: Schemas
  /** May this request see (or cancel) this task? Where not, the answer is 404. `this` is the instance. Default: yes. */
  authorize?: (this: Instance, request: FastifyRequest, record: TaskRecord) => boolean | Promise<boolean>
  /** What the record shows beside the rest. Default `[]`: a task's data stays inside. */
  expose?: Array<'data'>
}

/** What one task may have of its own when it is enqueued. */
export interface EnqueueOptions {
  /** Do not start before this many ms have passed. Not with `delayUntil`. */
  delay?: number
  /** Do not start before this time: a Date, or ms since 1970. Not with `delay`. */
  delayUntil?: Date | number
  /** If it was not started by then it never is, and becomes `expired`: a Date, or ms from now. */
  expires?: Date | number
  /** Your own id, 1 to 100 of `A-Za-z0-9_.:-`: enqueueing it twice makes one task. Default: a random UUID. */
  id?: string
  retries?: number
  backoff?: BackoffOptions
  timeout?: number
  /** One of the queues that are known here: the `queues` option, or the queue of a defined task. */
  queue?: string
}

/** One task of `enqueueMany`. The data may be left out where it may be undefined. */
export type EnqueueItem<Data = unknown> = EnqueueOptions & ({ data: Data } | (undefined extends Data ? { data?: Data } : never))

/** What `enqueue` takes. The data may be left out where it may be undefined. */
export type EnqueueArguments<Data = unknown> = [data: Data, options?: EnqueueOptions] | (undefined extends Data ? [] : never)

/** A task that was enqueued. */
export interface TaskHandle<Result = unknown, Progress = unknown> {
  readonly id: string
  readonly name: string
  readonly queue: string
  /** False where a task with this id was there already; this handle is then that task's. */
  readonly created: boolean
  /** Path of its status route, or null with `routes: false`. */
  readonly location: string | null
  /** Its record as it was enqueued: no round trip. Null where `created` is false. */
  readonly snapshot: TaskRecord<Result, Progress> | null
  /** Its record now, or null once it is gone. Throws `FST_TASKS_REDIS_UNAVAILABLE`. */
  status (): Promise<TaskRecord<Result, Progress> | null>
  /**
   * Waits for its end and returns the result.
   * @param options.timeout how long to wait, in ms; default no limit.
   * @throws FST_TASKS_TASK_OPTION_INVALID, FST_TASKS_OPTION_UNKNOWN, FST_TASKS_FAILED, FST_TASKS_CANCELLED, FST_TASKS_EXPIRED, FST_TASKS_NOT_FOUND, FST_TASKS_RESULT_TIMEOUT, FST_TASKS_REDIS_UNAVAILABLE.
   */
  result (options?: ResultOptions): Promise<Result>
  /** See `FastifyTasks.cancel`. */
  cancel (): Promise<CancelOutcome>
}

export interface ResultOptions {
  /** How long to wait, in ms; 0 looks once. Default: no limit. */
  timeout?: number
  /** Ends the wait, with its reason. Default: none. */
  signal?: AbortSignal
}

/**
 * `cancelled`: it had not started and never will. `requested`: it runs, and is being aborted through its signal.
 * `finished`: it had ended before. `unknown`: there is no such task.
 */
export type CancelOutcome = 'cancelled' | 'requested' | 'finished' | 'unknown'

/** `queued`: it waits again, counters clean. `refused`: it is not in the state `failed`. `unknown`: there is no such task. */
export type RetryOutcome = 'queued' | 'refused' | 'unknown'

/** `removed`: nothing of it is left. `active`: it runs; cancel it first. `unknown`: there is no such task. */
export type RemoveOutcome = 'removed' | 'active' | 'unknown'

/** How many tasks of a queue are in which state; those between two attempts count as delayed, or as waiting. */
export type QueueCounts = Record<Exclude<TaskState, 'retrying'>, number>

export interface ListOptions {
  state: TaskState
  /** Default: all queues that are known here, one after the other. */
  queue?: string
  /** Only tasks of this name. */
  name?: string
  /** Ids that a page looks at, 1 to 1000. Default 50. */
  limit?: number
  /** That of the page before. */
  cursor?: string
}

export interface TaskPage {
  /** May be fewer than `limit`: those that changed their state, or have another name, are left out. */
  tasks: Array<TaskRecord<any, any>>
  /** For the next page; null at the end. */
  cursor: string | null
}

export interface DrainOptions {
  /** Run what is delayed too, each at its own time. Default false. */
  delayed?: boolean
  /** How long to wait for handlers, in ms of real time. Default 4000. */
  timeout?: number
}

export interface AdvanceOptions {
  /** Wait until what became due has ended. Default true. With false: what became due is started at the new time. */
  wait?: boolean
  /** How long to wait for handlers, in ms of real time. Default 4000. */
  timeout?: number
}

/** What `drain` and `advance` leave. */
export interface Drained {
  /** Tasks that are delayed, or between two attempts. */
  delayed: number
}

/** What a handler is given beside its data. */
export interface TaskContext<Data = unknown, Progress = unknown> {
  readonly id: string
  readonly name: string
  readonly queue: string
  readonly data: Data
  /** 1, 2, … */
  readonly attempt: number
  readonly attempts: number
  /** The id of the request that enqueued it, or null. */
  readonly requestId: string | null
  /** W3C trace context of that request (`traceparent`, `tracestate`), for calls that go on with its trace, or null. */
  readonly traceparent: string | null
  readonly tracestate: string | null
  /** The instance on which the task was defined: a handler's `this`, for those that are arrow functions. */
  readonly app: FastifyInstance
  /** Aborted on timeout, cancel, shutdown, and where the claim was lost; `signal.reason.code` says which. */
  readonly signal: AbortSignal
  /** The app's logger with `taskId`, `task`, `attempt`, `reqId` and `trace_id`, `span_id`, `trace_flags`. */
  readonly log: FastifyBaseLogger
  /** Stores a stage (any text) and a progress (any JSON), readable from every process at once. Throws `FST_TASKS_PROGRESS_INVALID`. */
  updateState (stage: string, progress?: Progress): Promise<void>
  /** Stores a progress and leaves the stage as it is. Throws `FST_TASKS_PROGRESS_INVALID`. */
  reportProgress (progress: Progress): Promise<void>
}

/** What runs a task. `define` infers all four where it is given a function; a handler in a file of its own may say them. */
export type TaskHandler<Data = any, Result = unknown, Progress = any, Instance = FastifyInstance> = (
  this: Instance, data: Data, task: TaskContext<Data, Progress>
) => Promise<Result> | Result

/** What a handler in a thread is given beside its data: there is no instance there. */
export type ThreadTask<Data = any, Progress = any> = Omit<TaskContext<Data, Progress>, 'app'>

/** The default export of a task's `thread`. It has no `this`. */
export type ThreadHandler<Data = any, Result = unknown, Progress = any> = (data: Data, task: ThreadTask<Data, Progress>) => Promise<Result> | Result

/** What `define` returns: the task, typed. */
export interface Task<Data = any, Result = unknown, Progress = any> {
  readonly name: string
  readonly queue: string
  /** Enqueues one. See `FastifyTasks.enqueue`. */
  enqueue (...args: EnqueueArguments<Data>): Promise<TaskHandle<Result, Progress>>
  /** Enqueues many in few round trips. See `FastifyTasks.enqueueMany`. */
  enqueueMany (items: Array<EnqueueItem<Data>>): Promise<Array<TaskHandle<Result, Progress>>>
}

/** Options of a worker, embedded or standalone. Times in ms. */
export interface WorkerOptions {
  /** Queues to serve. Default: those of the tasks that have a handler here, and those of the `queues` option. */
  queues?: string[]
  /** Tasks that run at once, for each queue. Default 10. */
  concurrency?: number
  /** How long running tasks may go on at close before they are aborted and handed back. Default 10,000. */
  closeTimeout?: number
}

/** A worker that runs. */
export interface TaskWorker {
  readonly id: string
  readonly queues: readonly string[]
  readonly concurrency: number
  /** Stops claiming, waits for what runs, hands back what did not finish. Idempotent; returns within closeTimeout + 3 s. */
  close (): Promise<void>
}

/** The threads of tasks with `thread`, shared by all of them in a process. Times in ms. */
export interface ThreadsOptions {
  /** Threads at once; tasks beyond them wait for one. Default: as many as there are processors. */
  max?: number
  /** How long a thread stays that has nothing to do. Default 60,000. */
  idleTimeout?: number
  /** Largest heap of a thread in MiB: one that needs more ends, and fails its task with FST_TASKS_THREAD_DIED. Default: Node's. */
  maxHeap?: number
}

/** A task that a worker runs. */
export interface RunningTask {
  id: string
  name: string
  queue: string
  attempt: number
  /** ISO 8601. */
  startedAt: string
}

/** A worker that lives, wherever it is, as it last told of itself. Times are ISO 8601. */
export interface WorkerInfo {
  id: string
  host: string
  pid: number
  /** Of fastify-tasks. */
  version: string
  queues: string[]
  /** Tasks that it runs at once, for each queue. */
  concurrency: number
  startedAt: string
  /** When it last told: every 5 seconds. */
  seenAt: string
  /** It closes: it claims no more, and waits for what runs. */
  draining: boolean
  /** How late its event loop was since it told before, in ms. */
  lag: { mean: number, max: number }
  /** How many tasks it runs, of the queues that are known here. */
  active: number
  /** Those, oldest first; of each queue 100 at the most. */
  running: RunningTask[]
}

/** Hooks and place of the routes that the plugin mounts. */
export interface RoutesOptions {
  /** Path in front of `/:id`. Default `/` + the `name` option: `/tasks`. */
  prefix?: string
  /** Mounts `DELETE /:id`, which cancels. Default false. */
  cancel?: boolean
  onRequest?: onRequestHookHandler | onRequestHookHandler[]
  preHandler?: preHandlerHookHandler | preHandlerHookHandler[]
}

/** A Redis Cluster: some of its nodes (a URL, or `{ host, port }`), and ioredis' own options of a cluster beside them. */
export interface ClusterConnection extends ClusterOptions {
  cluster: ClusterNode[]
}

/** Options of `fastify.register(tasks, options)`. Times in ms. */
export interface TasksOptions {
  /** Name of the decorator, and of the plugin's instance. Default `tasks`. */
  name?: string
  /**
   * `memory`: tasks are kept and run in this process, and no Redis is dialled: for tests. Delays, waits between attempts,
   * `expires` and `resultTtl` follow a clock that stands still until `advance` moves it. Default `redis`.
   */
  mode?: 'redis' | 'memory'
  /**
   * URL, ioredis options, `{ cluster: [nodes], ...options }` or an ioredis client. Default: `fastify.redis`, then `REDIS_URL`,
   * then `redis://localhost:6379/0`.
   */
  redis?: string | RedisOptions | ClusterConnection | Redis | Cluster
  /** First part of every key in Redis, `[A-Za-z0-9_-]`. Default `bq`, as Bee-Queue's. */
  prefix?: string
  /** Queues that are known here beside those of the defined tasks. Default `[]`. */
  queues?: string[]
  /** The status route. Default `{}`: `GET /tasks/:id`. */
  routes?: false | RoutesOptions
  /**
   * Run a worker in this process. Default false. With `mode: 'memory'` one runs by itself from the first enqueue on; an
   * explicit false keeps it from that: tasks wait for `drain`, `advance` or `startWorker`.
   */
  worker?: boolean | WorkerOptions
  /** Threads of the tasks with `thread`; none is started before one is needed. Default `{ max: processors, idleTimeout: 60000 }`. */
  threads?: ThreadsOptions
  /** Default of every task. Default 0. */
  retries?: number
  /** Default of every task. Default `{ strategy: 'exponential', delay: 1000, max: 60000, jitter: true }`. */
  backoff?: BackoffOptions
  /** Backoffs of the app's own, by name. Default none. */
  backoffStrategies?: Record<string, BackoffStrategy>
  /** Default of every task; 0 is no limit. Default 0. */
  timeout?: number
  /** Default of every task. Default 86,400,000 (one day). */
  resultTtl?: number
  /** A claim that was not renewed for this long is stalled: its task runs again. One value for each queue. Default 30,000. */
  stallInterval?: number
  /** A task that stalled more often than this fails with `FST_TASKS_STALLED`. Default 2. */
  maxStalls?: number
  /** Longest time an enqueue or a status read may take before it fails with `FST_TASKS_REDIS_UNAVAILABLE`. Default 2,000. */
  redisTimeout?: number
  /** How long register waits for Redis before the app starts without it. Default 2,000. */
  connectTimeout?: number
  /** Largest data of a task, in bytes of JSON. Default 1,048,576. */
  maxDataSize?: number
  /** Largest result of a task, in bytes of JSON. Default 1,048,576. */
  maxResultSize?: number
  /** Largest progress of a task, in bytes of JSON. Default 65,536. */
  maxProgressSize?: number
  /** Show the stack of a failure. Default false. */
  exposeStack?: boolean
}

/**
 * Types of tasks by name, for `fastify.tasks.enqueue('name', …)` and for `define`: empty here, for apps to merge into.
 * `declare module 'fastify-tasks' { interface Tasks { mail: { data: { to: string }, result: void } } }`
 */
export interface Tasks {}

/** Any name where nobody merged into `Tasks`; otherwise one of those merged. */
export type TaskName = [keyof Tasks] extends [never] ? string : Extract<keyof Tasks, string>

/**
 * `fastify.tasks`.
 * @typeParam Provider what the app gave to `withTypeProvider`: types data, result and progress by their schemas.
 * @typeParam Instance the handlers' `this`.
 */
export interface FastifyTasks<Provider extends FastifyTypeProvider = FastifyTypeProviderDefault, Instance = FastifyInstance> {
  /** The `name` option. */
  readonly name: string
  /** A random id. It tells the plugin instances of one process apart, in the payloads of telemetry. */
  readonly instanceId: string
  /**
   * Defines a task: the handler's `this` is the instance on which `define` was called.
   * Without a handler it can be enqueued here, and is run by workers that have one.
   * A schema that cannot be compiled fails the boot with FST_TASKS_SCHEMA_INVALID.
   * Types: those of the schemas, through the instance's type provider; else those of `Tasks`; else the type arguments, or
   * the handler's own.
   * @throws FST_TASKS_ALREADY_DEFINED, FST_TASKS_NAME_INVALID, FST_TASKS_TASK_OPTION_INVALID, FST_TASKS_HANDLER_INVALID, FST_TASKS_THREAD_NOT_FOUND, FST_TASKS_OPTION_CLASH
   */
  define<Data = never, Result = never, Progress = never, const Name extends string = string, const DataSchema = unknown, const ResultSchema = unknown, const ProgressSchema = unknown> (
    name: Name,
    options: DefineOptions<TaskSchemas<
      DataSchema & DataAgrees<Provider, DataSchema, Name>,
      ResultSchema & ResultAgrees<Provider, ResultSchema, Name>,
      ProgressSchema & ProgressAgrees<Provider, ProgressSchema, Name>
    >, Instance>,
    handler?: TaskHandler<
      HandlerData<Provider, DataSchema, Name, Data>,
      HandlerResult<Provider, ResultSchema, Name, Result>,
      HandlerProgress<Provider, ProgressSchema, Name, Progress>,
      Instance
    > & ResultFits<Provider, ResultSchema, Name, Result>
  ): Task<
    TaskData<Provider, DataSchema, Name, Data>,
    TaskResult<Provider, ResultSchema, Name, Result>,
    TaskProgress<Provider, ProgressSchema, Name, Progress>
  >
  define<Data = never, Result = never, Progress = never, const Name extends string = string> (
    name: Name,
    handler?: TaskHandler<
      HandlerData<Provider, unknown, Name, Data>,
      HandlerResult<Provider, unknown, Name, Result>,
      HandlerProgress<Provider, unknown, Name, Progress>,
      Instance
    > & ResultFits<Provider, unknown, Name, Result>
  ): Task<TaskData<Provider, unknown, Name, Data>, TaskResult<Provider, unknown, Name, Result>, TaskProgress<Provider, unknown, Name, Progress>>
  /**
   * Enqueues one task. Resolves once Redis has it; nothing is in Redis where it throws, unless the code is
   * `FST_TASKS_REDIS_UNAVAILABLE`, whose message then says whether it may be.
   * @throws FST_ERR_VALIDATION (400, as a body's) where the task has a schema for its data, FST_TASKS_NOT_DEFINED, FST_TASKS_DATA_INVALID, FST_TASKS_DATA_TOO_LARGE, FST_TASKS_TASK_OPTION_INVALID, FST_TASKS_ID_INVALID, FST_TASKS_ID_TAKEN, FST_TASKS_QUEUE_UNKNOWN, FST_TASKS_REDIS_UNAVAILABLE
   */
  enqueue<Name extends TaskName> (name: Name, ...args: EnqueueArguments<NamedData<Name>>): Promise<TaskHandle<NamedResult<Name>, NamedProgress<Name>>>
  /** Enqueues many of one name, pipelined; all are checked before any is sent. Throws as `enqueue`. */
  enqueueMany<Name extends TaskName> (name: Name, items: Array<EnqueueItem<NamedData<Name>>>): Promise<Array<TaskHandle<NamedResult<Name>, NamedProgress<Name>>>>
  /** The record of a task, or null where there is none: one round trip, whatever the queue's length. Throws `FST_TASKS_REDIS_UNAVAILABLE`. */
  status<Result = unknown, Progress = unknown> (id: string): Promise<TaskRecord<Result, Progress> | null>
  /** A handle on a task that was enqueued elsewhere, or null. Throws `FST_TASKS_REDIS_UNAVAILABLE`. */
  handle<Result = unknown, Progress = unknown> (id: string): Promise<TaskHandle<Result, Progress> | null>
  /** Cancels a task wherever it is, from any process. Throws `FST_TASKS_REDIS_UNAVAILABLE`. */
  cancel (id: string): Promise<CancelOutcome>
  /** Queues a `failed` task again, with clean counters. Throws `FST_TASKS_REDIS_UNAVAILABLE`. */
  retry (id: string): Promise<RetryOutcome>
  /**
   * Tasks of one state: waiting and active ones oldest first, delayed and retrying ones by when they are due, ended ones
   * newest first. A page costs the page, not the queue. Throws FST_TASKS_*_OPTION_*, FST_TASKS_QUEUE_UNKNOWN, FST_TASKS_REDIS_UNAVAILABLE.
   */
  list (options: ListOptions): Promise<TaskPage>
  /** How many tasks each known queue has in which state. Throws FST_TASKS_REDIS_UNAVAILABLE. */
  counts (): Promise<Record<string, QueueCounts>>
  /** Removes a task that does not run, and all that is stored of it. Throws FST_TASKS_REDIS_UNAVAILABLE. */
  remove (id: string): Promise<RemoveOutcome>
  /** Removes all waiting and delayed tasks of a queue; how many. Throws FST_TASKS_QUEUE_UNKNOWN, FST_TASKS_REDIS_UNAVAILABLE. */
  purge (queue: string): Promise<number>
  /**
   * The workers that live and serve a queue that is known here. One that was killed is listed for 15 s more; one whose
   * event loop is held up for longer than that is not listed meanwhile. Throws FST_TASKS_REDIS_UNAVAILABLE.
   */
  workers (): Promise<WorkerInfo[]>
  /**
   * Starts a worker in this process. `worker: true` at register does the same when the app is ready.
   * @throws FST_TASKS_NO_HANDLERS, FST_TASKS_QUEUE_UNKNOWN, FST_TASKS_PLUGIN_OPTION_INVALID, FST_TASKS_STALL_INTERVAL_CLASH
   */
  startWorker (options?: WorkerOptions): Promise<TaskWorker>
  /**
   * With `mode: 'memory'`: resolves once no task waits or runs. What is delayed is left, unless `delayed: true`.
   * @throws FST_TASKS_NOT_MEMORY_MODE; FST_TASKS_NOT_DRAINED, which names the tasks, where some have not ended within `timeout` (4 s);
   * FST_TASKS_NO_HANDLERS where a task waits that has no handler here; FST_TASKS_*_OPTION_*
   */
  drain (options?: DrainOptions): Promise<Drained>
  /**
   * With `mode: 'memory'`: lets all that waits or runs end, then moves the clock by `ms`. What comes due on the way, retries
   * too, runs to its end in the order of its times, each at its own.
   * @throws as `drain`
   */
  advance (ms: number, options?: AdvanceOptions): Promise<Drained>
  /** Is Redis there? For health checks. With `mode: 'memory'` always true. */
  readonly ready: boolean
}

declare module 'fastify' {
  /* eslint-disable @typescript-eslint/no-unused-vars -- interfaces merge by the whole list */
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
    /** 202, `Location` of the status route, and the task's status as body. */
    accepted (handle: TaskHandle<any, any>): this
  }
}
