/**
 * Layer 1: one queue in this process: what queue.ts and its scripts do in Redis, over plain maps. What is here and what
 * is there must answer alike: test/store/memory-queue.test.ts makes the same calls of both.
 *
 * A claim has no lease: it goes with the process of the worker that holds it. Nobody but our own workers is here.
 */
import { setImmediate } from 'node:timers/promises'
import { SortedIds } from './sorted-ids.ts'
import { isTerminal, type LiveState } from '../../records/task-record.ts'
import type { ClaimedJob, ClaimRef, ClaimReply, ClaimStatus, NewJob, PagePosition, Queue, RawTask, Settlement } from '../contract.ts'
import type { QueueCounts, RemoveOutcome, TaskState, TerminalState } from '../../types.ts'

/**
 * The reply, not before all else that is due had its turn: as one that comes over a network. Code that asks again and again
 * until something has happened would otherwise keep it from happening.
 */
export async function afterEventLoopTurn<T> (reply: Promise<T> | T): Promise<T> {
  const value = await reply
  await setImmediate()
  return value
}

/** What a queue asks of the store that it is in. */
export interface MemoryQueueHost {
  now (): number
  publish (channel: string, message: string): void
  /** Tasks wait that did not. */
  waiting (queue: MemoryQueue): void
  /** Nothing waits and nothing runs, after a change. */
  quiet (): void
}

export class MemoryQueue implements Queue {
  readonly name: string
  readonly #host: MemoryQueueHost
  readonly #records = new Map<string, string>()
  /** Oldest first. */
  #waiting = new Set<string>()
  readonly #claims = new Map<string, { token: string, at: number }>()
  readonly #delayed = new SortedIds()
  readonly #progress = new Map<string, string>()
  readonly #cancelling = new Set<string>()
  readonly #workers = new Map<string, string>()
  /** By when their records go. */
  readonly #ended: Record<TerminalState, SortedIds> = { succeeded: new SortedIds(), failed: new SortedIds(), cancelled: new SortedIds(), expired: new SortedIds() }
  #waiters: Array<(rung: null) => void> = []

  constructor (name: string, around: MemoryQueueHost) {
    this.name = name
    this.#host = around
  }

  over (): MemoryQueue { return this }
  /** No lease expires here, only our own workers finish tasks, and all of them have the settings of this process. */
  get upkeep (): null { return null }

  async heartbeat (worker: string, text: string): Promise<void> {
    if (text === '') this.#workers.delete(worker)
    else this.#workers.set(worker, text)
  }

  async workers (): Promise<Array<{ id: string, json: string }>> { return Array.from(this.#workers, ([id, json]) => ({ id, json })) }

  /** Who listens is in this process: all is told. */
  async watch (): Promise<void> {}
  changeChannel (id: string): string { return `${this.name} task ${id}` }
  get cancelChannel (): string { return `${this.name} cancel` }
  get delayedChannel (): string { return `${this.name} delayed` }

  // What the store asks

  get idle (): boolean { return this.#waiting.size + this.#claims.size === 0 }
  get hasWaiting (): boolean { return this.#waiting.size > 0 }
  get delayed (): number { return this.#delayed.size }
  /** When the next delayed task is due: ms since 1970; null where there is none. */
  get due (): number | null { return this.#delayed.first }

  /** The clock has moved: what is due waits, and what has outstayed its time goes. */
  clockMoved (): void {
    this.#prune(Infinity)
    this.#enqueue(this.#delayed.takeUntil(this.#host.now()))
  }

  // Additions

  async add (job: NewJob): Promise<boolean> { return this.#add(job) }
  async addMany (jobs: NewJob[]): Promise<boolean[]> { return jobs.map(job => this.#add(job)) }

  #add ({ id, text, delay }: NewJob): boolean {
    if (this.#records.has(id)) return false
    this.#records.set(id, text)
    if (delay !== undefined && delay > this.#host.now()) this.#delayed.put(id, delay)
    else this.#enqueue([id])
    return true
  }

  #enqueue (ids: string[]): void {
    if (ids.length === 0) return
    for (const id of ids) this.#waiting.add(id)
    this.#wakeWaiters()
  }

  #wakeWaiters (): void {
    for (const bell of this.#waiters.splice(0)) bell(null)
    this.#host.waiting(this)
  }

  /** Who waits holds no timer: a worker's regular look is for what Redis may have missed. It claims when it is awake. */
  claimNext (): Promise<null> {
    return this.hasWaiting ? Promise.resolve(null) : new Promise(resolve => { this.#waiters.push(resolve) })
  }

  async cancelWait (): Promise<ClaimReply> { return { jobs: [], now: this.#host.now(), next: null } }

  #publishChange (id: string, change: string): void { this.#host.publish(this.changeChannel(id), change) }

  #publishIfIdle (): void { if (this.idle) this.#host.quiet() }

  // A worker's calls

  async claim (free: number, token: string): Promise<ClaimReply> {
    const now = this.#host.now()
    const jobs: ClaimedJob[] = []
    for (const id of takeFirst(this.#waiting, free)) {
      this.#waiting.delete(id)
      const text = this.#records.get(id)
      if (text === undefined) continue
      this.#claims.set(id, { token, at: now })
      jobs.push({ id, text, token })
      this.#publishChange(id, 'active')
    }
    this.#publishIfIdle()
    return { jobs, now, next: null } // the clock is moved by hand: no worker sets an alarm
  }

  async settle (batch: Settlement[]): Promise<ClaimStatus[]> {
    const statuses = batch.map(one => this.#settle(one))
    this.#publishIfIdle()
    return statuses
  }

  #settle (settlement: Settlement): ClaimStatus {
    const { id, outcome } = settlement
    const repeats = outcome === 'retry' || outcome === 'defer'
    if (!this.#owns(settlement)) return 'lost'
    if (repeats && this.#cancelling.has(id)) return 'cancelRequested'
    this.#unclaim(id)
    if (repeats) this.#requeue(settlement)
    else this.#cancelling.delete(id)
    if (isTerminal(outcome)) this.#end(id, outcome, settlement.text!, settlement.ms!)
    if (outcome !== 'drop') this.#publishChange(id, outcome)
    return 'owned'
  }

  #owns ({ id, token }: ClaimRef): boolean { return this.#claims.get(id)?.token === token }

  #unclaim (id: string): void {
    this.#claims.delete(id)
    this.#progress.delete(id)
  }

  #requeue ({ id, outcome, text, ms = 0 }: Settlement): void {
    if (outcome === 'retry') this.#records.set(id, text!)
    if (ms > 0) this.#delayed.put(id, this.#host.now() + ms)
    else this.#enqueue([id])
  }

  #end (id: string, state: TerminalState, text: string, ttl: number): void {
    if (ttl <= 0) return void this.#records.delete(id)
    this.#records.set(id, text)
    this.#ended[state].put(id, this.#host.now() + ttl)
  }

  async renew (_lease: number, held: ClaimRef[]): Promise<ClaimStatus[]> {
    return held.map(one => !this.#owns(one) ? 'lost' : this.#cancelling.has(one.id) ? 'cancelRequested' : 'owned')
  }

  /** They are the next to be claimed, in their old order. */
  async release (held: ClaimRef[]): Promise<ClaimStatus[]> {
    const statuses = await this.renew(0, held)
    const back = held.filter((_one, i) => statuses[i] === 'owned').map(one => one.id)
    for (const id of back) this.#unclaim(id)
    this.#waiting = new Set([...back, ...this.#waiting])
    for (const id of back) this.#publishChange(id, 'waiting')
    if (back.length > 0) this.#wakeWaiters()
    return statuses
  }

  async updateProgress (held: ClaimRef, json: string): Promise<boolean> {
    const mine = this.#owns(held)
    if (mine) {
      this.#progress.set(held.id, json)
      this.#publishChange(held.id, 'progress')
    }
    return afterEventLoopTurn(mine)
  }

  #prune (limit: number): number {
    const gone = Object.values(this.#ended).flatMap(one => one.takeUntil(this.#host.now(), limit))
    for (const id of gone) this.#records.delete(id)
    return gone.length
  }

  // Everybody's calls

  async readTask (id: string): Promise<RawTask | null> {
    const text = this.#records.get(id)
    if (text === undefined) return null
    const live: LiveState = {}
    const [claim, delayedTo, progress] = [this.#claims.get(id), this.#delayed.timeOf(id), this.#progress.get(id)]
    if (claim) live.claimedAt = claim.at
    if (delayedTo !== undefined) live.delayedTo = delayedTo
    if (progress !== undefined) live.progress = JSON.parse(progress)
    return { text, raw: Buffer.from(text), live }
  }

  async cancel (id: string, before: string | Buffer, after: string, ttl: number): Promise<'cancelled' | 'requested' | 'changed' | 'unknown'> {
    const text = this.#records.get(id)
    if (text === undefined) return 'unknown'
    if (text !== String(before)) return 'changed'
    if (this.#claims.has(id)) {
      this.#cancelling.add(id)
      this.#host.publish(this.cancelChannel, id)
      return 'requested'
    }
    this.#unqueue(id)
    this.#end(id, 'cancelled', after, ttl)
    this.#publishChange(id, 'cancelled')
    this.#publishIfIdle()
    return 'cancelled'
  }

  #unqueue (id: string): void {
    this.#waiting.delete(id)
    this.#delayed.delete(id)
  }

  async retry (id: string, before: string | Buffer, after: string): Promise<'queued' | 'changed' | 'refused'> {
    if (this.#records.get(id) !== String(before)) return 'changed'
    if (!this.#ended.failed.delete(id)) return 'refused'
    this.#records.set(id, after)
    this.#enqueue([id])
    this.#publishChange(id, 'waiting')
    return 'queued'
  }

  async pageOf (state: TaskState, limit: number, after?: PagePosition): Promise<{ ids: string[], place: number }> {
    const all = this.#idsOf(state)
    const start = after ? all.indexOf(after.id) + 1 : 0 // where that one has gone, from the beginning
    const ids = all.slice(start, start + limit)
    return { ids, place: start + ids.length - 1 }
  }

  #idsOf (state: TaskState): string[] {
    if (state === 'waiting') return [...this.#waiting]
    if (state === 'active') return [...this.#claims.keys()]
    return isTerminal(state) ? this.#ended[state].ids().reverse() : this.#delayed.ids()
  }

  async counts (): Promise<QueueCounts> {
    const { succeeded, failed, cancelled, expired } = this.#ended
    return {
      waiting: this.#waiting.size,
      delayed: this.#delayed.size,
      active: this.#claims.size,
      succeeded: succeeded.size,
      failed: failed.size,
      cancelled: cancelled.size,
      expired: expired.size
    }
  }

  async remove (id: string): Promise<RemoveOutcome> {
    if (!this.#records.has(id)) return 'unknown'
    if (this.#claims.has(id)) return 'active'
    this.#records.delete(id)
    this.#unqueue(id)
    for (const one of Object.values(this.#ended)) one.delete(id)
    this.#publishIfIdle()
    return 'removed'
  }

  async purge (limit: number): Promise<[removed: number, left: number]> {
    const gone = [...takeFirst(this.#waiting, limit), ...this.#delayed.ids().slice(0, limit)]
    for (const id of gone) {
      this.#unqueue(id)
      this.#records.delete(id)
    }
    this.#publishIfIdle()
    return [gone.length, this.#waiting.size + this.#delayed.size]
  }

  async close (): Promise<void> {}
}

function takeFirst (ids: Set<string>, count: number): string[] {
  const first: string[] = []
  for (const id of ids) {
    if (first.length >= count) break
    first.push(id)
  }
  return first
}
