/**
 * The ids of one queue by state, but for active tasks: those are the keys of the queue's claims.
 */
import { isTerminal } from '../../records/task-record.ts'
import { pauseFlag, pauseOf } from '../pause-flags.ts'
import { SortedIds } from './sorted-ids.ts'
import type { PurgePosition } from '../contract.ts'
import type { QueueCounts, TaskState, TerminalState } from '../../types.ts'

export class TaskLists {
  /** Oldest first. */
  waiting = new Set<string>()
  /** Ids that wait for the end of a pause, oldest first. */
  #parked = new Set<string>()
  /** What is paused: see pause-flags.ts. */
  readonly #paused = new Set<string>()
  readonly delayed = new SortedIds()
  /** By the expiry of their records. */
  readonly finished: Record<TerminalState, SortedIds> = {
    succeeded: new SortedIds(), failed: new SortedIds(), cancelled: new SortedIds(), expired: new SortedIds()
  }

  /** Null if it has not finished. */
  stateOf (id: string): TerminalState | null {
    return (Object.keys(this.finished) as TerminalState[]).find(state => this.finished[state].has(id)) ?? null
  }

  hasFinished (id: string): boolean { return Object.values(this.finished).some(ids => ids.has(id)) }

  /** The ids that are claimed next. */
  firstWaiting (count: number): string[] { return [...this.waiting].slice(0, count) }

  /** False if the queue is paused: nothing is to be woken. */
  enqueue (ids: string[]): boolean {
    for (const id of ids) this.#door.add(id)
    return this.#door === this.waiting
  }

  /** Where ids enter. */
  get #door (): Set<string> { return this.#paused.has('') ? this.#parked : this.waiting }

  /** Takes up to `count` waiting ids out, oldest first. Those of a paused name are parked, until others are found. */
  takeWaiting (count: number, nameOf: (id: string) => string): string[] {
    for (let tries = 50; ;) {
      const ids = take(this.waiting, count)
      const free = ids.filter(id => !this.#paused.has(pauseFlag(nameOf(id))))
      for (const id of ids) if (!free.includes(id)) this.#parked.add(id)
      if (free.length > 0 || ids.length === 0 || --tries === 0) return free
    }
  }

  /** False if it was paused before. */
  pause (flag: string): boolean {
    if (this.#paused.has(flag)) return false
    this.#paused.add(flag)
    if (flag === '') for (const id of take(this.waiting, Infinity)) this.#parked.add(id)
    return true
  }

  /** False if it was not paused. */
  resume (flag: string): boolean {
    if (!this.#paused.delete(flag)) return false
    if (!this.#paused.has('')) this.waiting = new Set([...take(this.#parked, Infinity), ...this.waiting])
    return true
  }

  /** What is paused, if the id waits. Undefined if nothing is. */
  flagsOf (id: string): string[] | undefined {
    return this.#paused.size === 0 || this.delayed.has(id) ? undefined : [...this.#paused]
  }

  /** Looks at up to `limit` waiting and `limit` delayed ids, and takes those out that are not kept. */
  takeNotStarted (
    limit: number, isKept: (id: string) => boolean, after?: PurgePosition | null
  ): { gone: string[], position: PurgePosition | null } {
    const size = Math.max(0, limit)
    const all = this.waiting.size + this.#parked.size
    const [left, kept] = [Math.min(after?.waitingLeft ?? Infinity, all), after?.delayedKept ?? 0]
    const takeFrom = (list: Set<string>, count: number): string[] => {
      const ids = take(list, count)
      for (const id of ids.filter(isKept)) list.add(id)
      return ids
    }
    // Parked ids come behind those that wait.
    const first = takeFrom(this.waiting, Math.min(size, left - this.#parked.size))
    const waiting = [...first, ...takeFrom(this.#parked, Math.min(size, left) - first.length)]
    const delayed = this.delayed.ids().slice(kept, kept + size)
    const gone = [...waiting, ...delayed].filter(id => !isKept(id))
    const position = { waitingLeft: left - waiting.length, delayedKept: kept + delayed.filter(isKept).length }
    return { gone, position: size > 0 && (left > size || delayed.length === size) ? position : null }
  }

  /** Takes out the finished ids whose records are past their expiry. */
  takeExpired (now: number): string[] {
    return Object.values(this.finished).flatMap(ids => ids.takeUntil(now))
  }

  /** Puts ids in front of those that are waiting, in this order. */
  putFirst (ids: string[]): void {
    if (this.#paused.has('')) this.#parked = new Set([...ids, ...this.#parked])
    else this.waiting = new Set([...ids, ...this.waiting])
  }

  unqueue (id: string): void {
    this.waiting.delete(id)
    this.#parked.delete(id)
    this.delayed.delete(id)
  }

  remove (id: string): void {
    this.unqueue(id)
    for (const ids of Object.values(this.finished)) ids.delete(id)
  }

  /** In the order of pages. */
  idsOf (state: Exclude<TaskState, 'active'>, gated: Iterable<string>): string[] {
    if (state === 'waiting') return [...this.waiting, ...this.#parked, ...gated]
    return isTerminal(state) ? this.finished[state].ids().reverse() : this.delayed.ids()
  }

  counts (active: number, gated: number): QueueCounts {
    const { succeeded, failed, cancelled, expired } = this.finished
    return {
      waiting: this.waiting.size + this.#parked.size + gated,
      delayed: this.delayed.size,
      active,
      succeeded: succeeded.size,
      failed: failed.size,
      cancelled: cancelled.size,
      expired: expired.size,
      ...pauseOf(this.#paused)
    }
  }
}

function take (ids: Set<string>, count: number): string[] {
  const found: string[] = []
  for (const id of ids) {
    if (found.length >= count) break
    found.push(id)
  }
  for (const id of found) ids.delete(id)
  return found
}
