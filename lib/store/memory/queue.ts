/**
 * One queue in this process: what the queue in Redis and its scripts do, with plain maps. Both must reply alike:
 * test/store/memory-queue.test.ts makes the same calls of both.
 *
 * It differs in four ways:
 * 1. A worker has no lease: its claims end with its process.
 * 2. The clock moves only when a test moves it: due tasks are queued then, expired records removed.
 * 3. A task wakes all workers that wait. Most of them get nothing, and wait again.
 * 4. All changes are published: all listeners are in this process.
 */
import { isTerminal } from '../../records/task-record.ts'
import { workerOf } from '../claim-token.ts'
import { Claims } from './claims.ts'
import { afterEventLoopTurn } from './event-loop-turn.ts'
import { byClaim, isRetrying, oldestOf, pageOf, toRawTask } from './reads.ts'
import { flowsOf, membershipIn } from './flow-host.ts'
import { MemoryHistory } from './history.ts'
import { LastClaims, type ClaimKind } from './last-claims.ts'
import { MemorySchedules } from './schedules.ts'
import type { MemoryFlows } from './flows.ts'
import type { MemoryQueueHost } from './queue-host.ts'
import { TaskLists } from './task-lists.ts'
import { Waits } from './waits.ts'
import { MemoryWalk } from './walk.ts'
import { WorkerReports, type WorkerReport } from './worker-reports.ts'
import type {
  CancelReply, ClaimedJob, ClaimRef, ClaimReply, ClaimStatus, LeaseReply, NewJob, Page, PagePosition, PurgeOptions,
  PurgeReply, Queue, QueueMeasure, RawTask, RemoveReply, RetryReply, Settlement
} from '../contract.ts'
import type { QueueCounts, TaskState, TerminalState } from '../../types.ts'

export class MemoryQueue implements Queue {
  readonly name: string
  readonly #host: MemoryQueueHost
  readonly #records = new Map<string, string>()
  readonly #lists = new TaskLists()
  readonly #claims = new Claims()
  readonly #lastClaims = new LastClaims()
  readonly #workers = new WorkerReports()
  readonly #waits = new Waits()
  readonly schedules = new MemorySchedules({
    now: () => this.#host.now(),
    isUnfinished: (id, queue = this.name) => this.#host.isUnfinished(queue, id),
    enqueue: (id, text, delay) => { this.#add(delay === null ? { id, text } : { id, text, delay }) }
  })

  readonly flows: MemoryFlows
  readonly walk: MemoryWalk
  readonly history = new MemoryHistory(() => this.#host.now())

  constructor (name: string, host: MemoryQueueHost) {
    this.name = name
    this.#host = host
    const publish = (id: string, change: string): void => this.#publishChange(id, change)
    const onChanged = (): void => this.#checkIdle()
    this.walk = new MemoryWalk({ queue: this, lists: this.#lists, active: () => byClaim(this.#claims.all) })
    this.flows = flowsOf({ host, records: this.#records, lists: this.#lists, publish, onChanged })
  }

  over (): MemoryQueue { return this }
  get upkeep (): null { return null }
  async close (): Promise<void> {}
  // For the store
  get idle (): boolean { return !this.hasWaiting && this.#claims.size === 0 && this.flows.idle }
  get hasWaiting (): boolean { return this.#lists.waiting.size > 0 }
  isUnfinished (id: string): boolean { return this.#records.has(id) && !this.#lists.hasFinished(id) }
  get delayed (): number { return this.#lists.delayed.size }
  /** When the next delayed task is due, ms since 1970. Null if there is none. */
  get due (): number | null { return this.#lists.delayed.first }

  /** Queues the tasks that are due by now, and removes the records that are past their expiry. */
  onClockMoved (): void {
    const now = this.#host.now()
    for (const id of this.#lists.takeExpired(now)) this.#records.delete(id)
    this.flows.onClockMoved()
    this.#enqueue(this.#lists.delayed.takeUntil(now))
  }

  #enqueue (ids: string[]): void {
    if (ids.length === 0) return
    for (const id of ids) this.#lists.waiting.add(id)
    this.#wakeWorkers()
  }

  #wakeWorkers (): void {
    this.#waits.wakeAll()
    this.#host.onQueued(this)
  }

  #publishChange (id: string, change: string): void { this.#host.publish(this.changeChannel(id), change) }
  #checkIdle (): void { if (this.idle) this.#host.onIdle() }

  // For producers and readers
  async add (job: NewJob): Promise<boolean> { return this.#add(job) }
  async addMany (jobs: NewJob[]): Promise<boolean[]> { return jobs.map(job => this.#add(job)) }

  #add ({ id, text, delay }: NewJob): boolean {
    if (this.#records.has(id)) return false
    this.#records.set(id, text)
    if (delay !== undefined && delay > this.#host.now()) this.#lists.delayed.put(id, delay)
    else this.#enqueue([id])
    return true
  }

  async readTask (id: string): Promise<RawTask | null> {
    const text = this.#records.get(id)
    if (text === undefined) return null
    return toRawTask(text, this.#claims.of(id), this.#claims.progressOf(id), this.#lists.delayed.timeOf(id))
  }

  async cancel (id: string, before: string | Buffer, after: string, ttl: number): Promise<CancelReply> {
    const text = this.#records.get(id)
    if (text === undefined) return 'unknown'
    if (text !== String(before)) return 'changed'
    const claim = this.#claims.of(id)
    if (claim) return this.#requestCancel(id, claim.token)
    this.#lists.unqueue(id)
    this.#finish(id, 'cancelled', after, ttl)
    this.#publishChange(id, 'cancelled')
    this.#checkIdle()
    return 'cancelled'
  }

  #requestCancel (id: string, token: string): CancelReply {
    this.#claims.requestCancel(id)
    this.#host.publish(this.cancelChannel(workerOf(token)), id)
    return 'requested'
  }

  #finish (id: string, state: TerminalState, text: string, ttl: number): void {
    if (membershipIn(id, text)) this.#host.onMemberEnded(id)
    if (ttl <= 0) return void this.#records.delete(id)
    this.#records.set(id, text)
    this.#lists.finished[state].put(id, this.#host.now() + ttl)
  }

  async retry (id: string, before: string | Buffer, after: string): Promise<RetryReply> {
    if (this.#records.get(id) !== String(before)) return 'changed'
    if (!this.#lists.finished.failed.delete(id)) return 'refused'
    this.#records.set(id, after)
    this.#enqueue([id])
    this.#publishChange(id, 'waiting')
    return 'queued'
  }

  async remove (id: string, before?: string | Buffer): Promise<RemoveReply> {
    const text = this.#records.get(id)
    if (text === undefined) return 'unknown'
    if (before !== undefined && String(before) !== '' && text !== String(before)) return 'changed'
    if (this.#claims.of(id)) return 'active'
    this.#endRemoved(id)
    this.#checkIdle()
    return 'removed'
  }

  async reschedule (id: string, due: number | null): Promise<boolean> {
    if (!this.#lists.delayed.has(id)) return false
    this.#lists.delayed.put(id, due ?? this.#host.now())
    this.#publishChange(id, 'delayed')
    this.#enqueue(this.#lists.delayed.takeUntil(this.#host.now()))
    return true
  }

  async purge (limit: number, { retrying = false, after }: PurgeOptions = {}): Promise<PurgeReply> {
    const isKept = (id: string): boolean => !retrying && isRetrying(this.#records.get(id))
    const { gone, position } = this.#lists.takeNotStarted(limit, isKept, after)
    const members = gone.flatMap(id => membershipIn(id, this.#records.get(id)) ?? [])
    for (const id of gone) this.#endRemoved(id)
    this.#checkIdle()
    return { removed: gone.length, members, after: position }
  }

  #endRemoved (id: string): void {
    if (membershipIn(id, this.#records.get(id)) && !this.#lists.hasFinished(id)) this.#host.onMemberEnded(id)
    this.#records.delete(id)
    this.#lists.remove(id)
  }

  async pageOf (state: TaskState, limit: number, after?: PagePosition): Promise<Page> {
    return pageOf(state === 'active' ? byClaim(this.#claims.all) : this.#lists.idsOf(state), limit, after)
  }

  async counts (): Promise<QueueCounts> { return this.#lists.counts(this.#claims.size) }

  async measure (ticks: number): Promise<QueueMeasure> {
    const waiting = this.#lists.firstWaiting(10).map(id => this.#records.get(id))
    const measure = { counts: await this.counts(), workers: this.#workers.size, oldest: oldestOf(waiting) }
    return { ...measure, ticks: this.schedules.nextTicks(Math.max(0, ticks)), now: this.#host.now() }
  }

  async workers (limit: number): Promise<WorkerReport[]> { return this.#workers.list(Math.max(0, limit)) }
  async watch (): Promise<void> {}
  changeChannel (id: string): string { return `${this.name} task ${id}` }
  cancelChannel (worker: string): string { return `${this.name} cancel ${worker}` }

  // For workers
  async claim (free: number, token: string, again = false): Promise<ClaimReply> {
    const claimed = again ? this.#reclaim(token) : []
    const reply = this.#toReply(claimed.length > 0 ? claimed : this.#take(free, token, 'now'))
    this.#checkIdle()
    return reply
  }

  #toReply (jobs: ClaimedJob[]): ClaimReply {
    return { jobs, now: this.#host.now(), kept: true, more: this.hasWaiting }
  }

  #take (free: number, token: string, kind: ClaimKind): ClaimedJob[] {
    const jobs: ClaimedJob[] = []
    for (const id of this.#lists.takeWaiting(free)) {
      const text = this.#records.get(id)
      if (text === undefined) continue
      this.#claims.claim(id, token, this.#host.now())
      jobs.push({ id, text, token })
      this.#publishChange(id, 'active')
    }
    this.#lastClaims.put(token, kind, jobs)
    return jobs
  }

  /** The tasks that the token has claimed already, claimed again: the caller is about to start them. */
  #reclaim (token: string): ClaimedJob[] {
    const ids = this.#lastClaims.of(token).filter(id => this.#claims.owns({ id, token }))
    for (const id of ids) this.#claims.claim(id, token, this.#host.now())
    return ids.map(id => ({ id, text: this.#records.get(id) ?? null, token }))
  }

  async claimNext (_seconds: number, token: string): Promise<ClaimReply> {
    if (!this.hasWaiting && !this.#waits.isCancelled(token)) await this.#waits.wait(token)
    return this.#toReply(this.#waits.isCancelled(token) ? [] : this.#take(1, token, 'wait'))
  }

  async cancelWait (token: string): Promise<ClaimReply> {
    this.#waits.cancel(token, this.#host.now())
    return this.#toReply(this.#reclaim(token))
  }

  async settle (batch: Settlement[]): Promise<ClaimStatus[]> {
    const statuses = batch.map(settlement => this.#settle(settlement))
    this.#checkIdle()
    return statuses
  }

  #settle (settlement: Settlement): ClaimStatus {
    const { id, outcome } = settlement
    const repeats = outcome === 'retry' || outcome === 'defer'
    if (!this.#claims.owns(settlement)) return 'lost'
    if (repeats && this.#claims.isCancelling(id)) return 'cancelRequested'
    this.#claims.unclaim(id)
    if (repeats) this.#requeue(settlement)
    else this.#claims.endCancel(id)
    if (isTerminal(outcome)) this.#finish(id, outcome, settlement.text!, settlement.ms!)
    if (outcome !== 'drop') this.#publishChange(id, outcome)
    return 'owned'
  }

  #requeue ({ id, outcome, text, ms = 0 }: Settlement): void {
    if (outcome === 'retry') this.#records.set(id, text!)
    if (ms > 0) this.#lists.delayed.put(id, this.#host.now() + ms)
    else this.#enqueue([id])
  }

  async renew (): Promise<LeaseReply> { return { kept: true, cancels: this.#claims.hasCancels } }
  async checkClaims (refs: ClaimRef[]): Promise<ClaimStatus[]> { return refs.map(ref => this.#claims.statusOf(ref)) }

  async release (claims: ClaimRef[]): Promise<ClaimStatus[]> {
    const released: string[] = []
    // Last first, as in Redis: each is put before those that came before it.
    const statuses = claims.toReversed().map(claim => {
      const status = this.#claims.statusOf(claim)
      if (status === 'owned') {
        this.#claims.unclaim(claim.id)
        released.push(claim.id)
      }
      return status
    })
    this.#lists.putFirst(released.toReversed())
    for (const id of released) this.#publishChange(id, 'waiting')
    if (released.length > 0) this.#wakeWorkers()
    return statuses.reverse()
  }

  async updateProgress (claim: ClaimRef, json: string): Promise<boolean> {
    const isOwner = this.#claims.owns(claim)
    if (isOwner) this.#claims.report(claim.id, json)
    if (isOwner) this.#publishChange(claim.id, 'progress')
    return afterEventLoopTurn(isOwner)
  }

  async heartbeat (worker: string, text: string, lifetime: number): Promise<void> {
    this.#workers.store(worker, text, this.#host.now() + lifetime)
  }
}
