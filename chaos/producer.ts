/** Enqueues, cancels and waits, as an app would: through the plugin, and a connection that breaks. Keeps a ledger of what was acknowledged. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import type { Order } from './plan.ts'
import type { Random } from './random.ts'
import type { TaskHandle } from '../lib/types.ts'

export interface Entry {
  order: Order
  id: string | null
  /** Calls that ended in FST_TASKS_REDIS_UNAVAILABLE. */
  refusals: number
  acknowledgedAt: number | null
  cancel: { outcome: string, at: number } | null
  /** What its handle gave: the state, and the result where it succeeded. */
  awaited: { state: string, result: unknown } | null
}

const stateOfCode: Record<string, string> = { FST_TASKS_FAILED: 'failed', FST_TASKS_CANCELLED: 'cancelled', FST_TASKS_EXPIRED: 'expired', FST_TASKS_NOT_FOUND: 'gone' }

interface Coded { code?: string, message: string, taskId?: string }

export class Producer {
  readonly entries: Entry[]
  /** Errors that are none of those that an app has to expect. */
  readonly unexpected: string[] = []
  /** The longest that an enqueue took to answer, in ms. */
  slowest = 0
  readonly #fastify: FastifyInstance
  readonly #random: Random
  readonly #signal: AbortSignal
  readonly #background = new Set<Promise<void>>()

  constructor (fastify: FastifyInstance, orders: Order[], random: Random, signal: AbortSignal) {
    this.#fastify = fastify
    this.#random = random
    this.#signal = signal
    this.entries = orders.map(order => ({ order, id: order.options.id ?? null, refusals: 0, acknowledgedAt: null, cancel: null, awaited: null }))
  }

  /** Resolves once all are acknowledged, and all cancels are answered. */
  async run (): Promise<void> {
    const start = Date.now()
    for (const group of groups(this.entries)) {
      const wait = start + group[0]!.order.at - Date.now()
      if (wait > 0) await sleep(wait, undefined, { signal: this.#signal })
      this.#inBackground(group.length > 1 ? this.#enqueueMany(group) : this.#enqueue(group[0]!))
    }
    while (this.#background.size > 0) await Promise.all(this.#background)
  }

  #inBackground (work: Promise<void>): void {
    const noted = work.catch(error => this.#note(error)).finally(() => this.#background.delete(noted))
    this.#background.add(noted)
  }

  #note (error: Coded): void { if (!this.#signal.aborted) this.unexpected.push(`${error.code ?? ''} ${error.message}`) }

  async #enqueue (entry: Entry): Promise<void> {
    const { name, data, options } = entry.order
    const handle = await this.#insist([entry], () => this.#fastify.tasks.enqueue(name, data, entry.id === null ? options : { ...options, id: entry.id }))
    this.#acknowledge(entry, handle)
  }

  async #enqueueMany (group: Entry[]): Promise<void> {
    const items = group.map(({ order: { data, options } }) => ({ data, ...options }))
    const handles = await this.#insist(group, () => this.#fastify.tasks.enqueueMany(group[0]!.order.name, items))
    group.forEach((entry, i) => this.#acknowledge(entry, handles[i]!))
  }

  #acknowledge (entry: Entry, handle: TaskHandle): void {
    entry.id = handle.id
    entry.acknowledgedAt = Date.now()
    if (entry.order.cancelAfter !== undefined) this.#inBackground(this.#cancel(entry, entry.order.cancelAfter))
    if (entry.order.awaited) void this.#await(entry, handle).catch(error => this.#note(error))
  }

  /** Again, with the same id, for as long as Redis is away. */
  async #insist<T> (entries: Entry[], call: () => Promise<T>): Promise<T> {
    for (;;) {
      const start = Date.now()
      try {
        return await call()
      } catch (error) {
        if ((error as Coded).code !== 'FST_TASKS_REDIS_UNAVAILABLE') throw error
        for (const entry of entries) entry.refusals++
        entries[0]!.id ??= (error as Coded).taskId!
        await sleep(this.#random.int(50, 300), undefined, { signal: this.#signal })
      } finally {
        if (entries.some(one => one.acknowledgedAt === null)) this.slowest = Math.max(this.slowest, Date.now() - start)
      }
    }
  }

  async #cancel (entry: Entry, after: number): Promise<void> {
    await sleep(after, undefined, { signal: this.#signal })
    const outcome = await this.#insist([entry], () => this.#fastify.tasks.cancel(entry.id!))
    entry.cancel = { outcome, at: Date.now() }
  }

  async #await (entry: Entry, handle: TaskHandle): Promise<void> {
    while (!this.#signal.aborted) {
      try {
        entry.awaited = { state: 'succeeded', result: await handle.result({ signal: this.#signal }) }
        return
      } catch (error) {
        const { code } = error as Coded
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

/** Orders of one burst go out together. */
function groups (entries: Entry[]): Entry[][] {
  const bursts = new Map<unknown, Entry[]>()
  for (const entry of entries) {
    const key = entry.order.burst ?? entry
    const group = bursts.get(key)
    if (group) group.push(entry)
    else bursts.set(key, [entry])
  }
  return [...bursts.values()].sort((a, b) => a[0]!.order.at - b[0]!.order.at)
}
