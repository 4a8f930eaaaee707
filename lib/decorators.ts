/**
 * Layer 3: what the plugin adds to Fastify: `fastify.tasks`, and `reply.accepted`.
 */
import type { FastifyInstance, FastifyReply } from 'fastify'
import { describeValue } from './describe.ts'
import * as errors from './errors.ts'
import { runInRequest } from './tasks/request-context.ts'
import { counts, list, purge, remove, workers } from './tasks/listing.ts'
import type { AppWorkers } from './worker.ts'
import type { MemoryClock } from './testing/virtual-clock.ts'
import type { TaskRegistry } from './tasks/registry.ts'
import type { AdvanceOptions, CancelOutcome, DefineOptions, Drained, DrainOptions, EnqueueItem, EnqueueOptions, FastifyTasks, ListOptions, QueueCounts, RemoveOutcome, RetryOutcome, Task, TaskHandle, TaskHandler, TaskPage, TaskRecord, TaskWorker, WorkerInfo, WorkerOptions } from './types.ts'

/** `fastify.tasks` as one instance sees it: tasks that are defined through it run with that instance as `this`. */
class ScopedTasks implements FastifyTasks {
  readonly #registry: TaskRegistry
  readonly #instance: FastifyInstance
  readonly #workers: AppWorkers
  readonly #memoryClock: MemoryClock | undefined

  constructor (registry: TaskRegistry, instance: FastifyInstance, workers: AppWorkers, memoryClock: MemoryClock | undefined) {
    this.#registry = registry
    this.#instance = instance
    this.#workers = workers
    this.#memoryClock = memoryClock
  }

  get name (): string { return this.#registry.settings.name }
  get instanceId (): string { return this.#registry.instanceId }
  get ready (): boolean { return this.#registry.calls.ready }

  define (name: string, options: DefineOptions | TaskHandler = {}, handler?: TaskHandler): Task<any, any, any> {
    const [given, run] = typeof options === 'function' ? [{}, options] : [options, handler]
    const { queue } = this.#registry.define(this.#instance, name, given, run)
    return {
      name,
      queue,
      enqueue: (data, options) => this.#registry.enqueue(name, data, options),
      enqueueMany: items => this.#registry.enqueueMany(name, items)
    }
  }

  enqueue (name: string, data?: unknown, options?: EnqueueOptions): Promise<TaskHandle<any, any>> { return this.#registry.enqueue(name, data, options) }
  enqueueMany (name: string, items: Array<EnqueueItem<any>>): Promise<Array<TaskHandle<any, any>>> { return this.#registry.enqueueMany(name, items) }
  status (id: string): Promise<TaskRecord<any, any> | null> { return this.#registry.status(id) }
  handle (id: string): Promise<TaskHandle<any, any> | null> { return this.#registry.handle(id) }
  cancel (id: string): Promise<CancelOutcome> { return this.#registry.cancel(id) }
  retry (id: string): Promise<RetryOutcome> { return this.#registry.retry(id) }

  list (options: ListOptions): Promise<TaskPage> { return list(this.#registry, options) }
  counts (): Promise<Record<string, QueueCounts>> { return counts(this.#registry) }
  remove (id: string): Promise<RemoveOutcome> { return remove(this.#registry, id) }
  purge (queue: string): Promise<number> { return purge(this.#registry, queue) }
  workers (): Promise<WorkerInfo[]> { return workers(this.#registry) }

  async startWorker (options: WorkerOptions = {}): Promise<TaskWorker> {
    const worker = this.#workers.create(options, this.#instance.log)
    await worker.start()
    return worker
  }

  async drain (options: DrainOptions = {}): Promise<Drained> { return this.#clock('drain').drain(options) }
  async advance (ms: number, options: AdvanceOptions = {}): Promise<Drained> { return this.#clock('advance').advance(ms, options) }

  #clock (call: string): MemoryClock {
    if (!this.#memoryClock) throw new errors.NotMemoryMode(this.name, call)
    return this.#memoryClock
  }
}

/** Decorates; the workers that are started through it are added to `workers`. Throws FST_TASKS_NAME_TAKEN. */
export function decorate (fastify: FastifyInstance, registry: TaskRegistry, workers: AppWorkers, memoryClock?: MemoryClock): FastifyTasks {
  const { name } = registry.settings
  if (fastify.hasDecorator(name)) throw new errors.NameTaken(name)
  const scoped = new WeakMap<FastifyInstance, FastifyTasks>()
  fastify.decorate(name, {
    getter (this: FastifyInstance) {
      let tasks = scoped.get(this)
      if (!tasks) scoped.set(this, tasks = new ScopedTasks(registry, this, workers, memoryClock))
      return tasks
    }
  })
  if (!fastify.hasReplyDecorator('accepted')) fastify.decorateReply('accepted', accepted)
  rememberRequest(fastify)
  return (fastify as any)[name]
}

/** 202, with the address of the status route and the status itself: from memory, unless the task was there before. */
function accepted (this: FastifyReply, handle: TaskHandle<any, any>): FastifyReply {
  if (typeof handle?.status !== 'function') throw new errors.HandleInvalid(describeValue(handle))
  this.code(202).header('cache-control', 'no-store')
  if (handle.location !== null) this.header('location', handle.location)
  if (handle.snapshot) return this.send(handle.snapshot)
  handle.status().then(
    record => this.send(record ?? new errors.TaskNotFound(handle.id)),
    error => this.send(error)
  )
  return this
}

const REMEMBERS = Symbol('fastify-tasks.remembers-request')

/** A task knows which request enqueued it, and its trace. After the body was read: its stream loses the context. */
function rememberRequest (fastify: FastifyInstance): void {
  if (fastify.hasDecorator(REMEMBERS)) return // another instance of the plugin does
  fastify.decorate(REMEMBERS, true)
  fastify.addHook('preValidation', (request, _reply, done) => runInRequest(request, done))
}
