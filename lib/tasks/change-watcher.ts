/**
 * Tells waiting callers that a task has changed. Redis publishes only the changes of tasks that somebody waits for:
 *
 * 1. subscribes to the channel of each watched task;
 * 2. marks watched tasks in the store, and marks them again before the mark expires;
 * 3. calls listeners back at regular times too, since a message may be lost.
 */
import { TRY_AGAIN } from './advice.ts'
import { clearInterval, clearTimeout, setImmediate, setInterval, setTimeout } from '../timers.ts'
import type { Queue } from '../store/contract.ts'
import type { PubSub, BoundedCalls } from '../store/store-contract.ts'

/** How often listeners are called back without a message, in ms. */
const RECHECK_MS = 5_000
/** How long a mark stays in Redis, in ms. */
const WATCH_TTL_MS = 4 * RECHECK_MS
/** Bounds one Lua call. */
const BATCH = 500

type OnChange = () => void

export class ChangeWatcher {
  readonly #pubSub: PubSub
  readonly #calls: BoundedCalls
  readonly #watched = new Map<Queue, Map<string, Set<OnChange>>>()
  readonly #pendingMarks = new Map<Queue, { ids: string[], marked: Promise<void> }>()
  #timer: NodeJS.Timeout | null = null
  #closed = false
  #onEmpty: () => void = () => {}

  constructor (pubSub: PubSub, calls: BoundedCalls) {
    this.#pubSub = pubSub
    this.#calls = calls
  }

  /**
   * Calls back at each change, and whenever a change may have been missed. Resolves with a function that ends it.
   * @throws FST_TASKS_REDIS_UNAVAILABLE
   */
  async watch (id: string, queue: Queue, onChange: OnChange): Promise<() => void> {
    const ends = [this.#pubSub.onResync(onChange), this.#addListener(queue, id, onChange)]
    const unwatch = (): void => { for (const end of ends) end() }
    const listening = this.#pubSub.listen(queue.changeChannel(id), onChange).then(async end => {
      ends.push(end)
      await this.#markInThisTick(queue, id)
    })
    try {
      await this.#calls.call(`a subscription to task "${id}"`, TRY_AGAIN, () => listening)
      return unwatch
    } catch (error) {
      listening.then(unwatch, unwatch)
      throw error
    }
  }

  #addListener (queue: Queue, id: string, onChange: OnChange): () => void {
    const ids = this.#watched.get(queue) ?? new Map<string, Set<OnChange>>()
    this.#watched.set(queue, ids)
    const listeners = ids.get(id) ?? new Set()
    ids.set(id, listeners.add(onChange))
    if (!this.#closed) this.#timer ??= setInterval(() => this.#recheck(), RECHECK_MS)
    return () => {
      listeners.delete(onChange)
      if (listeners.size === 0) ids.delete(id)
      if (ids.size === 0) this.#watched.delete(queue)
      if (this.#watched.size === 0) this.#stop()
    }
  }

  #stop (): void {
    if (this.#timer) clearInterval(this.#timer)
    this.#timer = null
    this.#onEmpty()
  }

  #recheck (): void {
    for (const [queue, ids] of this.#watched) void this.#mark(queue, [...ids.keys()])
    this.#callAll()
  }

  #callAll (): void {
    for (const ids of this.#watched.values()) {
      for (const listeners of ids.values()) for (const onChange of listeners) onChange()
    }
  }

  /** Calls all listeners back a last time. Resolves once nobody listens, at most after `ms`. */
  async close (ms: number): Promise<void> {
    this.#closed = true
    if (this.#timer) clearInterval(this.#timer)
    if (this.#watched.size === 0) return
    await new Promise<void>(resolve => {
      const timer = setTimeout(resolve, ms)
      this.#onEmpty = () => {
        clearTimeout(timer)
        resolve()
      }
      this.#callAll()
    })
  }

  /** Marks all tasks of one turn of the event loop together. */
  #markInThisTick (queue: Queue, id: string): Promise<void> {
    let pending = this.#pendingMarks.get(queue)
    if (!pending) {
      const ids: string[] = []
      const marked = new Promise<void>(resolve => setImmediate(resolve)).then(() => {
        this.#pendingMarks.delete(queue)
        return this.#mark(queue, ids)
      })
      this.#pendingMarks.set(queue, pending = { ids, marked })
    }
    pending.ids.push(id)
    return pending.marked
  }

  /** If Redis is unavailable or full, listeners are still called back every RECHECK_MS. */
  async #mark (queue: Queue, ids: string[]): Promise<void> {
    for (let i = 0; i < ids.length; i += BATCH) {
      await queue.watch(ids.slice(i, i + BATCH), WATCH_TTL_MS).catch(() => {})
    }
  }
}
