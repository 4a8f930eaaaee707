/**
 * Reads tasks, and changes those that are stored:
 *
 * 1. finds a task by its id, in whatever known queue it is;
 * 2. refuses a task that a request may not see;
 * 3. makes handles on tasks that were enqueued elsewhere;
 * 4. cancels a task, and queues a failed task again.
 */
import * as errors from '../errors.ts'
import { endOfTurn } from '../timers.ts'
import { within } from '../within.ts'
import { TRY_AGAIN } from './advice.ts'
import { withParams } from './route-path.ts'
import { Handle, type HandleSource, type TaskIdentity } from './handle.ts'
import type { Settings } from '../options.ts'
import { hasUniqueId, isTerminal, lifeOf, toTaskRecord, type StoredTask } from '../records/task-record.ts'
import { decodeOrFail } from '../records/decode-or-fail.ts'
import { ChangeWatcher, type Watch } from './change-watcher.ts'
import type { FastifyRequest } from 'fastify'
import type { Queue, RawTask } from '../store/contract.ts'
import type { BoundedCalls, PubSub, StoreClock } from '../store/store-contract.ts'
import type { CancelOutcome, RemoveOutcome, RetryOutcome, TaskRecord } from '../types.ts'
import type { FlowView } from './flow-view.ts'
import { checkFlow } from './flow-visibility.ts'
import { ambiguous, onlyOne, type AmbiguousId } from './only-one.ts'
import { hasExtras, nextOrder, type FoundTask } from './found-task.ts'
import { isRetryable, retriedRecord, toCancel, type CancelTerms } from './together.ts'
import { TaskReads } from './task-reads.ts'
import { WalkedTask } from './walked-task.ts'
import type { WalkTask } from '../store/walk-contract.ts'
import type { TaskRegistry } from './registry.ts'
import type { TaskVisibility } from './visibility.ts'

/** In characters. */
const MAX_ID = 1_024

/** The task is no more as it was found. */
type Changed = 'changed'

export interface LookupOptions {
  registry: TaskRegistry
  visibility: TaskVisibility
  settings: Pick<Settings, 'exposeStack' | 'resultTtl'>
  calls: BoundedCalls
  clock: StoreClock
  pubSub: PubSub
}

export class TaskLookup implements HandleSource {
  readonly #registry: TaskRegistry
  readonly #visibility: TaskVisibility
  readonly #settings: LookupOptions['settings']
  readonly #calls: BoundedCalls
  readonly #reads: TaskReads
  readonly #clock: StoreClock
  readonly #watcher: ChangeWatcher
  #openWaits = 0
  #onNoWaits: () => void = () => {}
  /** The path in front of a task's id in its status route. Null without routes. */
  path: string | null = null
  isClosing = false
  /** Set by the plugin: a record may be that of a flow. */
  flows: FlowView | null = null

  constructor ({ registry, visibility, settings, calls, clock, pubSub }: LookupOptions) {
    this.#registry = registry
    this.#visibility = visibility
    this.#settings = settings
    this.#calls = calls
    this.#reads = new TaskReads(calls)
    this.#clock = clock
    this.#watcher = new ChangeWatcher(pubSub, calls, (queue, id) => this.#readNow(queue, id))
  }

  /** Reads a task of a queue. Not async: a status read makes no more promises than it needs. */
  read (queue: Queue, id: string): Promise<FoundTask | null> {
    const order = nextOrder()
    return this.#reads.read(queue, id).then(read => read && this.#toFoundTask(queue, id, read, order))
  }

  /** Not with the others of this turn: who waits for a task is to see each of its states, also a short one. */
  async #readNow (queue: Queue, id: string): Promise<FoundTask | null> {
    const order = nextOrder()
    const read = await this.#calls.call(`a status of task "${id}"`, TRY_AGAIN, () => queue.readTask(id))
    return read && this.#toFoundTask(queue, id, read, order)
  }

  /** A handle on what this process has just enqueued. */
  makeHandle (identity: TaskIdentity, snapshot: (() => TaskRecord<any, any>) | null): Handle {
    return new Handle(this, identity, snapshot)
  }

  /** A task that was read in another way. */
  toFoundTask (queue: Queue, id: string, read: RawTask): FoundTask | Promise<FoundTask> {
    return this.#toFoundTask(queue, id, read, nextOrder())
  }

  /** The same, for walks over many tasks. None of them is a flow, and none says what it waits for. */
  toWalkedTask (queue: Queue, id: string, read: WalkTask): WalkedTask {
    const { stored, isReadable } = decodeOrFail(read.text, () => this.#clock.now())
    const definition = isReadable ? this.#registry.definitions.get(stored.data.name) : undefined
    return new WalkedTask(queue, id, read, stored, definition)
  }

  #toFoundTask (
    queue: Queue, id: string, { text, raw, live }: RawTask, order: number
  ): FoundTask | Promise<FoundTask> {
    const { stored, isReadable } = decodeOrFail(text, () => this.#clock.now())
    const record = toTaskRecord(id, queue.name, stored, live, this.#settings.exposeStack)
    const { lane } = stored.options
    if (live.gated === true && lane !== undefined) return this.#readLane(queue, id, { text, raw, live }, lane, order)
    const definition = isReadable ? this.#registry.definitions.get(stored.data.name) : undefined
    if (definition?.options.expose?.includes('data')) record.data = stored.data.data
    const life = isReadable ? lifeOf(stored.options) : ''
    const found = { queue, id, raw, stored, life, definition, delayedTo: live.delayedTo, order, record }
    return stored.options.graph && this.flows ? this.flows.show(found) : found
  }

  /** How far the limit is used that holds the task back. */
  async #readLane (queue: Queue, id: string, task: RawTask, lane: string, order: number): Promise<FoundTask> {
    const gated = await this.#calls.call(`a status of task "${id}"`, TRY_AGAIN, () => queue.lanes.read(lane))
    return this.#toFoundTask(queue, id, { ...task, live: { ...task.live, gated } }, order)
  }

  /**
   * Looks in the queue, or in every queue at once, which takes one round trip. An id of ours is in one queue only: the
   * first that has it answers for all, because in a cluster the masters of the others may be unavailable.
   * @param read reads it in one queue
   * @throws FST_TASKS_ID_AMBIGUOUS, with the tasks as its `found`; FST_TASKS_QUEUE_UNKNOWN
   */
  find (
    id: string, queue?: string, read = (queue: Queue): Promise<FoundTask | null> => this.read(queue, id)
  ): Promise<FoundTask | null> {
    if (!mayBeId(id)) return Promise.resolve(null)
    const queues = queue === undefined ? [...this.#registry.queues.values()] : [this.#registry.queue(queue)]
    const reads = queues.map(read)
    return reads.length === 1 ? reads[0]! : onlyOne(id, reads)
  }

  /** See `TaskVisibility.check`, and `checkFlow` for a flow. */
  checkVisible (request: FastifyRequest, id: string, found: FoundTask | null): FoundTask | Promise<FoundTask> {
    if (!found?.stored.options.graph) return this.#visibility.check(request, id, found)
    const { definitions } = this.#registry
    return checkFlow({ definitions, visibility: this.#visibility, flows: this.flows! }, request, id, found)
  }

  /**
   * A task that a request may see. If the id is found in several queues: the only one of them that it may see.
   * @throws FST_TASKS_NOT_FOUND, FST_TASKS_ID_AMBIGUOUS
   */
  async findVisible (request: FastifyRequest, id: string, queue?: string): Promise<FoundTask> {
    if (queue !== undefined && !this.#registry.queues.has(queue)) throw new errors.TaskNotFound(id)
    try {
      return await this.checkVisible(request, id, await this.find(id, queue))
    } catch (error) {
      if (!(error instanceof errors.TaskIdAmbiguous)) throw error
      return this.#onlyVisible(request, id, (error as unknown as AmbiguousId).found)
    }
  }

  async #onlyVisible (request: FastifyRequest, id: string, all: FoundTask[]): Promise<FoundTask> {
    const checks = await Promise.allSettled(all.map(async found => this.checkVisible(request, id, found)))
    const visible = checks.flatMap(check => check.status === 'fulfilled' ? [check.value] : [])
    if (visible.length > 1) throw ambiguous(id, visible)
    return visible[0] ?? this.checkVisible(request, id, null)
  }

  /** See `FastifyTasks.status`. */
  async status (id: string, queue?: string): Promise<TaskRecord<any, any> | null> {
    return (await this.find(id, queue))?.record ?? null
  }

  /** See `FastifyTasks.handle`. */
  async handle (id: string, queue?: string): Promise<Handle | null> {
    const found = await this.find(id, queue)
    if (!found) return null
    const { record: { name }, stored: { options }, life } = found
    return new Handle(this, { id, name, queue: found.queue.name, hasUniqueId: hasUniqueId(options), life }, null)
  }

  /**
   * See `FastifyTasks.cancel`.
   * @param check called with the task as it is about to be cancelled. Rejects if that must not be, and returns false if
   *   it is not the task that was meant
   */
  async cancel (
    id: string, queue?: string, check: (found: FoundTask) => boolean | Promise<boolean> = () => true
  ): Promise<CancelOutcome> {
    for (;;) {
      const found = await this.find(id, queue)
      if (!found || !await check(found)) return 'unknown'
      if (found.stored.options.graph) return this.flows!.cancel(found)
      const reply = await this.cancelFound(found)
      if (reply !== 'changed') return reply
    }
  }

  get cancelTerms (): CancelTerms { return { now: this.#clock.now(), resultTtl: this.#settings.resultTtl } }

  /** `changed`: the task is no more as it was found. */
  async cancelFound (found: FoundTask): Promise<CancelOutcome | Changed> {
    const { queue, stored, record: { state } } = found
    if (isTerminal(state)) return 'finished'
    const { id, before, after, ttl, hasExtras } = toCancel(found, state, this.cancelTerms)
    const reply = await this.#calls.call(`a cancel of task "${id}"`, TRY_AGAIN, () =>
      queue.cancel(id, before, after, ttl, stored.options.lane, hasExtras))
    if (reply === 'cancelled') await this.#tellFlow(stored, 'cancelled')
    return reply
  }

  /** A member of a flow was ended by a call of the app. */
  async #tellFlow ({ options: { flow }, data }: StoredTask, outcome: 'cancelled' | 'removed'): Promise<void> {
    if (flow) await this.flows!.ended([{ flow, task: data.name }], outcome)
  }

  /** See `FastifyTasks.remove`. */
  async remove (id: string, queue?: string): Promise<RemoveOutcome> {
    const found = await this.find(id, queue)
    if (!found) return 'unknown'
    if (found.stored.options.graph) return this.flows!.remove(found)
    return await this.removeFound(found) as RemoveOutcome
  }

  /** @param before as in `Queue.remove` */
  async removeFound (found: FoundTask, before?: string | Buffer): Promise<RemoveOutcome | Changed> {
    const { queue, id, stored } = found
    const removed = await this.#calls.call(`a removal of task "${id}"`, TRY_AGAIN, () =>
      queue.remove(id, before, stored.options.lane, hasExtras(found)))
    if (removed === 'removed') await this.#tellFlow(stored, 'removed')
    return removed
  }

  /** See `FastifyTasks.retry`. */
  async retry (id: string, where?: string): Promise<RetryOutcome> {
    for (;;) {
      const found = await this.find(id, where)
      if (!found) return 'unknown'
      if (found.stored.options.graph) return this.flows!.retry(found)
      const reply = await this.retryFound(found)
      if (reply !== 'changed') return reply
    }
  }

  /** As `cancelFound`. A member is retried with its flow, which knows what waits for it. */
  async retryFound (found: FoundTask): Promise<RetryOutcome | Changed> {
    if (!isRetryable(found)) return 'refused'
    const { id, raw, queue, stored } = found
    return await this.#calls.call(`a retry of task "${id}"`, TRY_AGAIN, () =>
      queue.retry(id, raw, retriedRecord(found, this.#clock.now()), stored.options.lane))
  }

  get isConnected (): boolean { return this.#calls.ready }

  /** With the queue, unless the id is enough. */
  location ({ id, queue, hasUniqueId }: TaskIdentity): string | null {
    const path = this.path === null ? null : withParams(this.path)
    if (path === null) return null
    return `${path}/${encodeURIComponent(id)}${hasUniqueId ? '' : `?queue=${queue}`}`
  }

  /** See `ChangeWatcher.watch`. */
  watch (found: FoundTask, onChange: () => void): Promise<Watch> {
    return this.#watcher.watch(found, onChange)
  }

  /** See `HandleSource.beginWait`. The watcher knows a wait only after the first read of its task. */
  beginWait (): () => void {
    this.#openWaits++
    return () => { if (--this.#openWaits === 0) this.#onNoWaits() }
  }

  /** Ends all waits for a task. Those whose task has ended get its record. Resolves after that, or after `ms`. */
  async close (ms: number): Promise<void> {
    this.isClosing = true
    const ended = this.#openWaits > 0 && new Promise<void>(resolve => { this.#onNoWaits = resolve })
    await Promise.all([this.#watcher.close(ms), ended && within(ms, ended)])
    await endOfTurn() // replies that wait for them are sent, before Fastify closes the sockets that are idle
  }
}

/** Other producers choose other ids than we do: any text of a length that a key may have. */
const mayBeId = (id: unknown): id is string => typeof id === 'string' && id.length > 0 && id.length <= MAX_ID
