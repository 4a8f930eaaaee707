/**
 * The ids of one queue by state, but for active tasks: those are the keys of the queue's claims.
 */
import { isTerminal } from '../../records/task-record.ts'
import { SortedIds } from './sorted-ids.ts'
import type { PurgePosition } from '../contract.ts'
import type { QueueCounts, TaskState, TerminalState } from '../../types.ts'

export class TaskLists {
  /** Oldest first. */
  waiting = new Set<string>()
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
  firstWaiting (count: number): string[] { return first(this.waiting, count) }

  /** Takes up to `count` waiting ids out, oldest first. */
  takeWaiting (count: number): string[] {
    const ids = this.firstWaiting(count)
    for (const id of ids) this.waiting.delete(id)
    return ids
  }

  /** Looks at up to `limit` waiting and `limit` delayed ids, and takes those out that are not kept. */
  takeNotStarted (
    limit: number, isKept: (id: string) => boolean, after?: PurgePosition | null
  ): { gone: string[], position: PurgePosition | null } {
    const size = Math.max(0, limit)
    const [left, kept] = [Math.min(after?.waitingLeft ?? Infinity, this.waiting.size), after?.delayedKept ?? 0]
    const waiting = this.takeWaiting(Math.min(size, left))
    const delayed = this.delayed.ids().slice(kept, kept + size)
    for (const id of waiting.filter(isKept)) this.waiting.add(id)
    const gone = [...waiting, ...delayed].filter(id => !isKept(id))
    const position = { waitingLeft: left - waiting.length, delayedKept: kept + delayed.filter(isKept).length }
    return { gone, position: size > 0 && (left > size || delayed.length === size) ? position : null }
  }

  /** Takes out the finished ids whose records are past their expiry. */
  takeExpired (now: number): string[] {
    return Object.values(this.finished).flatMap(ids => ids.takeUntil(now))
  }

  /** Puts ids in front of those that are waiting, in this order. */
  putFirst (ids: string[]): void { this.waiting = new Set([...ids, ...this.waiting]) }

  unqueue (id: string): void {
    this.waiting.delete(id)
    this.delayed.delete(id)
  }

  remove (id: string): void {
    this.unqueue(id)
    for (const ids of Object.values(this.finished)) ids.delete(id)
  }

  /** In the order of pages. */
  idsOf (state: Exclude<TaskState, 'active'>): string[] {
    if (state === 'waiting') return [...this.waiting]
    return isTerminal(state) ? this.finished[state].ids().reverse() : this.delayed.ids()
  }

  counts (active: number): QueueCounts {
    const { succeeded, failed, cancelled, expired } = this.finished
    return {
      waiting: this.waiting.size,
      delayed: this.delayed.size,
      active,
      succeeded: succeeded.size,
      failed: failed.size,
      cancelled: cancelled.size,
      expired: expired.size
    }
  }
}

function first (ids: Iterable<string>, count: number): string[] {
  const found: string[] = []
  for (const id of ids) {
    if (found.length >= count) break
    found.push(id)
  }
  return found
}
