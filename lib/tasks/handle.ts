/**
 * A handle on a task that was enqueued.
 */
import * as errors from '../errors.ts'
import { recordChanges, type ChangeSource } from './record-changes.ts'
import { checkResult } from '../options.ts'
import { isTerminal } from '../records/task-record.ts'
import type { FastifyRequest } from 'fastify'
import type { CancelOutcome, ResultOptions, TaskHandle, TaskRecord } from '../types.ts'
import type { FoundTask } from './found-task.ts'

/** What a handle asks of its app. */
export interface HandleSource extends ChangeSource<FoundTask> {
  /** @throws FST_TASKS_NOT_FOUND */
  findVisible (request: FastifyRequest, id: string, queue: string): Promise<FoundTask>
  cancel (id: string, queue: string): Promise<CancelOutcome>
  location (id: string): string | null
}

/**
 * The method of a handle that `reply.accepted` calls: it asks the plugin instance that made the handle. Of the global
 * registry of symbols: another copy of this package may have added `reply.accepted`.
 */
export const RECORD_FOR = Symbol.for('fastify-tasks.record-for')

export class Handle implements TaskHandle<any, any> {
  readonly #source: HandleSource
  readonly #snapshot: (() => TaskRecord<any, any>) | null

  readonly id: string
  readonly name: string
  readonly queue: string

  /** @param snapshot the record as it was enqueued. Null if the task was not made by this call */
  constructor (
    source: HandleSource, id: string, name: string, queue: string, snapshot: (() => TaskRecord<any, any>) | null
  ) {
    this.#source = source
    this.#snapshot = snapshot
    this.id = id
    this.name = name
    this.queue = queue
  }

  get created (): boolean { return this.#snapshot !== null }
  get snapshot (): TaskRecord<any, any> | null { return this.#snapshot?.() ?? null }
  get location (): string | null { return this.#source.location(this.id) }

  async status (): Promise<TaskRecord<any, any> | null> {
    return (await this.#source.find(this.id, this.queue))?.record ?? null
  }

  cancel (): Promise<CancelOutcome> { return this.#source.cancel(this.id, this.queue) }

  /** The record as it is now, for a request that may see it. Throws FST_TASKS_NOT_FOUND. */
  async [RECORD_FOR] (request: FastifyRequest): Promise<TaskRecord<any, any>> {
    return (await this.#source.findVisible(request, this.id, this.queue)).record
  }

  async result (options: ResultOptions = {}): Promise<any> {
    const { timeout, signal } = checkResult(this.name, options)
    const late = timeout === undefined ? undefined : AbortSignal.timeout(timeout)
    const signals = [late, signal].filter(signal => signal !== undefined)
    try {
      return resultOf(await this.#ended(signals.length > 0 ? AbortSignal.any(signals) : undefined), this)
    } catch (error) {
      throw late?.aborted && error === late.reason ? new errors.ResultTimeout(this.id, this.name, timeout) : error
    }
  }

  /** The record when the task has ended. Null if it is gone. */
  async #ended (signal: AbortSignal | undefined): Promise<TaskRecord | null> {
    let last: TaskRecord | null = null
    for await (const { record } of recordChanges(this.#source, this.id, signal, this.queue)) last = record
    return last && isTerminal(last.state) ? last : null
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
