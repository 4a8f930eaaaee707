/**
 * Layer 2: the registry: which tasks there are, and all that can be asked of them: enqueue, status, cancel, retry.
 */
import { randomUUID } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { describeName, describeValue } from '../describe.ts'
import * as errors from '../errors.ts'
import { currentOrigin } from './request-context.ts'
import { Handle, type HandleSource } from './handle.ts'
import { checkDefine, checkEnqueue, checkItems, defaults, isId, timeOf, type Settings } from '../options.ts'
import { jsonRoundTrip, resetForRetry, decode, encode, encodeNew, isTerminal, toTaskRecord, placeholderRecord, type LiveState, type StoredTask, type StoredOptions } from '../records/task-record.ts'
import { compileSchemas, type CompiledSchemas } from './schemas.ts'
import { ChangeWatcher } from './change-watcher.ts'
import { findThreadFile } from './thread-file.ts'
import { traceEnqueue, type EnqueueEvent } from '../telemetry.ts'
import type { Definition } from './definition.ts'
import type { BoundedCalls, NewJob, PubSub, Queue, RawTask, Store, StoreClock } from '../store/contract.ts'
import type { CancelOutcome, DefineOptions, EnqueueItem, EnqueueOptions, RetryOutcome, TaskHandler, TaskRecord } from '../types.ts'

interface Prepared { id: string, text: string, name: string, options: StoredOptions, queue: Queue, own: boolean }

const toNewJob = ({ id, text, options }: Prepared): NewJob => ({ id, text, delay: options.delay })

export interface FoundTask {
  queue: Queue
  /** The record's text, as it stands in Redis. */
  raw: Buffer
  stored: StoredTask
  record: TaskRecord<any, any>
  /** When it is due, where it is delayed: ms since 1970. */
  delayedTo: number | undefined
}

const NO_SCHEMAS: CompiledSchemas = {}

/** Bounds one Lua call, so that a large batch does not hold up Redis. */
const BATCH = 500

/** Compiles a task's schemas once: when the app is ready, or when they are needed before that. */
function compiling (instance: FastifyInstance, name: string, { schema }: DefineOptions): () => CompiledSchemas {
  if (!schema) return () => NO_SCHEMAS
  let compiled: CompiledSchemas | undefined
  const compile = (): CompiledSchemas => (compiled ??= compileSchemas(instance, name, schema))
  try {
    instance.addHook('onReady', async () => { compile() })
  } catch {
    compile() // the app has started
  }
  return compile
}

/** The data as it is stored. What JSON cannot carry is refused first: a schema sees what a worker will see. */
function validated ({ name, schemas }: Definition, data: unknown): unknown {
  const { validateForEnqueue } = schemas()
  return validateForEnqueue ? validateForEnqueue(jsonRoundTrip(name, data)) : data
}

export class TaskRegistry implements HandleSource {
  readonly settings: Settings
  readonly store: Store
  readonly calls: BoundedCalls
  readonly clock: StoreClock
  readonly pubSub: PubSub
  /** Tells the plugin instances of one process apart, in telemetry. */
  readonly instanceId: string = randomUUID()
  readonly #watcher: ChangeWatcher
  readonly definitions = new Map<string, Definition>()
  readonly queues = new Map<string, Queue>()
  /** Where the status routes are; null without them. */
  path: string | null = null

  constructor (settings: Settings, store: Store) {
    this.settings = settings
    this.store = store
    this.calls = store.calls
    this.clock = store.clock
    this.pubSub = store.pubSub
    this.#watcher = new ChangeWatcher(this.pubSub, this.calls)
    for (const queue of [defaults.queue, ...settings.queues]) this.#know(queue)
  }

  #know (queue: string): void {
    if (!this.queues.has(queue)) this.queues.set(queue, this.store.queue(queue))
  }

  /** @throws FST_TASKS_QUEUE_UNKNOWN */
  queue (name: string): Queue {
    const queue = this.queues.get(name)
    if (!queue) throw new errors.QueueUnknown(name, [...this.queues.keys()].join(', '), name)
    return queue
  }

  /** @throws FST_TASKS_ALREADY_DEFINED, FST_TASKS_NAME_INVALID, FST_TASKS_TASK_OPTION_INVALID, FST_TASKS_HANDLER_INVALID, FST_TASKS_THREAD_NOT_FOUND, FST_TASKS_OPTION_CLASH */
  define (instance: FastifyInstance, name: string, options: DefineOptions, handler: TaskHandler | undefined): Definition {
    checkDefine(name, options, this.settings)
    if (handler !== undefined && typeof handler !== 'function') throw new errors.HandlerInvalid(name, describeValue(handler))
    if (this.definitions.has(name)) throw new errors.TaskAlreadyDefined(name)
    const threadFile = options.thread === undefined ? null : findThreadFile(name, options.thread)
    if (threadFile !== null && handler) throw new errors.OptionClash('thread', 'handler', `The file of task "${name}" has its handler: leave one out`)
    const definition = { name, queue: options.queue ?? defaults.queue, options, handler: handler ?? null, threadFile, hasHandler: (handler ?? threadFile) !== null, instance, schemas: compiling(instance, name, options) }
    this.definitions.set(name, definition)
    this.#know(definition.queue)
    return definition
  }

  #definition (name: string): Definition {
    const definition = this.definitions.get(name)
    if (!definition) throw new errors.TaskNotDefined(describeName(name), describeName(name), [...this.definitions.keys()].join(', ') || 'none')
    return definition
  }

  /** Checks everything and makes the record: what is wrong is found before anything is sent. */
  #prepare (name: string, data: unknown, unchecked: EnqueueOptions): Prepared {
    const definition = this.#definition(name)
    const given = checkEnqueue(name, unchecked, this.settings)
    const options = this.#storedOptions(definition, given)
    return {
      id: given.id ?? randomUUID(),
      text: encodeNew(name, validated(definition, data), options, this.settings.maxDataSize),
      name,
      options,
      queue: this.queue(given.queue ?? definition.queue),
      own: given.id !== undefined
    }
  }

  #storedOptions ({ options: task }: Definition, given: EnqueueOptions): StoredOptions {
    const { settings, clock } = this
    const retries = given.retries ?? task.retries ?? settings.retries
    const timeout = given.timeout ?? task.timeout ?? settings.timeout
    const ttl = task.resultTtl ?? settings.resultTtl
    const now = clock.now()
    const options: StoredOptions = { timestamp: now, attempts: 1 + retries }
    if (retries > 0) {
      options.retries = retries
      options.backoff = given.backoff ?? task.backoff ?? settings.backoff
    }
    if (timeout > 0) options.timeout = timeout
    if (task.resultTtl !== undefined || ttl !== defaults.resultTtl) options.ttl = ttl
    if (given.delay) options.delay = now + given.delay
    const due = given.delayUntil === undefined ? 0 : clock.toStoreTime(timeOf(given.delayUntil))
    if (due > now) options.delay = due
    if (given.expires !== undefined) options.expires = given.expires instanceof Date ? clock.toStoreTime(timeOf(given.expires)) : now + given.expires
    if (given.id !== undefined) options.nonce = randomUUID()
    const origin = currentOrigin()
    if (origin?.reqId !== undefined) options.reqId = origin.reqId
    if (origin?.traceparent !== undefined) options.traceparent = origin.traceparent
    if (origin?.tracestate !== undefined) options.tracestate = origin.tracestate
    return options
  }

  /** See `FastifyTasks.enqueue`. */
  enqueue (name: string, data: unknown, options: EnqueueOptions = {}): Promise<Handle> {
    return traceEnqueue(() => this.#event(name, 1), event => this.#enqueue(name, data, options, event))
  }

  #event (name: string, count: number): EnqueueEvent { return { instance: this.instanceId, name, ids: [], count } }

  async #enqueue (name: string, data: unknown, options: EnqueueOptions, event: EnqueueEvent | undefined): Promise<Handle> {
    const job = this.#prepare(name, data, options)
    event?.ids.push(job.id)
    const start = Date.now()
    const added = await this.#send(job, start, () => job.queue.add(toNewJob(job)))
    return this.#handleOf(job, added, start)
  }

  /** See `FastifyTasks.enqueueMany`. */
  enqueueMany (name: string, items: Array<EnqueueItem<any>>): Promise<Handle[]> {
    return traceEnqueue(() => this.#event(name, items?.length ?? 0), event => this.#enqueueMany(name, items, event))
  }

  async #enqueueMany (name: string, items: Array<EnqueueItem<any>>, event: EnqueueEvent | undefined): Promise<Handle[]> {
    const jobs = checkItems(name, items).map(({ data, ...options }) => this.#prepare(name, data, options))
    event?.ids.push(...jobs.map(({ id }) => id))
    const handles = new Map<Prepared, Handle>()
    for (const queue of new Set(jobs.map(job => job.queue))) {
      const ofQueue = jobs.filter(job => job.queue === queue)
      for (let start = 0; start < ofQueue.length; start += BATCH) {
        const batch = ofQueue.slice(start, start + BATCH)
        const sent = Date.now()
        const added = await this.#send(batch[0]!, sent, () => queue.addMany(batch.map(toNewJob)))
        await Promise.all(batch.map(async (job, i) => handles.set(job, await this.#handleOf(job, added[i]!, sent))))
      }
    }
    return jobs.map(job => handles.get(job)!)
  }

  /** @param start since when redisTimeout counts */
  async #send<T> (job: Prepared, start: number, send: () => Promise<T>): Promise<T> {
    try {
      return await this.calls.call(`an enqueue of task "${job.name}"`, `It may have been enqueued all the same: enqueue it again with the id "${job.id}" to make sure that there is one.`, send, start)
    } catch (error) {
      throw Object.assign(error as Error, { taskId: job.id })
    }
  }

  async #handleOf (job: Prepared, added: boolean, start: number): Promise<Handle> {
    const { id, name, queue } = job
    const mine = added || await this.#isMine(job, start)
    const snapshot = (): TaskRecord => toTaskRecord(id, queue.name, { data: { name }, options: job.options, status: 'created' }, { delayedTo: job.options.delay }, false)
    return new Handle(this, id, name, queue.name, mine ? snapshot : null)
  }

  /** The id is there already: by this very call, if its reply was lost and ioredis sent it again, or by another. */
  async #isMine (job: Prepared, start: number): Promise<boolean> {
    const { id, name, queue, options, own } = job
    if (!own) return true // nobody else draws the same UUID
    const found = await this.#send(job, start, () => this.#read(queue, id))
    if (found && found.stored.data.name !== name) throw new errors.TaskIdTaken(id, found.stored.data.name, queue.name, name)
    return found?.stored.options.nonce === options.nonce
  }

  #read (queue: Queue, id: string): Promise<FoundTask | null> {
    return this.calls.call(`a status of task "${id}"`, 'Ask again.', () => queue.readTask(id)).then(read => read && this.#found(queue, id, read))
  }

  #found (queue: Queue, id: string, read: RawTask): FoundTask {
    let stored: StoredTask
    try {
      stored = decode(read.text)
    } catch (error) {
      stored = placeholderRecord(this.clock.now())
      stored.error = { name: 'Error', message: (error as Error).message, code: 'FST_TASKS_RECORD_INVALID' }
    }
    return { queue, raw: read.raw, stored, delayedTo: read.live.delayedTo, record: this.#present(id, queue, stored, read.live) }
  }

  #present (id: string, queue: Queue, stored: StoredTask, live: LiveState): TaskRecord<any, any> {
    const record = toTaskRecord(id, queue.name, stored, live, this.settings.exposeStack)
    const { expose } = this.definitions.get(stored.data.name)?.options ?? {}
    return expose?.includes('data') ? { ...record, data: stored.data.data } : record
  }

  /** Looks in every queue at once: one round trip. Where it is found, what other queues' masters do does not matter. */
  find (id: string, queue?: string): Promise<FoundTask | null> {
    if (!isId(id)) return Promise.resolve(null)
    const queues = queue === undefined ? [...this.queues.values()] : [this.queue(queue)]
    const looks = queues.map(queue => this.#read(queue, id))
    return looks.length === 1 ? looks[0]! : firstOf(looks)
  }

  /** See `FastifyTasks.status`. */
  async status (id: string, queue?: string): Promise<TaskRecord<any, any> | null> {
    return (await this.find(id, queue))?.record ?? null
  }

  /** See `FastifyTasks.handle`. */
  async handle (id: string): Promise<Handle | null> {
    const found = await this.find(id)
    return found && new Handle(this, id, found.record.name, found.queue.name, null)
  }

  /** See `FastifyTasks.cancel`. */
  async cancel (id: string, queue?: string): Promise<CancelOutcome> {
    for (;;) {
      const found = await this.find(id, queue)
      if (!found) return 'unknown'
      if (isTerminal(found.record.state)) return 'finished'
      const { stored, raw } = found
      const after = encode({ ...stored, status: 'cancelled', attempt: found.record.attempt, finishedAt: this.clock.now() })
      const ttl = stored.options.ttl ?? this.settings.resultTtl
      const outcome = await this.calls.call(`a cancel of task "${id}"`, 'Ask again.', () => found.queue.cancel(id, raw, after, ttl))
      if (outcome !== 'changed') return outcome
    }
  }

  /** See `FastifyTasks.retry`. */
  async retry (id: string): Promise<RetryOutcome> {
    for (;;) {
      const found = await this.find(id)
      if (!found) return 'unknown'
      if (found.record.state !== 'failed') return 'refused'
      const outcome = await this.calls.call(`a retry of task "${id}"`, 'Ask again.', () => found.queue.retry(id, found.raw, encode(resetForRetry(found.stored))))
      if (outcome !== 'changed') return outcome
    }
  }

  location (id: string): string | null {
    return this.path === null ? null : `${this.path}/${id}`
  }

  /** See `Watcher.watch`. */
  watch (id: string, queue: string, changed: () => void): Promise<() => void> {
    return this.#watcher.watch(id, this.queue(queue), changed)
  }

  /** The connection is closed by who opened it. */
  async close (): Promise<void> {
    this.calls.close()
    await this.pubSub.close()
    await Promise.all([...this.queues.values()].map(queue => queue.close()))
  }
}

const NOT_HERE = new Error('not here')

/** The first that is there; null where none is. @throws where none is, and one could not say. */
async function firstOf<T> (looks: Array<Promise<T | null>>): Promise<T | null> {
  if (looks.length === 1) return await looks[0]!
  const found = looks.map(async look => await look ?? Promise.reject(NOT_HERE))
  return await Promise.any(found).catch(({ errors }: AggregateError) => {
    const failure = errors.find(error => error !== NOT_HERE)
    if (failure) throw failure
    return null
  })
}
