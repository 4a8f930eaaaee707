/**
 * Runs the claimed tasks of one queue, at most `concurrency` at a time:
 *
 * 1. settles at once what is not to be started: removed, expired, unreadable, without a handler here;
 * 2. starts an attempt for each other task, and hands its result to the settlement batcher;
 * 3. at close: aborts what runs, and releases what did not finish, in the order of the claims.
 *
 * A handler that goes on after its abort keeps its slot until it returns.
 */
import { Attempt, type AttemptOwner } from '../attempt/attempt.ts'
import { isExpired, readStored, toClaimedTask, type ClaimedTask } from '../attempt/claimed-task.ts'
import { isTerminal } from '../records/task-record.ts'
import { MemberContext } from '../flows/member-context.ts'
import { templateOf } from '../flows/plan.ts'
import { attemptEvent, watchAttempt } from './attempt-trace.ts'
import { debugFields } from './debug-log.ts'
import { logResult } from './log-result.ts'
import { KeptLogs } from './kept-logs.ts'
import { runningTask } from './heartbeat.ts'
import * as errors from '../errors.ts'
import { beeEvent, failStalled, failWith, finish } from './settlement.ts'
import { logDroppedOutcome } from './settlement-batcher.ts'
import { ShortLived } from '../short-lived.ts'
import { solitude } from './solitude.ts'
import { uptime } from '../timers.ts'
import type { FastifyBaseLogger } from 'fastify'
import type { AttemptEvent } from '../telemetry.ts'
import type { AbortCause } from '../attempt/abort.ts'
import type { AttemptResult } from '../attempt/attempt-result.ts'
import type { PrefetchedJob } from './prefetch.ts'
import type { RunnerOptions } from './runner-options.ts'
import type { RunningTaskInfo } from '../records/worker-info.ts'
import type { ClaimRef, ClaimStatus, Settlement } from '../store/contract.ts'
import type { ExhaustedTask } from '../store/upkeep-contract.ts'
import type { StoredMembership } from '../records/membership.ts'
import type { Definition } from '../tasks/definition.ts'
import type { ThreadableAttempt } from '../attempt/thread-attempt.ts'
import type { Stall, WatchedAttempt } from '../types.ts'

/** A task without a handler here is delayed by this many ms: another worker may have one, or the next deploy. */
const NO_HANDLER_DELAY_MS = 5_000

export class Runner implements AttemptOwner {
  readonly #options: RunnerOptions
  readonly #running = new ShortLived<string, Attempt>()
  /** Attempts that have ended, but whose handler goes on. */
  readonly #overdue = new Set<Attempt>()
  readonly #toRelease: ClaimedTask[] = []
  /** Handlers that have not returned. */
  #slots = 0
  /** Attempts whose result is not known. */
  #undecided = 0
  #waiters: Array<() => void> = []
  #order = 0
  #stopped = false
  readonly #logs: KeptLogs

  constructor (options: RunnerOptions) {
    this.#options = options
    this.#logs = new KeptLogs(options)
  }

  get slots (): number { return this.#slots }
  get hasFreeSlot (): boolean { return this.#slots < this.#options.concurrency }
  /** How many tasks run whose outcome is not written. */
  get held (): number { return this.#running.size }
  get isIdle (): boolean { return this.#slots === 0 }

  claims (): ClaimRef[] { return this.#running.values().map(({ task }) => task.claim) }

  /** For people, in a log line. */
  running (): Array<{ task: string, taskId: string }> {
    return this.#attempts().map(({ name, id }) => ({ task: name, taskId: id }))
  }

  /** For the heartbeat. */
  runningTasks (): RunningTaskInfo[] {
    return this.#attempts().map(attempt => ({ ...runningTask(attempt), overdue: this.#overdue.has(attempt) }))
  }

  /** All that hold a slot, and those whose outcome is not written yet. */
  #attempts (): Attempt[] { return [...new Set([...this.#running.values(), ...this.#overdue])] }

  // Start

  /** Starts or settles a claimed task. Call it only if there is a free slot, or after `stop`. */
  take (prefetched: PrefetchedJob): void {
    const { id, token, text } = prefetched.job
    const { settlements, definitions } = this.#options
    if (text === null) return settlements.settle({ id, token, outcome: 'drop' }) // removed while it was in the queue
    const task = this.toTask(prefetched)
    if (task.unreadable) return this.#setAside(task, task.unreadable)
    if (isTerminal(task.stored.status)) return settlements.settle({ id, token, outcome: 'drop' }, task)
    const at = uptime()
    const now = task.now + at - prefetched.since
    if (isExpired(task.stored, now)) return settlements.finish('expired', task)
    if (this.#stopped) return void this.#toRelease.push(task)
    const definition = definitions.get(task.stored.data.name)
    if (definition?.hasHandler) this.#start(task, definition, now, at)
    else this.#defer(task)
  }

  toTask ({ job, now }: PrefetchedJob): ClaimedTask {
    const { queue, settings } = this.#options
    return toClaimedTask(job.text!, job, queue.name, settings, ++this.#order, now)
  }

  /** Gives prefetched tasks back to the queue. */
  release (jobs: PrefetchedJob[]): Promise<void> {
    const { log, queue: { name: queue }, settlements } = this.#options
    const fields = debugFields(log, () => ({ event: 'claim.released', queue, count: jobs.length }))
    if (fields) log.debug(fields, 'prefetched tasks released: no slot was free in time')
    return settlements.release(jobs.map(job => this.toTask(job)))
  }

  #setAside (task: ClaimedTask, err: Error): void {
    const { log, settlements, meter } = this.#options
    meter?.unreadable(task)
    log.error({ event: 'task.unreadable', taskId: task.claim.id, err }, 'task record is unreadable: the task failed')
    settlements.settle(failWith(err, task))
  }

  #defer (task: ClaimedTask): void {
    const { log, settlements, queue } = this.#options
    const { claim: { id, token }, stored: { data: { name } } } = task
    const fields = { event: 'task.deferred', taskId: id, task: name, queue: queue.name, delayMs: NO_HANDLER_DELAY_MS }
    log.warn(fields, 'task deferred: no handler here. Define it with a handler in every worker of its queue')
    settlements.settle({ id, token, outcome: 'defer', ms: NO_HANDLER_DELAY_MS }, task)
  }

  /** @param now on Redis' clock, and `at` as `uptime()` */
  #start (task: ClaimedTask, definition: Definition, now: number, at: number): void {
    const { id } = task.claim
    this.#options.meter?.started(task, now)
    this.#slots++
    this.#undecided++
    task.startedAt = task.now // status() reads the same from the claim
    const attempt = new Attempt(definition, task, this, at)
    // Its claim was lost during an outage, and is ours again. The outcome of the earlier attempt will not count.
    this.#running.get(id)?.abort('lost')
    this.#running.set(id, attempt)
    this.#options.starts.add(task)
    attempt.start()
  }

  // What attempts call

  runInThread (file: string, attempt: ThreadableAttempt & { definition: Definition }): Promise<unknown> {
    return this.#options.runInThread(file, attempt, attempt.definition.options.schema ?? {})
  }

  flowOf ({ task }: Attempt, member: StoredMembership): MemberContext {
    const { flows, templates } = this.#options
    return new MemberContext(flows, member, signature => templateOf(templates, signature, task.stored.options.nonce))
  }

  keepLog (attempt: Attempt, log: FastifyBaseLogger): FastifyBaseLogger { return this.#logs.keep(attempt, log) }
  traceOf (traced: Attempt): AttemptEvent | null { return attemptEvent(this.#options, traced) }
  watch (attempt: Attempt): WatchedAttempt | null { return watchAttempt(this.#options, attempt) }
  onLost (attempt: Attempt): void { this.#options.outside(() => attempt.abort('lost')) }

  async report ({ claim, stored }: ClaimedTask, json: string, progress?: string): Promise<boolean> {
    const { queue, calls } = this.#options
    const event = progress === undefined ? '' : beeEvent(claim.id, stored, 'progress', progress)
    return await calls.retryUntilClosed('progress update', () => queue.updateProgress(claim, json, event)) ?? true
  }

  onResult (attempt: Attempt, result: AttemptResult): void {
    const { clock, settlements, log, onEnded, meter } = this.#options
    const { task } = attempt
    const ranMs = onEnded(attempt.startedAt)
    task.state = attempt.state
    task.now = clock.now()
    meter?.onResult(task, result, ranMs)
    this.#undecided--
    if (result.kind === 'released') this.#toRelease.push(task)
    if (!attempt.hasReturned) this.#onOverdue(attempt)
    this.#logs.end(attempt)
    const settlement = settlements.settleResult(task, result)
    if (result.kind === 'lost') logDroppedOutcome(log, { taskId: attempt.id })
    else logResult(attempt, result, settlement)
    if (!settlement) this.forget(task)
    this.#wakeWaiters()
  }

  #onOverdue (attempt: Attempt): void {
    this.#overdue.add(attempt)
    if (this.#stopped || attempt.definition.threadFile !== null) return // a thread is being terminated
    const { log, concurrency, queue } = this.#options
    const { id: taskId, name: task } = attempt
    const fields = { event: 'task.slot_held', taskId, task, queue: queue.name, held: this.#overdue.size, concurrency }
    log.warn(fields, 'attempt has ended, but its handler goes on and holds its slot: stop at task.signal')
  }

  onReturned (attempt: Attempt): void {
    this.#overdue.delete(attempt)
    this.#slots--
    this.#options.onSlotFree()
    this.#wakeWaiters()
  }

  /** The outcome of a task was written, or dropped. */
  onSettled (task: ClaimedTask, settlement: Settlement, status: ClaimStatus): void {
    this.forget(task)
    this.#options.meter?.settled(task, settlement, status)
  }

  /** Until its outcome is written a task counts as running: its lease is renewed, also through a long outage. */
  forget (task: ClaimedTask): void {
    const { id } = task.claim
    if (this.#running.get(id)?.task === task) this.#running.delete(id)
    if (solitude.closed) solitude.check()
  }

  /** Whether this claim is one of a running task, or of one whose outcome is not written. */
  holds ({ id, token }: ClaimRef): boolean { return this.#running.get(id)?.task.claim.token === token }

  // What the store says about claims

  /** False if the claim is not one of a running task. */
  onClaimStatus ({ id, token }: ClaimRef, status: ClaimStatus): boolean {
    const attempt = this.#running.get(id)
    if (attempt?.task.claim.token !== token) return false
    if (status !== 'owned') attempt.abort(status === 'lost' ? 'lost' : 'cancel')
    return true
  }

  /** Ends a task of a dead worker: it stalled too often, or was cancelled. */
  failStalled ({ id, token, text, stalls }: ExhaustedTask): void {
    const { queue, settings, clock, settlements, log, meter } = this.#options
    const now = clock.now()
    if (isTerminal(readStored(text, now).stored.status)) return settlements.settle({ id, token, outcome: 'drop' })
    const task = toClaimedTask(text, { id, token }, queue.name, settings, ++this.#order, now)
    if (stalls <= settings.maxStalls) return settlements.settle(finish('cancelled', task), task)
    const fields = { event: 'task.stalled_too_often', taskId: id, task: task.stored.data.name, stalls }
    log.error(fields, 'task failed: it stalled too often, its worker died or lost its lease each time')
    settlements.settle(failStalled(stalls, task), task)
    const error = new errors.TaskStalled(stalls, settings.maxStalls)
    meter?.stalledTooOften(task, error)
    this.#callStalledHooks(task, { outcome: 'failed' }, error)
  }

  /** Tasks of dead workers wait again. Their records are read only if a hook wants to know. */
  async onRequeued (ids: string[]): Promise<void> {
    const { queue, definitions, settings, clock, meter } = this.#options
    const isHeard = meter !== null || [...definitions.values()].some(({ hooks }) => hooks()?.onStalled)
    for (const id of isHeard ? ids : []) {
      const read = await queue.readTask(id).catch(() => null) // nothing waits for this
      if (!read) continue
      const task = toClaimedTask(read.text, { id, token: '' }, queue.name, settings, 0, clock.now())
      meter?.stalled(task)
      this.#callStalledHooks(task, { outcome: 'requeued' }, null)
    }
  }

  #callStalledHooks (task: ClaimedTask, stall: Stall, error: Error | null): void {
    const definition = this.#options.definitions.get(task.stored.data.name)
    if (definition) new Attempt(definition, task, this).onStalled(stall, error)
  }

  /** From now on nothing is started. */
  stop (): void { this.#stopped = true }

  /** Resolves once no handler runs, and all outcomes are written. */
  async idle (): Promise<void> {
    await this.#until(() => this.#slots === 0)
    await this.#options.settlements.drained()
  }

  abortAll (cause: AbortCause): void { for (const attempt of this.#running.values()) attempt.abort(cause) }

  /** Writes the outcomes that are known once all attempts have one, and releases the rest. */
  async handBack (): Promise<void> {
    await this.#until(() => this.#undecided === 0)
    await this.#options.settlements.drained()
    await this.releaseUnstarted()
  }

  /** Releases what is not to be started here. */
  async releaseUnstarted (): Promise<void> {
    const { settlements } = this.#options
    this.#toRelease.sort((a, b) => a.order - b.order)
    await settlements.release(this.#toRelease.splice(0))
    await settlements.drained()
  }

  async #until (isDone: () => boolean): Promise<void> {
    while (!isDone()) await new Promise<void>(resolve => { this.#waiters.push(resolve) })
  }

  #wakeWaiters (): void {
    if (this.#waiters.length > 0) for (const resolve of this.#waiters.splice(0)) resolve()
  }
}
