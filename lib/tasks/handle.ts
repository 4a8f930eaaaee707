/**
 * A handle on a task that was enqueued.
 */
import * as errors from '../errors.ts'
import { recordChanges, type ChangeSource } from './record-changes.ts'
import { checkResult } from '../options.ts'
import { isTerminal } from '../records/task-record.ts'
import { WaitEnd } from './wait-end.ts'
import type { FastifyRequest } from 'fastify'
import type { BlockedBy, CancelOutcome, ResultOptions, TaskHandle, TaskRecord } from '../types.ts'
import type { FoundTask } from './found-task.ts'

/** What a handle asks of its app. */
export interface HandleSource extends ChangeSource {
  find (id: string, queue: string): Promise<FoundTask | null>
  /** @throws FST_TASKS_NOT_FOUND */
  findVisible (request: FastifyRequest, id: string, queue: string): Promise<FoundTask>
  cancel (id: string, queue: string, check: (found: FoundTask) => boolean): Promise<CancelOutcome>
  location (task: TaskIdentity): string | null
  /** The close of the app ends this wait. Returns the function to call when it has ended. */
  beginWait (): () => void
}

/**
 * The method of a handle that `reply.accepted` calls: it asks the plugin instance that made the handle. Of the global
 * registry of symbols: another copy of this package may have added `reply.accepted`.
 */
export const RECORD_FOR = Symbol.for('fastify-tasks.record-for')

/** Names one task, whatever other task has the same id in another queue, or later. */
export interface TaskIdentity {
  id: string
  name: string
  queue: string
  /** False if the caller chose the id: another queue may have a task with it. */
  hasUniqueId: boolean
  /** See `lifeOf`. Undefined if it is not known. */
  life: string | undefined
}

export class Handle implements TaskHandle<any, any> {
  readonly #source: HandleSource
  readonly #identity: TaskIdentity
  readonly #snapshot: (() => TaskRecord<any, any>) | null

  readonly id: string
  readonly name: string
  readonly queue: string

  /** @param snapshot the record as it was enqueued. Null if the task was not made by this call */
  constructor (source: HandleSource, identity: TaskIdentity, snapshot: (() => TaskRecord<any, any>) | null) {
    this.#source = source
    this.#identity = identity
    this.#snapshot = snapshot
    this.id = identity.id
    this.name = identity.name
    this.queue = identity.queue
  }

  get created (): boolean { return this.#snapshot !== null }
  get snapshot (): TaskRecord<any, any> | null { return this.#snapshot?.() ?? null }
  get location (): string | null { return this.#source.location(this.#identity) }

  async status (): Promise<TaskRecord<any, any> | null> {
    const found = await this.#source.find(this.id, this.queue)
    return found && this.#isThis(found) ? found.record : null
  }

  cancel (): Promise<CancelOutcome> {
    return this.#source.cancel(this.id, this.queue, found => this.#isThis(found))
  }

  /** False for a later task with the same id. */
  #isThis ({ life }: FoundTask): boolean { return this.#identity.life === undefined || this.#identity.life === life }

  /** The record as it is now, for a request that may see it. Throws FST_TASKS_NOT_FOUND. */
  async [RECORD_FOR] (request: FastifyRequest): Promise<TaskRecord<any, any>> {
    const found = await this.#source.findVisible(request, this.id, this.queue)
    if (!this.#isThis(found)) throw new errors.TaskNotFound(this.id)
    return found.record
  }

  async result (options: ResultOptions = {}): Promise<any> {
    const { timeout, signal } = checkResult(this.name, options)
    const endWait = this.#source.beginWait()
    const ends = new WaitEnd({ signals: [signal], ms: timeout })
    let blocked: BlockedBy | null = null
    try {
      return resultOf(await this.#ended(ends.signal, record => { blocked = record.blockedBy }), this)
    } catch (error) {
      throw ends.isLate && error === ends.signal.reason ? this.#tooLate(timeout, blocked) : error
    } finally {
      ends.dispose()
      endWait()
    }
  }

  #tooLate (timeout: number | undefined, blockedBy: BlockedBy | null): Error {
    const why = blockedBy === null ? '' : `: ${blockedBy.text}`
    return Object.assign(new errors.ResultTimeout(this.id, this.name, timeout, why), { blockedBy })
  }

  /** The record when the task has ended. Null if it is gone. */
  async #ended (signal: AbortSignal, onChange: (record: TaskRecord) => void): Promise<TaskRecord | null> {
    signal.throwIfAborted()
    const first = await this.#source.find(this.id, this.queue)
    if (!first) return null
    if (this.#isThis(first)) onChange(first.record) // perhaps the time is over already
    let last: TaskRecord | null = null
    for await (const found of recordChanges(this.#source, first, signal)) {
      if (!this.#isThis(found)) return null
      onChange(found.record)
      if (!isTerminal(found.record.state)) continue
      last = found === first ? found.record : structuredClone(found.record) // other callers have the same object
    }
    return last
  }
}

/** @param record of a task that has ended */
function resultOf (record: TaskRecord | null, { id, name }: TaskHandle): unknown {
  if (!record) throw new errors.TaskNotFound(id)
  const { state, error, result } = record
  if (state === 'failed') {
    const failed = new errors.TaskFailed(id, name, error?.message, { cause: error })
    // Not enumerable: a logger writes what is, and the record has results and progress.
    throw Object.defineProperty(failed, 'record', { value: record })
  }
  if (state === 'cancelled') throw new errors.TaskCancelled(id, name)
  if (state === 'expired') throw new errors.TaskExpired(id, name)
  return result
}
