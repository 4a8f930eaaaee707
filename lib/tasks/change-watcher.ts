/**
 * Layer 2: who waits for changes of which task. Redis is told, and publishes only the changes that somebody waits for.
 */
import type { Channels, Queue, Reach } from '../store/contract.ts'

/** A message may be lost: who waits looks again after this long (ms). */
const RECHECK = 5_000
/** How long Redis publishes the changes of a task that nobody asks for again (ms). */
const MARK = 4 * RECHECK
/** Bounds one Lua call. */
const BATCH = 500

type Changed = () => void

export class Watcher {
  readonly #subscriber: Channels
  readonly #availability: Reach
  readonly #watched = new Map<Queue, Map<string, Set<Changed>>>()
  readonly #soon = new Map<Queue, { ids: string[], marked: Promise<void> }>()
  #timer: NodeJS.Timeout | null = null

  constructor (subscriber: Channels, availability: Reach) {
    this.#subscriber = subscriber
    this.#availability = availability
  }

  /**
   * Calls back at each change, and whenever one may have been missed; resolves with what ends it.
   * @throws TASKS_UNAVAILABLE
   */
  async watch (id: string, queue: Queue, changed: Changed): Promise<() => void> {
    const ends = [this.#subscriber.onResync(changed), this.#enter(queue, id, changed)]
    const unwatch = (): void => { for (const end of ends) end() }
    const listening = this.#subscriber.listen(queue.taskChannel(id), changed).then(async end => {
      ends.push(end)
      await this.#markSoon(queue, id)
    })
    try {
      await this.#availability.call(`a subscription to task "${id}"`, 'Ask again.', () => listening)
      return unwatch
    } catch (error) {
      listening.then(unwatch, unwatch)
      throw error
    }
  }

  #enter (queue: Queue, id: string, changed: Changed): () => void {
    const ids = this.#watched.get(queue) ?? new Map<string, Set<Changed>>()
    this.#watched.set(queue, ids)
    const all = ids.get(id) ?? new Set()
    ids.set(id, all.add(changed))
    this.#timer ??= setInterval(() => this.#recheck(), RECHECK)
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
  #markSoon (queue: Queue, id: string): Promise<void> {
    let soon = this.#soon.get(queue)
    if (!soon) {
      const ids: string[] = []
      const marked = new Promise<void>(resolve => setImmediate(resolve)).then(() => {
        this.#soon.delete(queue)
        return this.#mark(queue, ids)
      })
      this.#soon.set(queue, soon = { ids, marked })
    }
    soon.ids.push(id)
    return soon.marked
  }

  /** Redis may be away, or full: then the regular look is what tells. */
  async #mark (queue: Queue, ids: string[]): Promise<void> {
    for (let i = 0; i < ids.length; i += BATCH) await queue.mark(ids.slice(i, i + BATCH), MARK).catch(() => {})
  }
}
