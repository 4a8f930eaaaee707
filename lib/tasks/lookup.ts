/**
 * Reads tasks, and changes those that are stored:
 *
 * 1. finds a task by its id, in whatever known queue it is;
 * 2. makes handles on tasks that were enqueued elsewhere;
 * 3. cancels a task, and queues a failed task again.
 */
import { TRY_AGAIN } from './advice.ts'
import { Handle, type HandleSource } from './handle.ts'
import { isId, type Settings } from '../options.ts'
import {
  decode, encode, isTerminal, placeholderRecord, resetForRetry, toTaskRecord, type StoredTask
} from '../records/task-record.ts'
import { ChangeWatcher } from './change-watcher.ts'
import type { BoundedCalls, PubSub, Queue, RawTask, StoreClock } from '../store/contract.ts'
import type { CancelOutcome, RetryOutcome, TaskRecord } from '../types.ts'
import type { TaskRegistry } from './registry.ts'

export interface FoundTask {
  queue: Queue
  /** The bytes of the record. */
  raw: Buffer
  stored: StoredTask
  record: TaskRecord<any, any>
  /** When it is due if it is delayed, ms since 1970. */
  delayedTo: number | undefined
}

export interface LookupOptions {
  registry: TaskRegistry
  settings: Pick<Settings, 'exposeStack' | 'resultTtl'>
  calls: BoundedCalls
  clock: StoreClock
  pubSub: PubSub
}

export class TaskLookup implements HandleSource {
  readonly #registry: TaskRegistry
  readonly #settings: LookupOptions['settings']
  readonly #calls: BoundedCalls
  readonly #clock: StoreClock
  readonly #watcher: ChangeWatcher
  /** The path in front of a task's id in its status route. Null without routes. */
  path: string | null = null
  isClosing = false

  constructor ({ registry, settings, calls, clock, pubSub }: LookupOptions) {
    this.#registry = registry
    this.#settings = settings
    this.#calls = calls
    this.#clock = clock
    this.#watcher = new ChangeWatcher(pubSub, calls)
  }

  /** Reads a task of a queue. Not async: a status read makes no more promises than it needs. */
  read (queue: Queue, id: string): Promise<FoundTask | null> {
    return this.#calls.call(`a status of task "${id}"`, TRY_AGAIN, () => queue.readTask(id))
      .then(read => read && this.#toFoundTask(queue, id, read))
  }

  #toFoundTask (queue: Queue, id: string, { text, raw, live }: RawTask): FoundTask {
    const stored = this.#decode(text)
    const record = toTaskRecord(id, queue.name, stored, live, this.#settings.exposeStack)
    const { expose } = this.#registry.definitions.get(stored.data.name)?.options ?? {}
    if (expose?.includes('data')) record.data = stored.data.data
    return { queue, raw, stored, delayedTo: live.delayedTo, record }
  }

  /** A record that cannot be read is shown as a failure. */
  #decode (text: string): StoredTask {
    try {
      return decode(text)
    } catch (error) {
      const { message } = error as Error
      const code = 'FST_TASKS_RECORD_INVALID'
      return { ...placeholderRecord(this.#clock.now()), error: { name: 'Error', message, code } }
    }
  }

  /**
   * Looks in every queue at once, which takes one round trip. The first queue that has the task answers for all: in a
   * cluster the masters of the others may be unavailable.
   */
  find (id: string, queue?: string): Promise<FoundTask | null> {
    if (!isId(id)) return Promise.resolve(null)
    const queues = queue === undefined ? [...this.#registry.queues.values()] : [this.#registry.queue(queue)]
    const reads = queues.map(queue => this.read(queue, id))
    return reads.length === 1 ? reads[0]! : firstOf(reads)
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
      const { stored, raw, record: { attempt } } = found
      const after = encode({ ...stored, status: 'cancelled', attempt, finishedAt: this.#clock.now() })
      const ttl = stored.options.ttl ?? this.#settings.resultTtl
      const cancel = (): ReturnType<Queue['cancel']> => found.queue.cancel(id, raw, after, ttl)
      const reply = await this.#calls.call(`a cancel of task "${id}"`, TRY_AGAIN, cancel)
      if (reply !== 'changed') return reply
    }
  }

  /** See `FastifyTasks.retry`. */
  async retry (id: string): Promise<RetryOutcome> {
    for (;;) {
      const found = await this.find(id)
      if (!found) return 'unknown'
      if (found.record.state !== 'failed') return 'refused'
      const { queue, raw, stored } = found
      const after = encode(resetForRetry(stored))
      const reply = await this.#calls.call(`a retry of task "${id}"`, TRY_AGAIN, () => queue.retry(id, raw, after))
      if (reply !== 'changed') return reply
    }
  }

  get isConnected (): boolean { return this.#calls.ready }

  location (id: string): string | null {
    return this.path === null ? null : `${this.path}/${id}`
  }

  /** See `ChangeWatcher.watch`. */
  watch (id: string, queue: string, changed: () => void): Promise<() => void> {
    return this.#watcher.watch(id, this.#registry.queue(queue), changed)
  }

  /** Ends all waits for a task. Those whose task has ended get its record. Resolves after that, or after `ms`. */
  async close (ms: number): Promise<void> {
    this.isClosing = true
    await this.#watcher.close(ms)
  }
}

const NOT_HERE = new Error('not here')

/** The first result that is not null, or null if all are. Throws if none was found and a read failed. */
async function firstOf<T> (reads: Array<Promise<T | null>>): Promise<T | null> {
  const found = reads.map(async read => await read ?? Promise.reject(NOT_HERE))
  return await Promise.any(found).catch(({ errors }: AggregateError) => {
    const failure = errors.find(error => error !== NOT_HERE)
    if (failure) throw failure
    return null
  })
}
