/**
 * What the plugin adds to Fastify: `fastify.tasks` and `reply.accepted`.
 */
import type { FastifyInstance, FastifyReply } from 'fastify'
import { describeKind, describeName, tryOr } from './describe.ts'
import * as errors from './errors.ts'
import { checkWhere } from './options.ts'
import { RECORD_FOR } from './tasks/handle.ts'
import { runInRequest } from './tasks/request-context.ts'
import { promote, reschedule } from './tasks/due.ts'
import { counts, list, purge, workers } from './tasks/listing.ts'
import { changeMany, count } from './tasks/many.ts'
import { signature } from './flows/shapes.ts'
import { pause, resume } from './limits/pause.ts'
import { setLimit } from './limits/set-limit.ts'
import type { AppFlows } from './flows/app-flows.ts'
import type { AppSchedules } from './schedules/app-schedules.ts'
import type { AppWorkers } from './worker.ts'
import type { TestClock } from './testing/test-clock.ts'
import type { AnyHook } from './hooks/hook-lists.ts'
import { readLogs } from './tasks/task-logs.ts'
import type { AppTasks } from './tasks/app-tasks.ts'
import type {
  AdvanceOptions, CancellableState, CancelOutcome, CountOptions, DefineOptions, Drained, DrainOptions, EnqueueItem,
  EnqueueOptions, FastifyTasks, FlowListOptions, HistoryOptions, HistoryPoint, LimitChange, ListOptions, LogsOptions,
  ManyOptions, ManyResult, PauseTarget, PromoteOutcome, PurgeOptions, QueueCounts, RemoveOutcome, RescheduleOptions,
  RescheduleOutcome, RetryFilter, RetryOutcome, Schedules, SignatureArguments, TagListOptions, Task, TaskFilter,
  TaskHandle, TaskHandler, TaskHookName, TaskLogs, TaskPage, TaskRecord, TaskState, TaskWorker, WhereOptions,
  WorkerInfo, WorkerOptions
} from './types.ts'

type AnyHandle = TaskHandle<any, any>

/** Throws FST_TASKS_PLUGIN_OPTION_INVALID, FST_TASKS_OPTION_UNKNOWN. */
function queueOf (where: WhereOptions | undefined): string | undefined {
  if (where === undefined) return undefined
  checkWhere(where)
  return where.queue
}

/** Anything else, such as a handle or an enqueue that was not awaited, names no task. Throws FST_TASKS_ID_NOT_TEXT. */
function idOf (id: unknown): string {
  if (typeof id !== 'string') throw new errors.TaskIdNotText(describeKind(id))
  return id
}

/** The handler comes last: what stands behind it would be ignored. Throws FST_TASKS_TASK_OPTION_INVALID. */
function withoutMore (name: string, given: unknown): DefineOptions {
  if (given === undefined) return {}
  const fix = 'Call define(name, options, handler).'
  throw new errors.TaskOptionInvalid(describeName(name), 'handler', 'the last argument', describeKind(given), fix)
}

/** A comment in the format of Prometheus. */
const METRICS_OFF = '# metrics are off: register(tasks, { metrics: true })\n'

/** What the decorators are made of. */
export interface Decorated {
  registry: AppTasks
  workers: AppWorkers
  clock: TestClock
  schedules: AppSchedules
  flows: AppFlows
}

/** The methods of `Schedules`, and nothing else. */
const runTimeOf = (schedules: AppSchedules): Schedules => ({
  set: (id: string, spec: unknown) => schedules.set(id, spec),
  get: id => schedules.get(id),
  list: options => schedules.list(options),
  remove: id => schedules.remove(id),
  pause: id => schedules.pause(id),
  resume: id => schedules.resume(id),
  trigger: id => schedules.trigger(id)
})

/** `fastify.tasks` of one Fastify scope. A task that is defined through it runs with that scope as its `this`. */
class ScopedTasks implements FastifyTasks {
  readonly #registry: AppTasks
  readonly #instance: FastifyInstance
  readonly #workers: AppWorkers
  readonly #clock: TestClock
  readonly schedules: Schedules
  readonly defineSchedule: FastifyTasks['defineSchedule']
  readonly enqueueFlow: FastifyTasks['enqueueFlow']

  constructor (instance: FastifyInstance, { registry, workers, clock, schedules, flows }: Decorated) {
    this.#registry = registry
    this.#instance = instance
    this.#workers = workers
    this.#clock = clock
    this.schedules = runTimeOf(schedules)
    this.enqueueFlow = (shape, options) => flows.enqueueWatched(shape, options)
    this.defineSchedule = (id: string, spec: unknown) => schedules.define(id, spec)
  }

  get name (): string { return this.#registry.settings.name }
  get instanceId (): string { return this.#registry.instanceId }
  get ready (): boolean { return this.#registry.calls.ready }

  define (name: string, options: DefineOptions | TaskHandler = {}, handler?: TaskHandler): Task<any, any, any, any> {
    const [given, run] = typeof options === 'function' ? [withoutMore(name, handler), options] : [options, handler]
    const { queue } = this.#registry.define(this.#instance, name, given, run)
    return {
      name,
      queue,
      enqueue: (data, options) => this.#registry.enqueue(name, data, options),
      enqueueMany: items => this.#registry.enqueueMany(name, items),
      signature: (...[data, options]: SignatureArguments<any>) => signature<any, any>(name, data, options)
    }
  }

  addHook (name: TaskHookName, hook: AnyHook): this {
    this.#registry.hooks.add(this.#instance, name, hook)
    return this
  }

  enqueue (name: string, data?: unknown, options?: EnqueueOptions): Promise<AnyHandle> {
    return this.#registry.enqueue(name, data, options)
  }

  enqueueMany (name: string, items: Array<EnqueueItem<any>>): Promise<AnyHandle[]> {
    return this.#registry.enqueueMany(name, items)
  }

  async status (id: string, where?: WhereOptions): Promise<TaskRecord<any, any> | null> {
    return this.#registry.status(idOf(id), queueOf(where))
  }

  async handle (id: string, where?: WhereOptions): Promise<AnyHandle | null> {
    return this.#registry.handle(idOf(id), queueOf(where))
  }

  async cancel (id: string, where?: WhereOptions): Promise<CancelOutcome> {
    return this.#registry.cancel(idOf(id), queueOf(where))
  }

  async retry (id: string, where?: WhereOptions): Promise<RetryOutcome> {
    return this.#registry.retry(idOf(id), queueOf(where))
  }

  async logs (id: string, options: LogsOptions = {}): Promise<TaskLogs | null> {
    return readLogs(this.#registry, idOf(id), options)
  }

  list (options: ListOptions | TagListOptions | FlowListOptions): Promise<TaskPage> {
    return list(this.#registry, options)
  }

  counts (): Promise<Record<string, QueueCounts>> { return counts(this.#registry) }
  async remove (id: string, where?: WhereOptions): Promise<RemoveOutcome> {
    return this.#registry.remove(idOf(id), queueOf(where))
  }

  pause (target: PauseTarget): Promise<boolean> { return pause(this.#registry, target) }
  resume (target: PauseTarget): Promise<boolean> { return resume(this.#registry, target) }
  setLimit (name: string, change: LimitChange | null): Promise<void> {
    return setLimit(this.#registry, name, change)
  }

  async promote (id: string, where?: WhereOptions): Promise<PromoteOutcome> {
    return promote(this.#registry, idOf(id), queueOf(where))
  }

  async reschedule (id: string, options: RescheduleOptions): Promise<RescheduleOutcome> {
    return reschedule(this.#registry, idOf(id), options)
  }

  async count (filter: TaskFilter, options: CountOptions = {}): Promise<number> {
    return count(this.#registry, filter, options)
  }

  async retryMany (filter: RetryFilter = {}, options: ManyOptions = {}): Promise<ManyResult> {
    return changeMany(this.#registry, 'retryMany', filter, options)
  }

  async cancelMany (filter: TaskFilter<CancellableState>, options: ManyOptions = {}): Promise<ManyResult> {
    return changeMany(this.#registry, 'cancelMany', filter, options)
  }

  async removeMany (
    filter: TaskFilter<Exclude<TaskState, 'active'>>, options: ManyOptions = {}
  ): Promise<ManyResult> {
    return changeMany(this.#registry, 'removeMany', filter, options)
  }

  purge (queue: string, options: PurgeOptions = {}): Promise<number> { return purge(this.#registry, queue, options) }
  workers (): Promise<WorkerInfo[]> { return workers(this.#registry) }
  async history (options: HistoryOptions = {}): Promise<HistoryPoint[]> { return this.#registry.readHistory(options) }
  async metrics (): Promise<string> { return await this.#registry.metrics?.text() ?? METRICS_OFF }

  async startWorker (options: WorkerOptions = {}): Promise<TaskWorker> {
    const worker = this.#workers.create(options, this.#instance.log)
    await worker.start()
    return worker
  }

  async drain (options: DrainOptions = {}): Promise<Drained> { return this.#clock.drain(options) }
  async advance (ms: number, options: AdvanceOptions = {}): Promise<Drained> { return this.#clock.advance(ms, options) }
}

/**
 * Adds the decorators. Workers that are started through them are added to `workers`.
 * @throws FST_TASKS_NAME_TAKEN
 */
export function decorate (fastify: FastifyInstance, decorated: Decorated): FastifyTasks {
  const { name } = decorated.registry.settings
  if (fastify.hasDecorator(name)) throw new errors.NameTaken(name)
  const scoped = new WeakMap<FastifyInstance, FastifyTasks>()
  fastify.decorate(name, {
    getter (this: FastifyInstance) {
      let tasks = scoped.get(this)
      if (!tasks) scoped.set(this, tasks = new ScopedTasks(this, decorated))
      return tasks
    }
  })
  decorateReply(fastify)
  if (decorated.registry.settings.requestContext) rememberRequest(fastify)
  return (fastify as any)[name]
}

const ANSWERS = Symbol('fastify-tasks.answers-accepted')

/** The app may have an `accepted` of its own, which stays. */
function decorateReply (fastify: FastifyInstance): void {
  if (fastify.hasDecorator(ANSWERS)) return // another instance of the plugin has added it
  fastify.decorate(ANSWERS, true)
  if (!fastify.hasReplyDecorator('accepted')) return void fastify.decorateReply('accepted', accepted)
  const fields = { event: 'app.accepted_taken' }
  fastify.log.warn(fields, 'reply.accepted is the app\'s own: it does not answer with the status of a task. To have ' +
    'ours, rename yours')
}

/**
 * Answers 202 with the address of the status route and the status. No call to Redis, unless the task was there before:
 * then the request has to be one that may see the task, as on the status route.
 * @throws FST_TASKS_HANDLE_INVALID
 */
function accepted (this: FastifyReply, handle: AnyHandle): FastifyReply {
  const recordFor = tryOr(() => (handle as any)[RECORD_FOR], undefined)
  if (typeof recordFor !== 'function') throw new errors.HandleInvalid(describeKind(handle))
  this.header('cache-control', 'no-store')
  if (handle.snapshot) return sendAccepted(this, handle, handle.snapshot)
  recordFor.call(handle, this.request).then(
    (record: TaskRecord) => sendAccepted(this, handle, record),
    (error: unknown) => this.send(error)
  )
  return this
}

function sendAccepted (reply: FastifyReply, { location }: AnyHandle, record: TaskRecord): FastifyReply {
  if (location !== null) reply.header('location', location)
  return reply.code(202).send(record)
}

const REMEMBERS = Symbol('fastify-tasks.remembers-request')

/**
 * Makes the current request known to `enqueue`: a task stores the id and the trace of the request that enqueued it.
 * In preValidation, after the body was read: the stream of the body loses the async context.
 */
function rememberRequest (fastify: FastifyInstance): void {
  if (fastify.hasDecorator(REMEMBERS)) return // another instance of the plugin has added the hook
  fastify.decorate(REMEMBERS, true)
  fastify.addHook('preValidation', (request, _reply, done) => runInRequest(request, done))
}
