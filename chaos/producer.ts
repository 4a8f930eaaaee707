/** Enqueues, cancels and awaits tasks as an app does, over an unreliable connection. Records which are acknowledged. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import type { PlannedTask } from './plan.ts'
import type { Random } from './random.ts'
import type { TaskHandle } from '../lib/types.ts'

export interface Entry {
  planned: PlannedTask
  id: string | null
  /** Number of calls that failed with FST_TASKS_REDIS_UNAVAILABLE. */
  refusals: number
  acknowledgedAt: number | null
  cancel: { outcome: string, at: number } | null
  /** The outcome from its handle: the state, and the result if it succeeded. */
  awaited: { state: string, result: unknown } | null
}

const stateOfCode: Record<string, string> = {
  FST_TASKS_FAILED: 'failed',
  FST_TASKS_CANCELLED: 'cancelled',
  FST_TASKS_EXPIRED: 'expired',
  FST_TASKS_NOT_FOUND: 'gone'
}

interface CodedError { code?: string, message: string, taskId?: string }

export class Producer {
  readonly entries: Entry[]
  /** Errors that an app need not expect. */
  readonly unexpected: string[] = []
  /** The longest duration of an enqueue call, in ms. */
  slowest = 0
  readonly #fastify: FastifyInstance
  readonly #random: Random
  readonly #signal: AbortSignal
  readonly #background = new Set<Promise<void>>()

  constructor (fastify: FastifyInstance, plannedTasks: PlannedTask[], random: Random, signal: AbortSignal) {
    this.#fastify = fastify
    this.#random = random
    this.#signal = signal
    this.entries = plannedTasks.map(planned =>
      ({ planned, id: planned.options.id ?? null, refusals: 0, acknowledgedAt: null, cancel: null, awaited: null }))
  }

  /** Resolves when all tasks are acknowledged, and all cancels are answered. */
  async run (): Promise<void> {
    const start = Date.now()
    for (const group of groups(this.entries)) {
      const wait = start + group[0]!.planned.at - Date.now()
      if (wait > 0) await sleep(wait, undefined, { signal: this.#signal })
      this.#inBackground(group.length > 1 ? this.#enqueueMany(group) : this.#enqueue(group[0]!))
    }
    while (this.#background.size > 0) await Promise.all(this.#background)
  }

  #inBackground (work: Promise<void>): void {
    const tracked = work.catch(error => this.#recordError(error)).finally(() => this.#background.delete(tracked))
    this.#background.add(tracked)
  }

  #recordError (error: CodedError): void {
    if (!this.#signal.aborted) this.unexpected.push(`${error.code ?? ''} ${error.message}`)
  }

  async #enqueue (entry: Entry): Promise<void> {
    const { name, data, options } = entry.planned
    const handle = await this.#retryUntilAvailable([entry], () =>
      this.#fastify.tasks.enqueue(name, data, entry.id === null ? options : { ...options, id: entry.id }))
    this.#acknowledge(entry, handle)
  }

  async #enqueueMany (group: Entry[]): Promise<void> {
    const items = group.map(({ planned: { data, options } }) => ({ data, ...options }))
    const { name } = group[0]!.planned
    const handles = await this.#retryUntilAvailable(group, () => this.#fastify.tasks.enqueueMany(name, items))
    group.forEach((entry, i) => this.#acknowledge(entry, handles[i]!))
  }

  #acknowledge (entry: Entry, handle: TaskHandle): void {
    entry.id = handle.id
    entry.acknowledgedAt = Date.now()
    if (entry.planned.cancelAfter !== undefined) this.#inBackground(this.#cancel(entry, entry.planned.cancelAfter))
    if (entry.planned.awaited) void this.#awaitResult(entry, handle).catch(error => this.#recordError(error))
  }

  /** Calls again, with the same id, while Redis is unavailable. */
  async #retryUntilAvailable<T> (entries: Entry[], call: () => Promise<T>): Promise<T> {
    for (;;) {
      const start = Date.now()
      try {
        return await call()
      } catch (error) {
        if ((error as CodedError).code !== 'FST_TASKS_REDIS_UNAVAILABLE') throw error
        for (const entry of entries) entry.refusals++
        entries[0]!.id ??= (error as CodedError).taskId!
        await sleep(this.#random.int(50, 300), undefined, { signal: this.#signal })
      } finally {
        const isEnqueue = entries.some(entry => entry.acknowledgedAt === null)
        if (isEnqueue) this.slowest = Math.max(this.slowest, Date.now() - start)
      }
    }
  }

  async #cancel (entry: Entry, after: number): Promise<void> {
    await sleep(after, undefined, { signal: this.#signal })
    const outcome = await this.#retryUntilAvailable([entry], () => this.#fastify.tasks.cancel(entry.id!))
    entry.cancel = { outcome, at: Date.now() }
  }

  async #awaitResult (entry: Entry, handle: TaskHandle): Promise<void> {
    while (!this.#signal.aborted) {
      try {
        entry.awaited = { state: 'succeeded', result: await handle.result({ signal: this.#signal }) }
        return
      } catch (error) {
        const { code } = error as CodedError
        if (code && stateOfCode[code]) {
          entry.awaited = { state: stateOfCode[code], result: null }
          return
        }
        if (code !== 'FST_TASKS_REDIS_UNAVAILABLE') throw error
        await sleep(100)
      }
    }
  }
}

/** Groups the tasks of each burst. Other tasks are groups of one task. */
function groups (entries: Entry[]): Entry[][] {
  const bursts = new Map<unknown, Entry[]>()
  for (const entry of entries) {
    const key = entry.planned.burst ?? entry
    const group = bursts.get(key)
    if (group) group.push(entry)
    else bursts.set(key, [entry])
  }
  return [...bursts.values()].sort((a, b) => a[0]!.planned.at - b[0]!.planned.at)
}
