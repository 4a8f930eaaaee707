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
import { addInParts, addTogether } from '../new-jobs.ts'
import { afterEventLoopTurn } from './event-loop-turn.ts'
import { byClaim, isRetrying, laneIn, oldestOf, pageOf, toRawTask, withDue } from './reads.ts'
import { flowsOf, membershipIn } from './flow-host.ts'
import { Claiming } from './claiming.ts'
import { Claims } from './claims.ts'
import { MemoryHistory } from './history.ts'
import { MemoryLanes } from './lanes.ts'
import { manyOf } from './many.ts'
import { MemorySchedules } from './schedules.ts'
import { Pauses } from './pauses.ts'
import type { MemoryFlows } from './flows.ts'
import type { MemoryQueueHost } from './queue-host.ts'
import { Records } from './records.ts'
import { TaskLists } from './task-lists.ts'
import { MemoryUnique } from './unique.ts'
import { MemoryWalk } from './walk.ts'
import { WorkerReports, type WorkerReport } from './worker-reports.ts'
import type {
  CancelReply, ClaimRef, ClaimReply, ClaimStatus, LeaseReply, NewJob, Page, PagePosition, PurgeOptions, PurgeReply,
  Queue, QueueMeasure, RawTask, ReleasedClaim, RemoveReply, RetryReply, SettledAndClaimed, Settlement
} from '../contract.ts'
import type { QueueLogs } from '../log-contract.ts'
import type { QueueCounts, TaskState, TerminalState } from '../../types.ts'

export class MemoryQueue implements Queue {
  readonly name: string
  readonly #host: MemoryQueueHost
  readonly #records = new Records()
  readonly #lists = new TaskLists()
  readonly #claims = new Claims()
  readonly #workers = new WorkerReports()
  readonly schedules = new MemorySchedules({
    now: () => this.#host.now(),
    isUnfinished: (id, queue = this.name) => this.#host.isUnfinished(queue, id),
    enqueue: job => { this.#add(job) }
  })

  readonly lanes = new MemoryLanes({
    now: () => this.#host.now(),
    enqueue: ids => this.#enqueue(ids),
    isUnfinished: id => this.isUnfinished(id),
    queued: () => this.#lists.queued,
    capacity: () => this.#workers.capacity
  })

  readonly many = manyOf(this, this.#lists, this.#records)
  readonly unique: MemoryUnique
  readonly flows: MemoryFlows
  readonly walk: MemoryWalk
  readonly history = new MemoryHistory(() => this.#host.now())
  readonly #pauses: Pauses
  readonly #claiming: Claiming

  constructor (name: string, host: MemoryQueueHost) {
    this.name = name
    this.#host = host
    const publish = (id: string, change: string): void => this.#publishChange(id, change)
    this.#pauses = new Pauses(this.#lists, publish, () => this.hasWaiting ? this.#wakeWorkers() : this.#checkIdle())
    const [records, lists, claims, now] = [this.#records, this.#lists, this.#claims, () => host.now()]
    this.#claiming = new Claiming({ records, lists, claims, now, publish, onTaken: () => this.#checkIdle() })
    const parts = { records, lists, claims, lanes: this.lanes, now, publish, add: (job: NewJob) => this.#add(job) }
    this.unique = new MemoryUnique({ ...parts, delay: this.#delay.bind(this), queueDue: () => this.#queueDue() })
    this.walk = new MemoryWalk({ queue: this, records, lists, claims })
    this.flows = flowsOf({ host, records, lists, publish, onChanged: () => this.#checkIdle() })
  }

  over (): this { return this }
  get upkeep (): null { return null }
  get logs (): QueueLogs { return this.#records }
  async close (): Promise<void> {}
  get idle (): boolean { return !this.hasWaiting && this.#claims.size === 0 && this.flows.idle }
  get hasWaiting (): boolean { return this.#lists.waiting.size > 0 }
  isUnfinished (id: string): boolean { return this.#records.has(id) && !this.#lists.hasFinished(id) }
  get delayed (): number { return this.#lists.delayed.size }
  /** When the next delayed task is due, or the next lane may go on, ms since 1970. Null if there is none. */
  get due (): number | null {
    const { first } = this.#lists.delayed
    return this.lanes.due === null ? first : Math.min(first ?? Infinity, this.lanes.due)
  }

  /** Queues the tasks that are due by now, and removes the records that are past their expiry. */
  onClockMoved (): void {
    for (const id of this.#lists.takeExpired(this.#host.now())) {
      this.#records.delete(id)
      this.unique.onEnded(id)
    }
    this.flows.onClockMoved()
    this.lanes.onClockMoved(() => this.#queueDue())
  }

  #queueDue (): void { this.#enqueue(this.lanes.takeDue(this.#lists.delayed.takeUntil(this.#host.now()))) }
  #enqueue (ids: string[]): void { if (ids.length > 0 && this.#lists.enqueue(ids)) this.#wakeWorkers() }

  #wakeWorkers (): void {
    this.#claiming.wakeAll()
    this.#host.onQueued(this)
  }

  #publishChange (id: string, change: string): void { this.#host.publish(this.changeChannel(id), change) }
  #checkIdle (): void { if (this.idle) this.#host.onIdle() }
  async add (job: NewJob): Promise<boolean> { return this.#add(job) }
  addMany (jobs: NewJob[]): Promise<boolean[]> {
    const addAll = (part: NewJob[]): boolean[] => addTogether(part, this.#add.bind(this), ids => this.#enqueue(ids))
    return addInParts(jobs, addAll, addAll)
  }

  /** @param entering takes an id that is to enter together with others */
  #add ({ id, text, delay, lane, level, tags }: NewJob, entering: string[] | null = null): boolean {
    if (this.#records.has(id)) return false
    this.#records.add(id, text, tags)
    this.#lists.setLevel(id, level)
    if (delay !== undefined && delay > this.#host.now()) this.#delay(id, delay, lane)
    else if (entering && lane === undefined) entering.push(id)
    else this.lanes.enter(id, lane)
    return true
  }

  #delay (id: string, due: number, lane: string | undefined): void {
    this.#lists.delayed.put(id, due)
    this.lanes.delay(id, lane)
  }

  async readTask (id: string): Promise<RawTask | null> {
    const [text, { delayed }] = [this.#records.get(id), this.#lists]
    if (text === undefined) return null
    const paused = this.#claims.of(id) ? undefined : this.#lists.flagsOf(id)
    const [claim, progress, isGated] = [this.#claims.of(id), this.#claims.progressOf(id), this.lanes.gated.has(id)]
    return toRawTask(text, claim, progress, delayed.timeOf(id), paused, isGated)
  }

  readTasks (ids: string[]): Promise<Array<RawTask | null>> { return Promise.all(ids.map(id => this.readTask(id))) }

  async cancel (id: string, before: string | Buffer, after: string, ttl: number, lane?: string): Promise<CancelReply> {
    const text = this.#records.get(id)
    if (text === undefined) return 'unknown'
    if (text !== String(before)) return 'changed'
    const claim = this.#claims.requestCancel(id)
    if (claim) this.#host.publish(this.cancelChannel(workerOf(claim.token)), id)
    if (claim) return 'requested'
    this.#finish(id, 'cancelled', after, ttl)
    this.lanes.leave(id, lane)
    this.#lists.unqueue(id)
    this.unique.onEnded(id)
    this.#publishChange(id, 'cancelled')
    this.#checkIdle()
    return 'cancelled'
  }

  #finish (id: string, state: TerminalState, text: string, ttl: number): void {
    if (membershipIn(id, text)) this.#host.onMemberEnded(id)
    if (ttl <= 0) return void this.#records.delete(id)
    this.#records.set(id, text)
    this.#lists.finished[state].put(id, this.#host.now() + ttl)
  }

  async retry (id: string, before: string | Buffer, after: string, lane?: string): Promise<RetryReply> {
    if (this.#records.get(id) !== String(before)) return 'changed'
    if (!this.#lists.finished.failed.delete(id)) return 'refused'
    this.#records.set(id, after)
    this.lanes.enter(id, lane)
    this.#publishChange(id, 'waiting')
    return 'queued'
  }

  async remove (id: string, before?: string | Buffer, lane?: string): Promise<RemoveReply> {
    const text = this.#records.get(id)
    if (text === undefined) return 'unknown'
    if (before !== undefined && text !== String(before)) return 'changed'
    if (this.#claims.of(id)) return 'active'
    this.#endRemoved(id, lane)
    this.#lists.wake()
    this.#checkIdle()
    return 'removed'
  }

  async reschedule (id: string, due: number | null): Promise<boolean> {
    if (!this.#lists.delayed.has(id)) return false
    this.#lists.delayed.put(id, due ??= this.#host.now())
    this.#records.set(id, withDue(this.#records.get(id)!, due))
    this.#publishChange(id, 'delayed')
    this.#queueDue()
    return true
  }

  async purge (limit: number, { retrying = false, after }: PurgeOptions = {}): Promise<PurgeReply> {
    const isKept = (id: string): boolean => !retrying && isRetrying(this.#records.get(id))
    const { gone, position } = this.#lists.takeNotStarted(limit, isKept, after)
    if (position === null && limit > 0) gone.push(...[...this.lanes.gated].filter(id => !isKept(id)))
    const members = gone.flatMap(id => membershipIn(id, this.#records.get(id)) ?? [])
    for (const id of gone) this.#endRemoved(id, laneIn(this.#records.get(id)))
    if (position === null) this.#lists.wake()
    this.#checkIdle()
    return { removed: gone.length, members, after: position }
  }

  #endRemoved (id: string, lane: string | undefined): void {
    if (membershipIn(id, this.#records.get(id)) && !this.#lists.hasFinished(id)) this.#host.onMemberEnded(id)
    this.#records.delete(id)
    this.lanes.leave(id, lane)
    this.#lists.remove(id)
    this.unique.onEnded(id)
    this.#publishChange(id, 'removed')
  }

  async pageOf (state: TaskState, limit: number, after?: PagePosition): Promise<Page> {
    const lists = (): string[] => this.#lists.idsOf(state as 'waiting', this.lanes.gated)
    return pageOf(state === 'active' ? byClaim(this.#claims.all) : lists(), limit, after)
  }

  async counts (): Promise<QueueCounts> { return this.#lists.counts(this.#claims.size, this.lanes.gated.size) }
  async pause (name: string | null): Promise<boolean> { return this.#pauses.pause(name) }
  async resume (name: string | null): Promise<boolean> { return this.#pauses.resume(name) }

  async measure (ticks: number): Promise<QueueMeasure> {
    const waiting = this.#lists.firstWaiting(10).map(id => this.#records.get(id))
    const measure = { counts: await this.counts(), workers: this.#workers.size, oldest: oldestOf(waiting) }
    return { ...measure, ticks: this.schedules.nextTicks(Math.max(0, ticks)), now: this.#host.now() }
  }

  async workers (limit: number): Promise<WorkerReport[]> { return this.#workers.list(Math.max(0, limit)) }
  async watch (ids: string[]): Promise<void> { this.#pauses.watch(ids) }
  changeChannel (id: string): string { return `${this.name} task ${id}` }
  cancelChannel (worker: string): string { return `${this.name} cancel ${worker}` }

  async claim (free: number, token: string, again = false): Promise<ClaimReply> {
    return this.#claiming.claim(free, token, again)
  }

  claimNext (_seconds: number, token: string): Promise<ClaimReply> { return this.#claiming.claimNext(token) }
  async cancelWait (token: string): Promise<ClaimReply> { return this.#claiming.cancelWait(token) }

  async settle (batch: Settlement[]): Promise<ClaimStatus[]> {
    const statuses = batch.map(settlement => this.#settle(settlement))
    this.#checkIdle()
    return statuses
  }

  settleAndClaim (batch: Settlement[], free: number, token: string): SettledAndClaimed {
    return { settled: this.settle(batch), claimed: this.claim(free, token) }
  }

  #settle (settlement: Settlement): ClaimStatus {
    const { id, outcome } = settlement
    const repeats = outcome === 'retry' || outcome === 'defer' || outcome === 'limited'
    if (!this.#claims.owns(settlement)) return 'lost'
    if (repeats && this.#claims.isCancelling(id)) return 'cancelRequested'
    this.#claims.unclaim(id)
    if (repeats) this.#requeue(settlement)
    else this.#claims.endCancel(id)
    if (isTerminal(outcome)) this.#finish(id, outcome, settlement.text!, settlement.ms!)
    if (isTerminal(outcome) && (outcome !== 'failed' || settlement.ms! <= 0)) this.#lists.setLevel(id, undefined)
    this.lanes.settle(settlement)
    if (!repeats) this.unique.onEnded(id, outcome === 'succeeded' || outcome === 'failed')
    if (outcome !== 'drop') this.#publishChange(id, outcome)
    return 'owned'
  }

  #requeue ({ id, outcome, text, ms = 0, lane, keepsSlot }: Settlement): void {
    if (outcome !== 'defer') this.#records.set(id, text!)
    const hasRate = this.lanes.hasRate(lane)
    if (outcome === 'limited' || (ms <= 0 && hasRate)) return // it stays in its lane
    if (ms > 0) this.#delay(id, this.#host.now() + ms, keepsSlot && !hasRate ? undefined : lane)
    else this.#enqueue([id])
  }

  async renew (): Promise<LeaseReply> { return { kept: true, cancels: this.#claims.hasCancels } }
  async checkClaims (refs: ClaimRef[]): Promise<ClaimStatus[]> { return refs.map(ref => this.#claims.statusOf(ref)) }

  async release (claims: ReleasedClaim[]): Promise<ClaimStatus[]> {
    const { statuses, released } = this.#claims.release(claims)
    const others = this.lanes.takeStarted(claims, released)
    this.#lists.putFirst(others)
    for (const id of released.toReversed()) this.#publishChange(id, 'waiting')
    if (released.length > 0) this.#wakeWorkers()
    return statuses
  }

  async updateProgress (claim: ClaimRef, json: string): Promise<boolean> {
    const isOwner = this.#claims.report(claim, json)
    if (isOwner) this.#publishChange(claim.id, 'progress')
    return afterEventLoopTurn(isOwner)
  }

  async heartbeat (worker: string, text: string, lifetime: number): Promise<void> {
    this.#workers.store(worker, text, this.#host.now() + lifetime)
  }
}
