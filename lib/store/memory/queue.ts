/**
 * Layer 1: one queue in this process: what queue.ts and its scripts do in Redis, over plain maps. What is here and what
 * is there must answer alike: test/store/memory-queue.test.ts makes the same calls of both.
 *
 * A claim has no lease: it goes with the process of the worker that holds it. Nobody but our own workers is here.
 */
import { setImmediate } from 'node:timers/promises'
import { Timetable } from './sorted-ids.ts'
import { isTerminal, type Live } from '../../records/task-record.ts'
import type { NewJob } from '../redis/bee-queue.ts'
import type { Buried, Claim, Claimed, Held, Place, Read, Settlement, Verdict } from '../redis/queue.ts'
import type { Queue } from '../contract.ts'
import type { QueueCounts, RemoveOutcome, TaskState, TerminalState } from '../../types.ts'

/**
 * The reply, not before all else that is due had its turn: as one that comes over a network. Code that asks again and again
 * until something has happened would otherwise keep it from happening.
 */
export async function afterATurn<T> (reply: Promise<T> | T): Promise<T> {
  const value = await reply
  await setImmediate()
  return value
}

/** What a queue asks of the store that it is in. */
export interface Surroundings {
  now (): number
  publish (channel: string, message: string): void
  /** Tasks wait that did not. */
  waiting (queue: MemoryQueue): void
  /** Nothing waits and nothing runs, after a change. */
  quiet (): void
}

export class MemoryQueue implements Queue {
  readonly name: string
  readonly #around: Surroundings
  readonly #records = new Map<string, string>()
  /** Oldest first. */
  #waiting = new Set<string>()
  readonly #claims = new Map<string, { token: string, at: number }>()
  readonly #delayed = new Timetable()
  readonly #progress = new Map<string, string>()
  readonly #cancelling = new Set<string>()
  readonly #workers = new Map<string, string>()
  /** By when their records go. */
  readonly #ended: Record<TerminalState, Timetable> = { succeeded: new Timetable(), failed: new Timetable(), cancelled: new Timetable(), expired: new Timetable() }
  #bells: Array<(rung: null) => void> = []

  constructor (name: string, around: Surroundings) {
    this.name = name
    this.#around = around
  }

  over (): MemoryQueue { return this }
  async beat (worker: string, text: string): Promise<void> {
    if (text === '') this.#workers.delete(worker)
    else this.#workers.set(worker, text)
  }

  async workers (): Promise<Array<{ id: string, json: string }>> { return Array.from(this.#workers, ([id, json]) => ({ id, json })) }

  /** Who listens is in this process: all is told. */
  async mark (): Promise<void> {}
  taskChannel (id: string): string { return `${this.name} task ${id}` }
  get cancelChannel (): string { return `${this.name} cancel` }
  get delayedChannel (): string { return `${this.name} delayed` }

  // What the store asks

  get idle (): boolean { return this.#waiting.size + this.#claims.size === 0 }
  get hasWaiting (): boolean { return this.#waiting.size > 0 }
  get delayed (): number { return this.#delayed.size }
  /** When the next delayed task is due: ms since 1970; null where there is none. */
  get due (): number | null { return this.#delayed.first }

  /** The clock has moved: what is due waits, and what has outstayed its time goes. */
  moved (): void {
    this.#reap(Infinity)
    this.#wait(this.#delayed.takeUntil(this.#around.now()))
  }

  // Additions

  async add (job: NewJob): Promise<boolean> { return this.#add(job) }
  async addMany (jobs: NewJob[]): Promise<boolean[]> { return jobs.map(job => this.#add(job)) }

  #add ({ id, text, delay }: NewJob): boolean {
    if (this.#records.has(id)) return false
    this.#records.set(id, text)
    if (delay !== undefined && delay > this.#around.now()) this.#delayed.put(id, delay)
    else this.#wait([id])
    return true
  }

  #wait (ids: string[]): void {
    if (ids.length === 0) return
    for (const id of ids) this.#waiting.add(id)
    this.#ring()
  }

  #ring (): void {
    for (const bell of this.#bells.splice(0)) bell(null)
    this.#around.waiting(this)
  }

  /** Who waits holds no timer: a worker's regular look is for what Redis may have missed. It claims when it is awake. */
  claimNext (): Promise<null> {
    return this.hasWaiting ? Promise.resolve(null) : new Promise(resolve => { this.#bells.push(resolve) })
  }

  async revoke (): Promise<Claim> { return { jobs: [], now: this.#around.now(), next: null } }

  #told (id: string, change: string): void { this.#around.publish(this.taskChannel(id), change) }

  #settled (): void { if (this.idle) this.#around.quiet() }

  // A worker's calls

  async claim (free: number, token: string): Promise<Claim> {
    const now = this.#around.now()
    const jobs: Claimed[] = []
    for (const id of firstOf(this.#waiting, free)) {
      this.#waiting.delete(id)
      const text = this.#records.get(id)
      if (text === undefined) continue
      this.#claims.set(id, { token, at: now })
      jobs.push({ id, text, token })
      this.#told(id, 'active')
    }
    this.#settled()
    return { jobs, now, next: null } // the clock is moved by hand: no worker sets an alarm
  }

  async settle (batch: Settlement[]): Promise<Verdict[]> {
    const verdicts = batch.map(one => this.#settle(one))
    this.#settled()
    return verdicts
  }

  #settle (settlement: Settlement): Verdict {
    const { id, outcome } = settlement
    const repeats = outcome === 'retry' || outcome === 'defer'
    if (!this.#owns(settlement)) return 'lost'
    if (repeats && this.#cancelling.has(id)) return 'cancelled'
    this.#unclaim(id)
    if (repeats) this.#again(settlement)
    else this.#cancelling.delete(id)
    if (isTerminal(outcome)) this.#end(id, outcome, settlement.text!, settlement.ms!)
    if (outcome !== 'drop') this.#told(id, outcome)
    return 'done'
  }

  #owns ({ id, token }: Held): boolean { return this.#claims.get(id)?.token === token }

  #unclaim (id: string): void {
    this.#claims.delete(id)
    this.#progress.delete(id)
  }

  #again ({ id, outcome, text, ms = 0 }: Settlement): void {
    if (outcome === 'retry') this.#records.set(id, text!)
    if (ms > 0) this.#delayed.put(id, this.#around.now() + ms)
    else this.#wait([id])
  }

  #end (id: string, state: TerminalState, text: string, ttl: number): void {
    if (ttl <= 0) return void this.#records.delete(id)
    this.#records.set(id, text)
    this.#ended[state].put(id, this.#around.now() + ttl)
  }

  async renew (_lease: number, held: Held[]): Promise<Verdict[]> {
    return held.map(one => !this.#owns(one) ? 'lost' : this.#cancelling.has(one.id) ? 'cancelled' : 'done')
  }

  /** They are the next to be claimed, in their old order. */
  async release (held: Held[]): Promise<Verdict[]> {
    const verdicts = await this.renew(0, held)
    const back = held.filter((_one, i) => verdicts[i] === 'done').map(one => one.id)
    for (const id of back) this.#unclaim(id)
    this.#waiting = new Set([...back, ...this.#waiting])
    for (const id of back) this.#told(id, 'waiting')
    if (back.length > 0) this.#ring()
    return verdicts
  }

  async update (held: Held, json: string): Promise<boolean> {
    const mine = this.#owns(held)
    if (mine) {
      this.#progress.set(held.id, json)
      this.#told(held.id, 'progress')
    }
    return afterATurn(mine)
  }

  // Claims do not lapse, nobody else ends tasks, and all workers have the settings of this one process.

  async recover (): Promise<{ requeued: string[], buried: Buried[] }> { return { requeued: [], buried: [] } }
  async adopt (): Promise<string> { return '0' }
  async join (stallInterval: number): Promise<number> { return stallInterval }

  async reap (limit: number): Promise<number> { return this.#reap(limit) }

  #reap (limit: number): number {
    const gone = Object.values(this.#ended).flatMap(one => one.takeUntil(this.#around.now(), limit))
    for (const id of gone) this.#records.delete(id)
    return gone.length
  }

  // Everybody's calls

  async read (id: string): Promise<Read | null> {
    const text = this.#records.get(id)
    if (text === undefined) return null
    const live: Live = {}
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
      this.#around.publish(this.cancelChannel, id)
      return 'requested'
    }
    this.#unqueue(id)
    this.#end(id, 'cancelled', after, ttl)
    this.#told(id, 'cancelled')
    this.#settled()
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
    this.#wait([id])
    this.#told(id, 'waiting')
    return 'queued'
  }

  async page (state: TaskState, limit: number, after?: Place): Promise<{ ids: string[], place: number }> {
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
    this.#settled()
    return 'removed'
  }

  async purge (limit: number): Promise<[removed: number, left: number]> {
    const gone = [...firstOf(this.#waiting, limit), ...this.#delayed.ids().slice(0, limit)]
    for (const id of gone) {
      this.#unqueue(id)
      this.#records.delete(id)
    }
    this.#settled()
    return [gone.length, this.#waiting.size + this.#delayed.size]
  }

  async close (): Promise<void> {}
}

function firstOf (ids: Set<string>, count: number): string[] {
  const first: string[] = []
  for (const id of ids) {
    if (first.length >= count) break
    first.push(id)
  }
  return first
}
