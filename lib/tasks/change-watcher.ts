/**
 * Tells waiting callers that a task has changed. Redis publishes only the changes of tasks that somebody waits for:
 *
 * 1. subscribes to the channel of each watched task;
 * 2. marks watched tasks in the store, and marks them again before the mark expires;
 * 3. has tasks read again at regular times too, since a message may be lost.
 */
import { TRY_AGAIN } from './advice.ts'
import { clearInterval, clearTimeout, endOfTurn, setImmediate, setInterval, setTimeout } from '../timers.ts'
import { WatchedTask } from './watched-task.ts'
import type { Queue } from '../store/contract.ts'
import type { PubSub, BoundedCalls } from '../store/store-contract.ts'
import type { FoundTask } from './found-task.ts'

/** How often watched tasks are read without a message, in ms. */
const RECHECK_MS = 5_000
/** How long a mark stays in Redis, in ms. */
const WATCH_TTL_MS = 4 * RECHECK_MS
/** Bounds one Lua call, and the reads of one turn of the event loop. */
const BATCH = 500

type ReadTask = (queue: Queue, id: string) => Promise<FoundTask | null>

/** A caller's share in a watched task. */
export interface Watch extends Pick<WatchedTask, 'hasChangedSince' | 'readAfter'> {
  end (): void
}

export class ChangeWatcher {
  readonly #pubSub: PubSub
  readonly #calls: BoundedCalls
  readonly #read: ReadTask
  readonly #watched = new Map<Queue, Map<string, WatchedTask>>()
  readonly #pendingMarks = new Map<Queue, { ids: string[], marked: Promise<void> }>()
  #timer: NodeJS.Timeout | null = null
  #endResync: () => void = () => {}
  #closed = false
  #onEmpty: () => void = () => {}

  constructor (pubSub: PubSub, calls: BoundedCalls, read: ReadTask) {
    this.#pubSub = pubSub
    this.#calls = calls
    this.#read = read
  }

  /**
   * Calls back at each change, and whenever a change may have been missed.
   * @throws FST_TASKS_REDIS_UNAVAILABLE, FST_TASKS_CLOSED
   */
  async watch ({ record: { id }, queue, stored }: FoundTask, onChange: () => void): Promise<Watch> {
    const task = this.#taskOf(queue, id, stored.options.graph !== undefined)
    const end = task.join(onChange)
    try {
      await this.#calls.call(`a subscription to task "${id}"`, TRY_AGAIN, () => task.ready)
    } catch (error) {
      end()
      throw error
    }
    return { end, hasChangedSince: found => task.hasChangedSince(found), readAfter: found => task.readAfter(found) }
  }

  #taskOf (queue: Queue, id: string, isFlow: boolean): WatchedTask {
    if (this.#watched.size === 0) this.#start()
    const tasks = this.#watched.get(queue) ?? new Map<string, WatchedTask>()
    this.#watched.set(queue, tasks)
    let task = tasks.get(id)
    if (!task) {
      task = new WatchedTask({
        read: () => this.#read(queue, id),
        listen: onMessage => this.#listen(queue, id, onMessage),
        isFlow,
        onLeft: () => this.#drop(queue, id)
      })
      tasks.set(id, task)
    }
    return task
  }

  async #listen (queue: Queue, id: string, onMessage: (change: string) => void): Promise<() => void> {
    const end = await this.#pubSub.listen(queue.changeChannel(id), onMessage)
    await this.#markInThisTick(queue, id)
    return end
  }

  #drop (queue: Queue, id: string): void {
    const tasks = this.#watched.get(queue)
    tasks?.delete(id)
    if (tasks?.size === 0) this.#watched.delete(queue)
    if (this.#watched.size === 0) this.#stop()
  }

  #start (): void {
    this.#endResync = this.#pubSub.onResync(() => void this.#changeAll())
    if (!this.#closed) this.#timer = setInterval(() => void this.#changeAll(true), RECHECK_MS)
  }

  #stop (): void {
    if (this.#timer) clearInterval(this.#timer)
    this.#timer = null
    this.#endResync()
    this.#onEmpty()
  }

  /** Reads all tasks again, not all in one turn of the event loop. */
  async #changeAll (mark = false): Promise<void> {
    for (const [queue, tasks] of [...this.#watched]) {
      const all = [...tasks]
      for (let i = 0; i < all.length; i += BATCH) {
        const some = all.slice(i, i + BATCH)
        if (mark) void this.#mark(queue, some.map(([id]) => id))
        for (const [, task] of some) task.changed()
        if (some.length === BATCH) await endOfTurn()
      }
    }
  }

  /** Has all tasks read a last time. Resolves once nobody waits, at most after `ms`. */
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
      void this.#changeAll()
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

  /** If Redis is unavailable or full, tasks are still read every RECHECK_MS. */
  async #mark (queue: Queue, ids: string[]): Promise<void> {
    for (let i = 0; i < ids.length; i += BATCH) {
      await queue.watch(ids.slice(i, i + BATCH), WATCH_TTL_MS).catch(() => {})
    }
  }
}
