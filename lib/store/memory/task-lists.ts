/**
 * The ids of one queue by state, but for active tasks: those are the keys of the queue's claims.
 */
import { isTerminal } from '../../records/task-record.ts'
import { pauseFlag, pauseOf } from '../pause-flags.ts'
import { SortedIds } from './sorted-ids.ts'
import { Levels, take } from './levels.ts'
import type { PurgePosition } from '../contract.ts'
import type { Level } from '../level.ts'
import type { QueueCounts, TaskState, TerminalState } from '../../types.ts'

export class TaskLists {
  /** Normal tasks, oldest first. Empty only if no high or low task waits, but for a pause. */
  waiting = new Set<string>()
  readonly #levels = new Levels()
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
    for (const id of ids) (this.#levels.listOf(id) ?? this.#door).add(id)
    this.wake()
    return this.#door === this.waiting
  }

  setLevel (id: string, level: Level | undefined): void { this.#levels.set(id, level) }

  /** If it is queued, it goes behind the others of its new level. */
  changeLevel (id: string, level: Level | undefined): void {
    const before = this.#levels.levelOf(id)
    this.#levels.set(id, level)
    if (before === level || !this.#isQueued(id)) return
    this.#takeOut(id)
    this.enqueue([id])
  }

  #isQueued (id: string): boolean { return this.waiting.has(id) || this.#parked.has(id) || this.#levels.has(id) }

  /** Workers wait for normal tasks only: see enter.lua. */
  wake (): void {
    if (this.#door !== this.waiting || this.waiting.size > 0) return
    for (const id of this.#levels.takeFirst()) this.waiting.add(id)
  }

  get queued (): number { return this.#door.size }

  /** Where ids enter. */
  get #door (): Set<string> { return this.#paused.has('') ? this.#parked : this.waiting }

  /** Takes up to `count` waiting ids out, oldest first. Those of a paused name are parked, until others are found. */
  takeWaiting (count: number, nameOf: (id: string) => string): string[] {
    if (this.#paused.has('')) return [] // high and low tasks stay in their lists
    const isFree = (id: string): boolean => !this.#paused.has(pauseFlag(nameOf(id)))
    const byLevel = this.#levels.size > 0
    for (let tries = 50; ;) {
      const ids = byLevel ? this.#levels.take(this.waiting, count, isFree) : take(this.waiting, count)
      const free = ids.filter(isFree)
      for (const id of ids) if (!free.includes(id)) this.#parked.add(id)
      if (free.length > 0 || ids.length === 0 || --tries === 0) {
        this.wake()
        return free
      }
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
    this.wake()
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
    const lists = [this.#levels.high, this.waiting, this.#levels.low, this.#parked]
    let rest = lists.reduce((sum, list) => sum + list.size, 0)
    const all = rest
    const [left, kept] = [Math.min(after?.waitingLeft ?? Infinity, all), after?.delayedKept ?? 0]
    const takeFrom = (list: Set<string>, count: number): string[] => {
      const ids = take(list, count)
      for (const id of ids.filter(isKept)) list.add(id)
      return ids
    }
    const waiting: string[] = []
    for (const list of lists) { // one behind the other
      rest -= list.size
      waiting.push(...takeFrom(list, Math.min(size - waiting.length, left - waiting.length - rest)))
    }
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
    for (const id of ids.toReversed()) {
      const list = this.#levels.listOf(id) ?? this.#door
      const others = take(list, Infinity)
      for (const next of [id, ...others]) list.add(next)
      this.wake()
    }
  }

  /** Wakes the workers for high and low tasks, if it was the last normal one. */
  unqueue (id: string): void {
    this.#takeOut(id)
    this.wake()
  }

  #takeOut (id: string): void {
    this.waiting.delete(id)
    this.#parked.delete(id)
    this.#levels.unqueue(id)
    this.delayed.delete(id)
  }

  remove (id: string): void {
    this.#takeOut(id)
    this.#levels.set(id, undefined)
    for (const ids of Object.values(this.finished)) ids.delete(id)
  }

  /** In the order of pages. */
  idsOf (state: Exclude<TaskState, 'active'>, gated: Iterable<string>): string[] {
    const { high, low } = this.#levels
    if (state === 'waiting') return [...high, ...this.waiting, ...low, ...this.#parked, ...gated]
    return isTerminal(state) ? this.finished[state].ids().reverse() : this.delayed.ids()
  }

  counts (active: number, gated: number): QueueCounts {
    const { succeeded, failed, cancelled, expired } = this.finished
    return {
      waiting: this.waiting.size + this.#parked.size + this.#levels.size + gated,
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
