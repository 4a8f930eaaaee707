/**
 * Enqueues tasks:
 *
 * 1. checks the options and validates the data of every task before the first is sent;
 * 2. makes the records;
 * 3. sends them, within `redisTimeout`, and returns handles;
 * 4. finds out whose task it is if an id was taken.
 */
import { randomUUID } from 'node:crypto'
import * as errors from '../errors.ts'
import { DeclaredLimits } from './declared-limits.ts'
import { Handle } from './handle.ts'
import { MANY_IN_DOUBT, ManyResults, refusalOf } from './partial-error.ts'
import { tellMade, watchEnqueue } from './traced-enqueue.ts'
import { addLane } from './lane.ts'
import { addBatch, addOne, addUnique, identityOfStanding, refuseUnique } from './unique.ts'
import { keepSpans, spansOf, type Span } from './spans.ts'
import { storedOptions } from './stored-options.ts'
import { callPreEnqueue } from '../hooks/pre-enqueue.ts'
import { checkEnqueue, checkItems, copyEnqueue, defaults, timeOf, type Settings } from '../options.ts'
import { encodeNamed, jsonRoundTrip } from '../records/task-data.ts'
import { encodeNew, lifeOf, toTaskRecord, type StoredOptions } from '../records/task-record.ts'
import { tagsOf } from '../records/tags.ts'
import { endOfBatch } from '../store/batches.ts'
import { uptime } from '../timers.ts'
import type { EnqueueEvent } from '../telemetry.ts'
import type { AnyHook } from '../hooks/hook-lists.ts'
import type { Meter } from '../metrics/meter.ts'
import type { NewJob, Queue } from '../store/contract.ts'
import type { UniqueReply } from '../store/unique-contract.ts'
import type { BoundedCalls, StoreClock } from '../store/store-contract.ts'
import type { EnqueueItem, EnqueueOptions, TaskRecord } from '../types.ts'
import type { Definition } from './definition.ts'
import type { TaskLookup } from './lookup.ts'
import type { TaskRegistry } from './registry.ts'
import type { EncodedTemplate } from './task-template.ts'

/** Bounds one Lua call, so that a large batch does not block Redis. */
const BATCH = 500

/** A job on its way to a store, and what its handle needs. */
interface NewTask extends NewJob {
  name: string
  queue: Queue
  options: StoredOptions
  spans?: Span[]
}

/** Whether this call made the task, which other one stands for its key, or why it was refused. */
type SentReply = UniqueReply | Error

export interface ProducerOptions {
  registry: TaskRegistry
  /** The handles that are returned ask it. */
  lookup: TaskLookup
  settings: Settings
  calls: BoundedCalls
  clock: StoreClock
  /** See telemetry.ts. */
  instanceId: string
  meter: Meter | null
}

export class TaskProducer {
  readonly #registry: TaskRegistry
  readonly #lookup: TaskLookup
  readonly #settings: Settings
  readonly #calls: BoundedCalls
  readonly #clock: StoreClock
  readonly #instance: string
  readonly #meter: Meter | null
  readonly #limits: DeclaredLimits

  constructor ({ registry, lookup, settings, calls, clock, instanceId, meter }: ProducerOptions) {
    this.#registry = registry
    this.#lookup = lookup
    this.#settings = settings
    this.#calls = calls
    this.#clock = clock
    this.#limits = new DeclaredLimits(clock)
    this.#instance = instanceId
    this.#meter = meter
  }

  /** See `FastifyTasks.enqueue`. */
  enqueue (name: string, data: unknown, options: EnqueueOptions = {}): Promise<Handle> {
    return this.#watched(name, 1, event => this.#enqueue(name, data, options, event))
  }

  /** Likewise. */
  enqueueMany (name: string, items: Array<EnqueueItem<any>>): Promise<Handle[]> {
    return this.#watched(name, items?.length ?? 0, event => this.#enqueueMany(name, items, event))
  }

  #watched<T> (name: string, count: number, enqueue: (event?: EnqueueEvent) => Promise<T>): Promise<T> {
    const event = (): EnqueueEvent & { queue: string } => {
      const queue = this.#registry.definitions.get(name)?.queue ?? defaults.queue
      return { instance: this.#instance, name, ids: [], count, queue }
    }
    return watchEnqueue(this.#settings.telemetry, event, enqueue)
  }

  async #enqueue (name: string, data: unknown, options: EnqueueOptions, event?: EnqueueEvent): Promise<Handle> {
    try {
      const hooks = this.#hooksOf(name)
      const task = hooks ? await this.#prepareHooked(name, data, options, hooks) : this.#prepare(name, data, options)
      if (event) tellMade(event, [task])
      if (task.spans) await keepSpans(this.#clock, [task])
      const start = uptime()
      if (task.lane !== undefined) await this.#declareLimit(task, start)
      const added = await this.#send(task, start, () => addOne(task.queue, task))
      this.#count(task, start, added === true ? 1 : 0)
      return this.#handleOf(task, added || await this.#isOwn(task, start))
    } catch (error) {
      throw this.#countFailure(name, error as Error, options)
    }
  }

  #count ({ queue, name, options: { timestamp } }: NewTask, start: number, stored: number): void {
    if (!this.#meter) return
    this.#meter.stored(queue.name, uptime() - start)
    if (stored > 0) this.#meter.enqueued(queue.name, name, stored, timestamp)
  }

  /** @param options as they were given */
  #countFailure (name: string, error: Error, options?: EnqueueOptions): Error {
    this.#meter?.enqueueFailed(this.#registry.queueNamed(name, options), error)
    return error
  }

  async #enqueueMany (name: string, items: Array<EnqueueItem<any>>, event?: EnqueueEvent): Promise<Handle[]> {
    let tasks: NewTask[] = []
    const results = new ManyResults<NewTask, Handle>()
    try {
      const prepared = this.#prepareAll(name, checkItems(name, items))
      tasks = Array.isArray(prepared) ? prepared : await prepared
      if (tasks.some(({ spans }) => spans)) await keepSpans(this.#clock, tasks)
      if (event) tellMade(event, tasks)
      await this.#sendAll(tasks, (task, created) => results.add(task, () => this.#handleOf(task, created)))
      return results.of(tasks)
    } catch (error) {
      this.#countFailure(name, error as Error)
      throw tasks.length > 0 ? results.toError(error as Error, tasks, items) : error
    }
  }

  /** @param onSent called for each task that is known to be stored or refused */
  async #sendAll (tasks: NewTask[], onSent: (task: NewTask, created: SentReply) => void): Promise<void> {
    for (const queue of new Set(tasks.map(task => task.queue))) {
      const inQueue = tasks.filter(task => task.queue === queue)
      for (let start = 0, end = 0; start < inQueue.length; start = end) {
        end = endOfBatch(inQueue, start, BATCH, ({ text }) => text.length)
        const batch = inQueue.slice(start, end)
        const created = await this.#sendBatch(queue, batch)
        batch.forEach((task, i) => onSent(task, created[i]!))
      }
    }
  }

  async #sendBatch (queue: Queue, batch: NewTask[]): Promise<SentReply[]> {
    const start = uptime()
    if (batch[0]!.lane !== undefined) await this.#declareLimit(batch[0]!, start)
    const added = await this.#send(batch[0]!, start, () => addBatch(queue, batch), MANY_IN_DOUBT)
    this.#count(batch[0]!, start, added.filter(reply => reply === true).length)
    if (!added.includes(false)) return added
    return await Promise.all(batch.map((task, i) => added[i]! || this.#isOwn(task, start).catch(refusalOf)))
  }

  // Make the record

  #hooksOf (name: string): AnyHook[] | undefined { return this.#registry.definitions.get(name)?.hooks()?.preEnqueue }

  #prepareAll (name: string, items: Array<EnqueueItem<any>>): NewTask[] | Promise<NewTask[]> {
    const hooks = this.#hooksOf(name)
    if (hooks) return this.#prepareAllHooked(name, items, hooks)
    return items.map(({ data, ...options }) => this.#prepare(name, data, options, true))
  }

  async #prepareAllHooked (name: string, items: Array<EnqueueItem<any>>, hooks: AnyHook[]): Promise<NewTask[]> {
    const tasks: NewTask[] = []
    for (const { data, ...options } of items) tasks.push(await this.#prepareHooked(name, data, options, hooks, true))
    return tasks
  }

  /** Hooks may change the data, the options and the queue: by `entry.queue`, or else by `entry.options.queue`. */
  async #prepareHooked (
    name: string, data: unknown, given: EnqueueOptions, hooks: AnyHook[], isItem = false
  ): Promise<NewTask> {
    const { instance, queue: own } = this.#registry.definition(name)
    const options = copyEnqueue(name, given)
    const first = options.queue ?? own
    const entry = await callPreEnqueue(hooks, instance, { name, queue: first, data, options })
    const changed = copyEnqueue(name, entry.options ?? {})
    const queue = entry.queue === first ? changed.queue ?? first : entry.queue
    return this.#prepare(name, entry.data, { ...changed, queue }, isItem)
  }

  /** Throws if anything is wrong with the data or the options. */
  #prepare (name: string, data: unknown, given: EnqueueOptions, isItem = false): NewTask {
    const definition = this.#registry.definition(name)
    const checked = checkEnqueue(name, given, this.#settings, isItem)
    const options = storedOptions(definition, checked, this.#settings, this.#clock)
    const valid = validData(definition, data)
    addLane(options, definition, valid, checked.queue)
    const unique = addUnique(options, definition, valid, checked)
    const text = encodeNew(name, valid, options, this.#settings.maxDataSize)
    const queue = this.#registry.queue(checked.queue ?? definition.queue)
    const ownId = checked.id !== undefined
    const task: NewTask = { id: checked.id ?? randomUUID(), ownId, text, delay: options.delay!, name, queue, options }
    if (options.lane !== undefined) task.lane = options.lane
    if (unique !== undefined) task.unique = unique
    if (options.priority !== undefined) task.level = options.priority
    const spans = spansOf(checked)
    if (spans) task.spans = spans
    return options.tags === undefined ? task : { ...task, ...tagsOf(options) }
  }

  /**
   * What a schedule, or a flow, stores to make tasks of it later. Checks all that an enqueue checks.
   * @param withOrigin whether they continue the present request
   */
  template (name: string, data: unknown, given: EnqueueOptions, withOrigin = false): EncodedTemplate {
    const definition = this.#registry.definition(name)
    refuseUnique(definition, withOrigin)
    const { delay, expires, ...checked } = checkEnqueue(name, given, this.#settings)
    const stored = storedOptions(definition, checked, this.#settings, this.#clock, withOrigin)
    const valid = validData(definition, data)
    addLane(stored, definition, valid, checked.queue)
    const { timestamp, ...options } = stored
    const named = encodeNamed(name, valid, this.#settings.maxDataSize)
    const queue = this.#registry.queue(checked.queue ?? definition.queue).name
    const life = expires instanceof Date ? { expiresAt: this.#clock.toStoreTime(timeOf(expires)) } : { expires }
    return { name, queue, data: valid, named, options, delay, ...life }
  }

  /** Name and data of a task, as a record has them. Checks the data as an enqueue does. */
  encodeData (name: string, data: unknown): string {
    return encodeNamed(name, validData(this.#registry.definition(name), data), this.#settings.maxDataSize)
  }

  // Send it

  /** Before the first task of a name: the limit must be known when it enters its lane. */
  async #declareLimit (task: NewTask, start: number): Promise<void> {
    await this.#send(task, start, () => this.declareLimit(task.name))
  }

  /** Declares the limit of a task: once, or once more. */
  async declareLimit (name: string, again = false): Promise<void> {
    const definition = this.#registry.definition(name)
    await this.#limits.declare(definition, this.#registry.queue(definition.queue), again)
  }

  /** @param start when `redisTimeout` began, in ms on a clock that is never set */
  async #send<T> (
    { id, name }: NewTask, start: number, send: () => Promise<T>,
    doubt = `It may have been enqueued all the same: enqueue it again with the id "${id}" to make sure that there is ` +
      'one task.'
  ): Promise<T> {
    try {
      return await this.#calls.call(`an enqueue of task "${name}"`, doubt, send, start)
    } catch (error) {
      throw Object.assign(error as Error, { taskId: id })
    }
  }

  /**
   * Whether a task whose id was taken is from this very call: its reply was lost and ioredis sent it again.
   * @throws FST_TASKS_ID_TAKEN
   */
  async #isOwn (task: NewTask, start: number): Promise<boolean> {
    const { id, name, queue, options: { nonce } } = task
    if (nonce === undefined) return true // nobody else has the same UUID
    const stored = (await this.#send(task, start, () => this.#lookup.read(queue, id)))?.stored
    if (stored && stored.data.name !== name) {
      const owner = new Error(`it belongs to a task "${stored.data.name}" in queue "${queue.name}"`) // for the log
      throw new errors.TaskIdTaken(id, name, { cause: owner })
    }
    return stored?.options.nonce === nonce
  }

  #handleOf (task: NewTask, created: SentReply): Handle {
    const { id, ownId, name, queue, options } = task
    if (created instanceof Error) throw created
    if (typeof created === 'object') return new Handle(this.#lookup, identityOfStanding(name, queue, created), null)
    const snapshot = (): TaskRecord =>
      toTaskRecord(id, queue.name, { data: { name }, options, status: 'created' }, { delayedTo: options.delay }, false)
    // The task of an earlier call may have ended by now, and another may have its id: only ours is known.
    const life = created ? lifeOf(options) : undefined
    const identity = { id, name, queue: queue.name, hasUniqueId: !ownId, life }
    return new Handle(this.#lookup, identity, created ? snapshot : null)
  }
}

/** The data to store. A schema sees the same as a worker: what JSON makes of the data. */
function validData ({ name, schemas }: Definition, data: unknown): unknown {
  const { validateForEnqueue } = schemas()
  return validateForEnqueue ? validateForEnqueue(jsonRoundTrip(name, data)) : data
}
