/**
 * The options of `register`, of a task and of each call. docs/reference/options.md is generated from these comments.
 */
import type { FastifyInstance, FastifyRequest, LogLevel, onRequestHookHandler, preHandlerHookHandler } from 'fastify'
import type { Cluster, ClusterNode, ClusterOptions, Redis, RedisOptions } from 'ioredis'
import type { Priority, TaskRecord } from './record.ts'
import type { TaskTelemetry } from './telemetry.ts'

/** How long to wait before the next attempt. Times in ms. */
export interface BackoffOptions {
  /**
   * `immediate` (no wait), `fixed`, `exponential` (doubles at each attempt), or a name from the `backoffStrategies`
   * option.
   */
  strategy: string
  /** The first wait, in ms. Default 1000. */
  delay?: number
  /** The longest wait, in ms. Default: no cap. */
  max?: number
  /** Full jitter: wait a random time between 0 and the computed wait. Default false. */
  jitter?: boolean
}

/** A backoff of the app's own. Gets the number of the attempt that failed (1, 2, …), and returns the wait in ms. */
export type BackoffStrategy = (attempt: number, backoff: BackoffOptions, error: Error) => number

/** Schemas of a task: JSON Schema, or what the app's validator and serializer compilers accept (TypeBox, zod). */
export interface TaskSchemas<Data = unknown, Result = unknown, Progress = unknown, Previous = unknown> {
  /**
   * Validates the data at enqueue, as a request body is validated, and again in the worker. The data is stored with
   * Ajv's changes (coercion, defaults). zod's transforms run in the worker. Default: no validation.
   */
  data?: Data
  /** Serialises the result. Properties that the schema does not name are removed. Default: JSON.stringify. */
  result?: Result
  /** Serialises the progress. Properties that the schema does not name are removed. Default: JSON.stringify. */
  progress?: Progress
  /** Validates what comes before the task in a chain: what `task.previous()` resolves with. Default: no validation. */
  previous?: Previous
}

/**
 * The record that `authorize` gets. Its `data` is the task's data as it is stored, exposed or not: from any producer,
 * and perhaps of an earlier version of the task. The schema does not check it again.
 */
export interface AuthorizeRecord extends TaskRecord<any, any> { data: any }

/** Whether a request may see a task, or cancel it: only `true` lets it. */
export type Authorize<Instance = FastifyInstance> = (
  this: Instance, request: FastifyRequest, record: AuthorizeRecord
) => boolean | Promise<boolean>

/** Options of one enqueue. */
export interface EnqueueOptions {
  /** Start the task after this many ms. Not together with `delayUntil`. Default: at once. */
  delay?: number
  /** Start the task at this time: a Date, or ms since 1970. Not together with `delay`. Default: at once. */
  delayUntil?: Date | number
  /**
   * A task that has not started by this time never starts, and becomes `expired`: a Date, or ms from now.
   * Default: never.
   */
  expires?: Date | number
  /** 1 to 100 characters of `A-Za-z0-9_.:-`: two enqueues with the same id make one task. Default: a random UUID. */
  id?: string
  /** Attempts after the first. Default: the task's `retries`. */
  retries?: number
  /** How long to wait between attempts. Default: the task's `backoff`. */
  backoff?: BackoffOptions
  /** How long one attempt may run, in ms. 0 is no limit. Default: the task's `timeout`. */
  timeout?: number
  /** High tasks of a queue are started before normal ones, low ones after them. Default: the task's `priority`. */
  priority?: Priority
  /** A queue that is known here: from the `queues` option, or of a defined task. Default: the task's `queue`. */
  queue?: string
  /**
   * Words by which the task is found again, `['tenant:42']`: at most 10, each of 1 to 64 visible ASCII characters.
   * Default: none.
   */
  tags?: string[]
}

/** One task of `enqueueMany`. `data` is optional if it may be undefined. */
export type EnqueueItem<Data = unknown> =
  EnqueueOptions & ({ data: Data } | (undefined extends Data ? { data?: Data } : never))

/** The arguments of `enqueue`. `data` is optional if it may be undefined. */
export type EnqueueArguments<Data = unknown> =
  [data: Data, options?: EnqueueOptions] | (undefined extends Data ? [] : never)

/** Options of `handle.result`. */
export interface ResultOptions {
  /** How long to wait, in ms. 0 reads the record once. Default: no limit. */
  timeout?: number
  /** Ends the wait when it is aborted. `result` then throws the signal's reason. Default: none. */
  signal?: AbortSignal
}

/** Options of `fastify.tasks.status`, `handle`, `cancel`, `retry` and `remove`. */
export interface WhereOptions {
  /**
   * The queue of the task. Needed only for an id of your own that tasks of several queues have. Default: all queues
   * that are known here.
   */
  queue?: string | undefined
}

/** Options of `fastify.tasks.purge`. */
export interface PurgeOptions {
  /** Remove tasks between two attempts as well. Default false: they were started. */
  retrying?: boolean
}

/** Options of `fastify.tasks.drain`. */
export interface DrainOptions {
  /** Also run delayed tasks, each at its own time. Default false. */
  delayed?: boolean
  /** How long to wait for handlers, in ms of real time. Default 4000. */
  timeout?: number
}

/** Options of `fastify.tasks.advance`. */
export interface AdvanceOptions {
  /**
   * Run each due task at its own time and wait until it has ended. Default true. With false, all due tasks start at
   * the new time, and `advance` does not wait for them.
   */
  wait?: boolean
  /** How long to wait for handlers, in ms of real time. Default 4000. */
  timeout?: number
}

/** Options of a worker, embedded or standalone. Times in ms. */
export interface WorkerOptions {
  /** Queues to serve. Default: those of the tasks that have a handler here, and those of the `queues` option. */
  queues?: string[]
  /** How many tasks run at once, for each queue. Default 10. */
  concurrency?: number
  /** How long running tasks may go on at close before they are aborted and released, in ms. Default 10,000. */
  closeTimeout?: number
}

/** The threads of tasks with `thread`. All these tasks of a process share them. Times in ms. */
export interface ThreadsOptions {
  /** Threads at once. Further tasks wait for a free thread. Default: as many as there are processors. */
  max?: number
  /** How long an idle thread is kept, in ms. Default 60,000. */
  idleTimeout?: number
  /**
   * The largest heap of a thread, in MiB. A thread that needs more ends, and its task fails with FST_TASKS_THREAD_DIED.
   * Default: Node's.
   */
  maxHeap?: number
}

/** Hooks and path of the routes that the plugin mounts. */
export interface RoutesOptions {
  /** Path in front of `/:id`. Default `/` + the `name` option: `/tasks`. */
  prefix?: string
  /** Also mount `DELETE /:id`, which cancels a task. Default false. */
  cancel?: boolean
  /** onRequest hooks of these routes, for example for authentication. Default: none. */
  onRequest?: onRequestHookHandler | onRequestHookHandler[]
  /** preHandler hooks of these routes. They run before the task is read. Default: none. */
  preHandler?: preHandlerHookHandler | preHandlerHookHandler[]
  /**
   * The default `authorize`: for tasks that have none of their own, and for tasks that this process does not define.
   * `this` is the instance that registers the plugin. Default: every request may see a task that is defined here, and
   * none any other task.
   */
  authorize?: Authorize
  /**
   * What clients have to put in front of the path of a route, if a proxy or `rewriteUrl` removes it: a path (`/api`) or
   * a URL (`https://example.com/api`). `Location` and `handle.location` begin with it. Default: nothing.
   */
  publicBase?: string
  /**
   * How many long polls and event streams of this process may be open. One more is answered 503 with `Retry-After`.
   * Default 5000.
   */
  maxWaits?: number
  /** How many of them may have the same `waitKey`. Default 0: no limit. Behind a proxy all users may be one address. */
  maxWaitsPerKey?: number
  /** Who waits, for `maxWaitsPerKey`. Default: `request.ip`. */
  waitKey?: (request: FastifyRequest) => string
  /** Level of the log of these routes, as in a route of Fastify. Default: the app's. */
  logLevel?: LogLevel
  /** `config` of these routes, for hooks and plugins of the app (`request.routeOptions.config`). Default: none. */
  config?: object
  /** Constraints of these routes, as in a route of Fastify: `{ host: 'api.example.com' }`. Default: none. */
  constraints?: Record<string, unknown>
}

/** A Redis Cluster: some of its nodes (a URL, or `{ host, port }`), and ioredis' own options of a cluster. */
export interface ClusterConnection extends ClusterOptions {
  cluster: ClusterNode[]
}

/** A registry of a Prometheus client: of prom-client, @prometheus-io/client or @platformatic/prom-client. */
export interface MetricRegistry {
  registerMetric (metric: any): void
  removeSingleMetric? (name: string): void
}

/** What to do with metrics. */
export interface MetricsOptions {
  /** Join this registry. Default: that of fastify-metrics, if the app has it. */
  registry?: MetricRegistry
  /** Read the queues' state from Redis at a scrape, at most once in 2 s: all processes see the same. Default true. */
  queues?: boolean
}

/** Options of `fastify.register(tasks, options)`. Times in ms. */
export interface TasksOptions {
  /** Name of the decorator, `fastify.tasks`, and of the plugin's instance. Default `tasks`. */
  name?: string
  /**
   * `memory` is for tests: tasks are kept and run in this process, without Redis. Delays, waits between attempts,
   * `expires` and `resultTtl` follow a clock that stands still until `advance` moves it. Default `redis`.
   */
  mode?: 'redis' | 'memory'
  /**
   * URL, ioredis options, `{ cluster: [nodes], ...options }` or an ioredis client. Default: `fastify.redis`, then
   * `REDIS_URL`, then `redis://localhost:6379/0`.
   */
  redis?: string | RedisOptions | ClusterConnection | Redis | Cluster
  /** First part of every key in Redis, `[A-Za-z0-9_-]`. Default `bq`, as Bee-Queue's. */
  prefix?: string
  /** Queues that are known here in addition to those of the defined tasks. Default `[]`. */
  queues?: string[]
  /** The status routes, or false for none. Default `{}`: `GET /tasks/:id`. */
  routes?: false | RoutesOptions
  /**
   * Run a worker in this process. Default false. With `mode: 'memory'` a worker starts by itself at the first enqueue,
   * unless this is false: then tasks wait for `drain`, `advance` or `startWorker`.
   */
  worker?: boolean | WorkerOptions
  /**
   * The threads of tasks with `thread`. The first task that needs a thread starts it.
   * Default `{ max: processors, idleTimeout: 60000 }`.
   */
  threads?: ThreadsOptions
  /** Default of every task: attempts after the first. Default 0. */
  retries?: number
  /**
   * Default of every task: how long to wait between attempts.
   * Default `{ strategy: 'exponential', delay: 1000, max: 60000, jitter: true }`.
   */
  backoff?: BackoffOptions
  /** Backoffs of the app's own, by name. Default none. */
  backoffStrategies?: Record<string, BackoffStrategy>
  /** Default of every task: how long one attempt may run, in ms. 0 is no limit. Default 0. */
  timeout?: number
  /** Default of every task: how long its record is kept after it has ended, in ms. Default 86,400,000 (one day). */
  resultTtl?: number
  /**
   * How long a claim is valid without a renewal, in ms. When it expires, the task is stalled and runs again. All
   * workers of a queue must have the same value. Default 30,000.
   */
  stallInterval?: number
  /** A task that stalled more often than this fails with `FST_TASKS_STALLED`. Default 2. */
  maxStalls?: number
  /**
   * How long a call to Redis may take (an enqueue, a status read, a cancel, a list), in ms. Then it fails with
   * `FST_TASKS_REDIS_UNAVAILABLE`. Default 2,000.
   */
  redisTimeout?: number
  /** How long `register` waits for Redis, in ms. Then the app starts without it. Default 2,000. */
  connectTimeout?: number
  /** The largest data of a task, in bytes of JSON. Default 1,048,576. */
  maxDataSize?: number
  /** The largest result of a task, in bytes of JSON. Default 1,048,576. */
  maxResultSize?: number
  /** The largest progress of a task, in bytes of JSON. Default 65,536. */
  maxProgressSize?: number
  /** Count enqueues and attempts for Prometheus, also in the registry of fastify-metrics. Default true. */
  metrics?: boolean | MetricsOptions
  /** Store counts of each minute and hour in Redis, for `fastify.tasks.history`. Default true. */
  history?: boolean
  /** Wraps enqueues and attempts, for traces: `otel()` of `fastify-tasks/otel`. Default: none. */
  telemetry?: TaskTelemetry
  /**
   * Let tasks know the request that enqueued them: its id, its trace, and the parameters in the prefix of the status
   * route. A request is known in its `preValidation` hooks and later, not in `onRequest` and `preParsing`. This takes
   * AsyncLocalStorage, which makes each promise of the process slower before Node 24. Default true.
   */
  requestContext?: boolean
  /** Show the stack of a failure in its record. Default false. */
  exposeStack?: boolean
}
