/**
 * The tasks of one plugin instance. It puts the parts of this room together, for the decorators, the routes and the
 * workers.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { randomUUID } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import type { EncodedTemplate } from './task-template.ts'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { makeDefinition, type Definition } from './definition.ts'
import { TaskProducer } from './enqueue.ts'
import { TaskLookup } from './lookup.ts'
import { readBounded } from './read-bounded.ts'
import { TaskRegistry } from './registry.ts'
import { TaskVisibility } from './visibility.ts'
import { AppHooks } from '../hooks/app-hooks.ts'
import { AppMetrics } from '../metrics/app-metrics.ts'
import { checkDefine, defaults, type Settings } from '../options.ts'
import { clearInterval, setInterval } from '../timers.ts'
import type { FoundTask } from './found-task.ts'
import type { FlowView } from './flow-view.ts'
import type { Handle, TaskIdentity } from './handle.ts'
import type { ChangeSource } from './record-changes.ts'
import type { Watch } from './change-watcher.ts'
import { AppHistory } from '../metrics/history.ts'
import { allOf, type Meter } from '../metrics/meter.ts'
import type { Queue } from '../store/contract.ts'
import type { BoundedCalls, PubSub, Store, StoreClock } from '../store/store-contract.ts'
import type {
  CancelOutcome, DefineOptions, EnqueueItem, EnqueueOptions, HistoryOptions, HistoryPoint,
  RemoveOutcome, RetryOutcome, TaskHandler, TaskRecord
} from '../types.ts'

/** How long the last read of a record may take when the app closes, in ms. */
const LAST_READ_MS = 500

/** How often limits are declared, in ms. */
const DECLARE_EVERY_MS = 30_000

type AnyRecord = TaskRecord<any, any>

export class AppTasks implements ChangeSource {
  /** Tells the plugin instances of one process apart, in telemetry. */
  readonly instanceId: string = randomUUID()
  readonly settings: Settings
  readonly store: Store
  readonly calls: BoundedCalls
  readonly clock: StoreClock
  readonly pubSub: PubSub
  /** Runs work in the async context of `register`: a worker that a request starts runs the tasks of all requests. */
  readonly outside = AsyncLocalStorage.snapshot()
  readonly hooks = new AppHooks()
  /** Null if they are off. */
  readonly metrics: AppMetrics | null
  /** Counts what this process does. Null if nobody wants to know. */
  readonly meter: Meter | null
  readonly #history: AppHistory | null
  readonly #registry: TaskRegistry
  readonly #lookup: TaskLookup
  readonly #producer: TaskProducer
  readonly #closing = new AbortController()

  /** @param app the instance that registers the plugin */
  constructor (app: FastifyInstance, settings: Settings, store: Store) {
    const { calls, clock, pubSub } = store
    setMaxListeners(0, this.#closing.signal)
    this.settings = settings
    this.store = store
    this.calls = calls
    this.clock = clock
    this.pubSub = pubSub
    const registry = new TaskRegistry([defaults.queue, ...settings.queues], name => store.queue(name))
    const visibility = new TaskVisibility(app, settings.routes ? settings.routes.authorize : undefined)
    const lookup = new TaskLookup({ registry, visibility, settings, calls, clock, pubSub })
    this.#registry = registry
    this.#lookup = lookup
    this.metrics = settings.metrics === false ? null : new AppMetrics(this, settings.metrics)
    this.#history = settings.history ? new AppHistory(this, settings.mode === 'redis') : null
    this.meter = allOf([this.metrics?.counts, this.#history?.meter].filter(meter => meter !== undefined))
    const { meter, instanceId } = this
    this.#producer = new TaskProducer({ registry, lookup, settings, calls, clock, instanceId, meter })
  }

  /** See `FastifyTasks.history`. Without a history there are no points. */
  async readHistory (options: HistoryOptions): Promise<HistoryPoint[]> { return this.#history?.read(options) ?? [] }

  get definitions (): ReadonlyMap<string, Definition> { return this.#registry.definitions }
  get queues (): ReadonlyMap<string, Queue> { return this.#registry.queues }
  /** @throws FST_TASKS_QUEUE_UNKNOWN */
  queue (name: string): Queue { return this.#registry.queue(name) }

  /** @throws FST_TASKS_NOT_DEFINED */
  definition (name: string): Definition { return this.#registry.definition(name) }

  /**
   * Declares the limits of all tasks, so that the newest process wins: now, and from time to time, as Redis may have
   * lost them. Not awaited: an enqueue declares the limit of its task too.
   */
  declareLimits (): void {
    const limited = [...this.definitions.values()].filter(({ options }) => options.limit ?? options.rate)
    if (limited.length === 0) return
    const declare = (): void => {
      for (const { name } of limited) this.#producer.declareLimit(name, true).catch(() => {})
    }
    declare()
    const timer = setInterval(declare, DECLARE_EVERY_MS).unref()
    this.#closing.signal.addEventListener('abort', () => clearInterval(timer))
  }

  /** See `FastifyTasks.define`. */
  define (
    instance: FastifyInstance, name: string, given: DefineOptions, handler: TaskHandler | undefined
  ): Definition {
    const options = checkDefine(name, given, this.settings)
    return this.#registry.add(name, () => makeDefinition(instance, name, options, handler, this.hooks))
  }

  /** See `FastifyTasks.enqueue`. */
  enqueue (name: string, data: unknown, options?: EnqueueOptions): Promise<Handle> {
    return this.#producer.enqueue(name, data, options)
  }

  /** See `FastifyTasks.enqueueMany`. */
  enqueueMany (name: string, items: Array<EnqueueItem<any>>): Promise<Handle[]> {
    return this.#producer.enqueueMany(name, items)
  }

  /** See `TaskProducer.template`. */
  template (name: string, data: unknown, options: EnqueueOptions, withOrigin?: boolean): EncodedTemplate {
    return this.#producer.template(name, data, options, withOrigin)
  }

  /** See `TaskProducer.encodeData`. */
  encodeData (name: string, data: unknown): string { return this.#producer.encodeData(name, data) }

  /** Flows are set when the plugin has made them. */
  get flows (): FlowView { return this.#lookup.flows! }
  set flows (flows: FlowView) { this.#lookup.flows = flows }

  /** See `TaskLookup.makeHandle`. */
  makeHandle (identity: TaskIdentity, snapshot: (() => AnyRecord) | null): Handle {
    return this.#lookup.makeHandle(identity, snapshot)
  }

  /** See `TaskLookup.find`. */
  find (id: string, queue?: string): Promise<FoundTask | null> { return this.#lookup.find(id, queue) }

  /** The same. Of a record of more than `maxBytes` only its head may be read: see `readBounded`. */
  findBounded (id: string, queue: string | undefined, maxBytes: number): Promise<FoundTask | null> {
    const source = { calls: this.calls, lookup: this.#lookup }
    return this.#lookup.find(id, queue, queue => readBounded(source, queue, id, maxBytes))
  }

  /** See `TaskVisibility.check`. */
  checkVisible (request: FastifyRequest, id: string, found: FoundTask | null): FoundTask | Promise<FoundTask> {
    return this.#lookup.checkVisible(request, id, found)
  }

  /** See `TaskLookup.findVisible`. */
  findVisible (request: FastifyRequest, id: string, queue?: string): Promise<FoundTask> {
    return this.#lookup.findVisible(request, id, queue)
  }

  /** See `FastifyTasks.status`. */
  status (id: string, queue?: string): Promise<AnyRecord | null> { return this.#lookup.status(id, queue) }
  /** See `FastifyTasks.handle`. */
  handle (id: string, queue?: string): Promise<Handle | null> { return this.#lookup.handle(id, queue) }
  /** See `TaskLookup.cancel`. */
  cancel (
    id: string, queue?: string, check?: (found: FoundTask) => boolean | Promise<boolean>
  ): Promise<CancelOutcome> {
    return this.#lookup.cancel(id, queue, check)
  }

  /** See `FastifyTasks.remove`. */
  remove (id: string, queue?: string): Promise<RemoveOutcome> { return this.#lookup.remove(id, queue) }

  /** See `FastifyTasks.retry`. */
  retry (id: string, queue?: string): Promise<RetryOutcome> { return this.#lookup.retry(id, queue) }

  /** For calls about many tasks. */
  get lookup (): TaskLookup { return this.#lookup }

  /** See `ChangeWatcher.watch`. */
  watch (found: FoundTask, onChange: () => void): Promise<Watch> { return this.#lookup.watch(found, onChange) }

  /** Aborted when the app starts to close. */
  get closing (): AbortSignal { return this.#closing.signal }
  /** The app starts to close: what clients have open ends. */
  beginClose (): void { this.#closing.abort() }

  get isClosing (): boolean { return this.#lookup.isClosing }
  get isConnected (): boolean { return this.calls.ready }

  /** The path in front of a task's id in its status route. Null without routes. */
  get path (): string | null { return this.#lookup.path }
  set path (path: string | null) { this.#lookup.path = path }

  /** Ends all waits for a task: those of `result()` too. Call it when the workers of the app have closed. */
  endWaits (): Promise<void> { return this.#lookup.close(LAST_READ_MS) }

  /** Whoever opened the connection to the store closes it. */
  async close (): Promise<void> {
    this.metrics?.close()
    await this.#history?.close()
    this.calls.close()
    await this.pubSub.close()
    await Promise.all(Array.from(this.queues.values(), queue => queue.close()))
  }
}
