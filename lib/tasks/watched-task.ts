/**
 * A task that callers of this process wait for, however many: they share its subscription, its mark in the store, and
 * one read of its record for each change.
 */
import { clearTimeout, endOfTurn, setTimeout, uptime } from '../timers.ts'
import { nextOrder, type FoundTask } from './found-task.ts'

/** So many callers go on in one turn of the event loop. */
const AT_ONCE = 100
/** Each member of a flow changes how far the flow is. That is read at most this often, in ms. */
const FLOW_PROGRESS_MS = 250

export interface WatchedTaskOptions {
  read: () => Promise<FoundTask | null>
  /** Subscribes to the task, and marks it. Resolves with a function that ends it. */
  listen: (onMessage: (change: string) => void) => Promise<() => void>
  isFlow: boolean
  /** The last caller has left. */
  onLeft: () => void
}

export class WatchedTask {
  readonly #options: WatchedTaskOptions
  readonly #listeners = new Set<() => void>()
  readonly #listening: Promise<() => void>
  /** See `nextOrder`. */
  #changedAt = 0
  #readAt = 0
  #reading: Promise<FoundTask | null> | null = null
  #isRefreshing = false
  /** By `uptime()`. */
  #lastRead = -Infinity
  #progress: NodeJS.Timeout | undefined

  constructor (options: WatchedTaskOptions) {
    this.#options = options
    this.#listening = options.listen(change => this.#hear(change))
    // It may have changed since the callers read it.
    void this.#listening.then(() => this.changed())
  }

  /** Resolves when every later change is heard of. */
  get ready (): Promise<unknown> { return this.#listening }

  /** Calls back at each change, and whenever a change may have been missed. Returns a function that ends it. */
  join (onChange: () => void): () => void {
    this.#listeners.add(onChange)
    return () => {
      if (!this.#listeners.delete(onChange) || this.#listeners.size > 0) return
      this.#options.onLeft()
      clearTimeout(this.#progress)
      void this.#listening.then(end => end())
    }
  }

  /** Whether it has changed, or may have, since a read. */
  hasChangedSince ({ order }: FoundTask): boolean { return this.#changedAt > order }

  /** A read that began after another one. All callers share it; if it is older than a change, they are called again. */
  readAfter ({ order }: FoundTask): Promise<FoundTask | null> {
    return this.#reading !== null && this.#readAt > order ? this.#reading : this.#read()
  }

  #read (): Promise<FoundTask | null> {
    this.#readAt = nextOrder()
    this.#lastRead = uptime()
    const reading = this.#options.read()
    this.#reading = reading
    reading.catch(() => { if (this.#reading === reading) this.#reading = null }) // whoever comes next reads again
    return reading
  }

  /** The end of a flow is read at once. */
  #hear (change: string): void {
    const wait = this.#lastRead + FLOW_PROGRESS_MS - uptime()
    if (!this.#options.isFlow || change !== 'progress' || wait <= 0) return this.changed()
    this.#progress ??= setTimeout(() => this.changed(), wait)
  }

  /** Reads it again, and calls back. */
  changed (): void {
    clearTimeout(this.#progress)
    this.#progress = undefined
    this.#changedAt = nextOrder()
    if (this.#listeners.size > 0) void this.#refresh()
  }

  /** One read at a time. Callers go on with what it gave, or with its error. */
  async #refresh (): Promise<void> {
    if (this.#isRefreshing) return
    this.#isRefreshing = true
    do {
      await this.#read().catch(() => {})
      await this.#callAll()
      await endOfTurn() // all callers have seen it before the next read begins
    } while (this.#readAt < this.#changedAt && this.#listeners.size > 0)
    this.#isRefreshing = false
  }

  async #callAll (): Promise<void> {
    let called = 0
    for (const onChange of [...this.#listeners]) {
      onChange()
      if (++called % AT_ONCE === 0) await endOfTurn()
    }
  }
}
