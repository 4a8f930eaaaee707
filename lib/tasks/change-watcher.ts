/**
 * Layer 2: who waits for changes of which task. Redis is told, and publishes only the changes that somebody waits for.
 */
import type { PubSub, Queue, BoundedCalls } from '../store/contract.ts'

/** A message may be lost: who waits looks again after this long (ms). */
const RECHECK_MS = 5_000
/** How long Redis publishes the changes of a task that nobody asks for again (ms). */
const WATCH_TTL_MS = 4 * RECHECK_MS
/** Bounds one Lua call. */
const BATCH = 500

type Changed = () => void

export class ChangeWatcher {
  readonly #subscriber: PubSub
  readonly #calls: BoundedCalls
  readonly #watched = new Map<Queue, Map<string, Set<Changed>>>()
  readonly #pendingMarks = new Map<Queue, { ids: string[], marked: Promise<void> }>()
  #timer: NodeJS.Timeout | null = null

  constructor (subscriber: PubSub, calls: BoundedCalls) {
    this.#subscriber = subscriber
    this.#calls = calls
  }

  /**
   * Calls back at each change, and whenever one may have been missed; resolves with what ends it.
   * @throws FST_TASKS_REDIS_UNAVAILABLE
   */
  async watch (id: string, queue: Queue, changed: Changed): Promise<() => void> {
    const ends = [this.#subscriber.onResync(changed), this.#addListener(queue, id, changed)]
    const unwatch = (): void => { for (const end of ends) end() }
    const listening = this.#subscriber.listen(queue.changeChannel(id), changed).then(async end => {
      ends.push(end)
      await this.#markThisTick(queue, id)
    })
    try {
      await this.#calls.call(`a subscription to task "${id}"`, 'Ask again.', () => listening)
      return unwatch
    } catch (error) {
      listening.then(unwatch, unwatch)
      throw error
    }
  }

  #addListener (queue: Queue, id: string, changed: Changed): () => void {
    const ids = this.#watched.get(queue) ?? new Map<string, Set<Changed>>()
    this.#watched.set(queue, ids)
    const all = ids.get(id) ?? new Set()
    ids.set(id, all.add(changed))
    this.#timer ??= setInterval(() => this.#recheck(), RECHECK_MS)
    return () => {
      all.delete(changed)
      if (all.size === 0) ids.delete(id)
      if (ids.size === 0) this.#watched.delete(queue)
      if (this.#watched.size === 0) this.#stop()
    }
  }

  #stop (): void {
    if (this.#timer) clearInterval(this.#timer)
    this.#timer = null
  }

  #recheck (): void {
    for (const [queue, ids] of this.#watched) {
      void this.#mark(queue, [...ids.keys()])
      for (const all of ids.values()) for (const changed of all) changed()
    }
  }

  /** Those of one tick go together. */
  #markThisTick (queue: Queue, id: string): Promise<void> {
    let soon = this.#pendingMarks.get(queue)
    if (!soon) {
      const ids: string[] = []
      const marked = new Promise<void>(resolve => setImmediate(resolve)).then(() => {
        this.#pendingMarks.delete(queue)
        return this.#mark(queue, ids)
      })
      this.#pendingMarks.set(queue, soon = { ids, marked })
    }
    soon.ids.push(id)
    return soon.marked
  }

  /** Redis may be away, or full: then the regular look is what tells. */
  async #mark (queue: Queue, ids: string[]): Promise<void> {
    for (let i = 0; i < ids.length; i += BATCH) await queue.watch(ids.slice(i, i + BATCH), WATCH_TTL_MS).catch(() => {})
  }
}
