/**
 * Layer 2: what a worker does with the tasks that it claimed: start them, settle them, or hand them back.
 */
import type { FastifyBaseLogger } from 'fastify'
import { Attempt, type AbortCause, type AttemptObserver, type Outcome } from '../attempt/attempt.ts'
import { toLoggableError } from '../records/failure.ts'
import type { Settings } from '../options.ts'
import { resetForRetry, decode, isTerminal, placeholderRecord, type StoredTask } from '../records/task-record.ts'
import { failWith, finish, settlementOf, failStalled, type ClaimedTask } from './settlement.ts'
import { PrefetchWindow } from './prefetch.ts'
import { SettlementBatcher } from './settlement-batcher.ts'
import type { PersistentCalls } from './persistent-call.ts'
import type { Definition, TaskRegistry } from '../tasks/registry.ts'
import type { RunningTaskInfo } from '../records/worker-info.ts'
import type { ClaimRef, ClaimStatus, ClaimedJob, ExhaustedTask, Queue, Settlement } from '../store/contract.ts'

/** A task whose handler is not here goes back for this long, in ms: another worker may have it, or the next deploy. */
const NO_HANDLER_DELAY_MS = 5_000
/** How long a task may wait for a slot of this worker, in ms. */
const MAX_PREFETCHED_MS = 20
/** Bounds one Lua call. */
const RELEASE_BATCH = 200

const OUTCOME_DROPPED = 'The outcome was dropped: the claim was lost, and the task is another\'s, or has ended'

interface PrefetchedTask {
  job: ClaimedJob
  /** Redis' clock at the claim, and ours: ms since 1970. */
  now: number
  since: number
}

/** One task that runs. What its attempt tells goes to the runner. */
class Run implements AttemptObserver {
  readonly settling: ClaimedTask
  readonly order: number
  readonly attempt: Attempt
  /** When it was started, by our own clock: ms since 1970. */
  readonly since = Date.now()
  #hasEnded = false
  #hasReturned = false
  /** Who waits for one or the other. */
  #waiters: Array<() => void> | null = null
  readonly #runner: RunObserver

  constructor (runner: RunObserver, settling: ClaimedTask, order: number, definition: Definition) {
    this.#runner = runner
    this.settling = settling
    this.order = order
    this.attempt = new Attempt(definition, settling, this)
  }

  start (): void { this.attempt.start() }

  ended (outcome: Outcome): void {
    this.#hasEnded = true
    this.#runner.ended(this, outcome)
    this.#ring()
  }

  returned (): void {
    this.#hasReturned = true
    this.#runner.returned()
    this.#ring()
  }

  report (json: string): Promise<boolean> { return this.#runner.report(this.settling.held, json) }

  /** Resolves once the outcome is known. */
  async outcome (): Promise<void> { while (!this.#hasEnded) await this.#bell() }
  /** Resolves once the handler has returned. */
  async returning (): Promise<void> { while (!this.#hasReturned) await this.#bell() }

  #bell (): Promise<void> { return new Promise(resolve => { (this.#waiters ??= []).push(resolve) }) }
  #ring (): void { if (this.#waiters) for (const resolve of this.#waiters.splice(0)) resolve() }
}

interface RunObserver {
  ended (run: Run, outcome: Outcome): void
  returned (): void
  report (held: ClaimRef, json: string): Promise<boolean>
}

export class Runner {
  readonly #registry: TaskRegistry
  readonly #queue: Queue
  readonly #settings: Settings
  readonly #concurrency: number
  readonly #log: FastifyBaseLogger
  readonly #calls: PersistentCalls
  readonly #settlements: SettlementBatcher<Run | ClaimedTask | null>
  readonly #running = new Map<string, Run>()
  readonly #toRelease: Array<{ settling: ClaimedTask, order: number }> = []
  readonly #observer: RunObserver = {
    ended: (run, outcome) => this.#conclude(run, outcome),
    returned: () => {
      this.#slots--
      this.fill()
      this.onFree()
    },
    report: (held, json) => this.#report(held, json)
  }

  /** Claimed, and not started: there is no slot. The oldest first. */
  #prefetched: PrefetchedTask[] = []
  readonly #prefetchWindow: PrefetchWindow
  #prefetchTimer: NodeJS.Timeout | null = null
  #slots = 0
  #order = 0
  #stopped = false

  /** Called when a handler has returned. */
  onFree: () => void = () => {}

  constructor (registry: TaskRegistry, queue: Queue, insist: PersistentCalls, concurrency: number, log: FastifyBaseLogger) {
    this.#registry = registry
    this.#queue = queue
    this.#settings = registry.settings
    this.#concurrency = concurrency
    this.#log = log
    this.#calls = insist
    this.#settlements = new SettlementBatcher(queue, insist, this.#written)
    this.#prefetchWindow = new PrefetchWindow(concurrency)
  }

  /**
   * How many more may be claimed at once. A handler that goes on after its abort keeps its slot. Of what is claimed ahead
   * only half of the whole: Redis is at one half while the handlers run for the other.
   */
  get room (): number {
    const ahead = this.#prefetchWindow.size(this.#slots >= this.#concurrency)
    const room = this.#concurrency + ahead - this.#slots - this.#prefetched.length
    return ahead > 0 ? Math.min(room, Math.ceil((this.#concurrency + ahead) / 2)) : room
  }

  get isIdle (): boolean { return this.#slots === 0 }

  held (): ClaimRef[] { return [...Array.from(this.#running.values(), one => one.settling.held), ...this.#prefetched.map(one => one.job)] }

  /** What runs, for people. */
  running (): Array<{ task: string, taskId: string }> {
    return Array.from(this.#running.values(), ({ attempt }) => ({ task: attempt.name, taskId: attempt.id }))
  }

  /** The same, for those who look at this worker from elsewhere. */
  runningTasks (): RunningTaskInfo[] {
    return Array.from(this.#running.values(), ({ attempt, settling }) => ({ id: attempt.id, name: attempt.name, attempt: attempt.attempt, startedAt: settling.startedAt! }))
  }

  // Start

  /** @param now Redis' clock at the claim, ms since 1970 */
  add (jobs: ClaimedJob[], now: number): void {
    const since = Date.now()
    for (const job of jobs) this.#prefetched.push({ job, now, since })
    if (this.#stopped) this.stop()
  }

  /** Starts what was claimed, as far as there are slots. */
  fill (): void {
    while (this.#prefetched.length > 0 && this.#slots < this.#concurrency) this.#startOrSettle(this.#prefetched.shift()!)
    if (this.#prefetched.length > 0) this.#prefetchTimer ??= setTimeout(() => this.#checkPrefetched(), MAX_PREFETCHED_MS)
  }

  /** One slow task must not hold up what others could run: it goes back, as the next to be claimed. */
  #checkPrefetched (): void {
    this.#prefetchTimer = null
    const [oldest] = this.#prefetched
    if (!oldest) return
    const left = oldest.since + MAX_PREFETCHED_MS - Date.now()
    if (left > 0) this.#prefetchTimer = setTimeout(() => this.#checkPrefetched(), left)
    else this.releasePrefetched()
  }

  /** What has no slot: the newest first, so that each call puts its own before them. */
  releasePrefetched (): void {
    while (this.#prefetched.length > 0) void this.#release(this.#prefetched.splice(-RELEASE_BATCH).map(one => this.#settlingOf(one)))
  }

  #startOrSettle (ahead: PrefetchedTask): void {
    const { id, token, text } = ahead.job
    if (text === null) return this.#settle({ id, token, outcome: 'drop' }) // it was removed while it was claimed
    const settling = this.#settlingOf(ahead)
    const { stored, now } = settling
    if (settling.unreadable) return this.#refuse(settling, settling.unreadable)
    if (isTerminal(stored.status)) return this.#settle({ id, token, outcome: 'drop' })
    if (isExpired(stored, now + Date.now() - ahead.since)) return this.#settle(finish('expired', settling))
    if (this.#stopped) return void this.#toRelease.push({ settling, order: ++this.#order })
    const definition = this.#registry.definitions.get(stored.data.name)
    if (definition?.handler) this.#start(settling, definition)
    else this.#defer(settling)
  }

  #settlingOf ({ job, now }: PrefetchedTask): ClaimedTask & { unreadable?: Error } {
    const { stored: read, error } = this.#decode(job.text!)
    // A plain Bee-Queue's retry() queues a failed job, and leaves its record as it was.
    const stored = read.status === 'failed' ? resetForRetry(read) : read
    return { held: job, queue: this.#queue.name, text: job.text, stored, startedAt: undefined, state: undefined, settings: this.#settings, now, unreadable: error }
  }

  #decode (text: string): { stored: StoredTask, error?: Error } {
    try {
      return { stored: decode(text) }
    } catch (error) {
      return { stored: placeholderRecord(this.#registry.clock.now()), error: error as Error }
    }
  }

  #refuse (settling: ClaimedTask, err: Error): void {
    this.#log.error({ taskId: settling.held.id, err }, 'The record of the task cannot be read: it is set aside as failed')
    this.#settle(failWith(err, settling))
  }

  #defer (settling: ClaimedTask): void {
    const { held, stored: { data: { name } } } = settling
    this.#log.warn({ taskId: held.id, task: name }, `No handler for task "${name}" here: it waits ${NO_HANDLER_DELAY_MS} ms for a worker that has one. Define it with a handler in every worker of queue "${this.#queue.name}"`)
    this.#settle({ id: held.id, token: held.token, outcome: 'defer', ms: NO_HANDLER_DELAY_MS }, settling)
  }

  #start (settling: ClaimedTask, definition: Definition): void {
    const { held: { id }, now } = settling
    this.#slots++
    settling.startedAt = now // as its claim says, which status() reads
    const run = new Run(this.#observer, settling, ++this.#order, definition)
    // Its claim was lost while Redis was away, and is ours again: the outcome of the one that goes on will not count.
    this.#running.get(id)?.attempt.abort('lost')
    this.#running.set(id, run)
    run.start()
  }

  async #report (held: ClaimRef, json: string): Promise<boolean> {
    return await this.#calls.retryUntilClosed('progress update', () => this.#queue.updateProgress(held, json)) ?? true
  }

  // Settle

  #conclude (run: Run, outcome: Outcome): void {
    const { attempt, order, settling } = run
    this.#prefetchWindow.taskEnded(run.since)
    settling.state = attempt.state
    settling.now = this.#registry.clock.now()
    this.#tell(attempt, outcome, settling.now - settling.startedAt!)
    if (outcome.kind === 'released') this.#toRelease.push({ settling, order })
    const settlement = this.#settlementOf(outcome, settling)
    if (settlement) this.#settle(settlement, run)
    else this.#forget(run)
  }

  #forget (run: Run): void {
    const { id } = run.attempt
    if (this.#running.get(id) === run) this.#running.delete(id)
  }

  /** What cannot be written (nested too deep for this stack) must not leave the task without an end. */
  #settlementOf (outcome: Outcome, settling: ClaimedTask): Settlement | null {
    try {
      return settlementOf(outcome, settling)
    } catch (error) {
      return failWith(error as Error, { ...settling, stored: placeholderRecord(settling.now), state: undefined })
    }
  }

  /** @param of for outcomes that a cancel may refuse. A run is renewed until it is written: Redis may be away for longer than the lease. */
  #settle (settlement: Settlement, of: Run | ClaimedTask | null = null): void { this.#settlements.settle(settlement, of) }

  readonly #written = (settlement: Settlement, of: Run | ClaimedTask | null, status: ClaimStatus): void => {
    if (status === 'cancelRequested' && of) return this.#settle(finish('cancelled', of instanceof Run ? of.settling : of), of)
    if (of instanceof Run) this.#forget(of)
    if (status !== 'lost' || this.#calls.closed) return
    this.#log.warn({ taskId: settlement.id, outcome: settlement.outcome }, OUTCOME_DROPPED)
  }

  /** One line a task, as Fastify has one a request. */
  #tell (attempt: Attempt, outcome: Outcome, durationMs: number): void {
    if (outcome.kind === 'succeeded') return attempt.writes('info') ? attempt.log.info({ durationMs }, 'task completed') : undefined
    if (outcome.kind === 'lost') return attempt.log.warn({ durationMs }, OUTCOME_DROPPED)
    if (outcome.kind !== 'failed') return attempt.log.info({ durationMs }, `task ${outcome.kind}`)
    attempt.log.error({ durationMs, err: toLoggableError(outcome.failure) }, 'task failed')
  }

  // What the keeper and the channels tell

  /** A claim was renewed, or was not. */
  renewed ({ id, token }: ClaimRef, status: ClaimStatus): void {
    if (status === 'owned') return
    const running = this.#running.get(id)
    if (running?.settling.held.token === token) return running.attempt.abort(status === 'lost' ? 'lost' : 'cancel')
    const at = this.#prefetched.findIndex(one => one.job.id === id && one.job.token === token)
    if (at < 0) return
    const [ahead] = this.#prefetched.splice(at, 1)
    if (status === 'cancelRequested') this.#settle(finish('cancelled', this.#settlingOf(ahead!)))
  }

  /** A task that stalled too often, or was cancelled while its worker went away: claimed by the check, ended here. */
  failStalled ({ id, text, stalls }: ExhaustedTask, token: string): void {
    const now = this.#registry.clock.now()
    const settling: ClaimedTask = { held: { id, token }, queue: this.#queue.name, text, stored: this.#decode(text).stored, startedAt: undefined, state: undefined, settings: this.#settings, now }
    if (isTerminal(settling.stored.status)) return this.#settle({ id, token, outcome: 'drop' })
    if (stalls <= this.#settings.maxStalls) return this.#settle(finish('cancelled', settling))
    this.#log.error({ taskId: id, task: settling.stored.data.name, stalls }, 'The task failed: its worker went away each time that it ran')
    this.#settle(failStalled(stalls, settling))
  }

  // Close

  /** Sends the outcomes that wait now: with what the caller is about to send. */
  flush (): void { this.#settlements.flush() }

  /** From now on nothing is started. */
  stop (): void {
    this.#stopped = true
    if (this.#prefetchTimer) clearTimeout(this.#prefetchTimer)
    for (const one of this.#prefetched.splice(0)) this.#startOrSettle(one)
  }

  /** Resolves once nothing runs, and all is written. */
  async idle (): Promise<void> {
    await Promise.all(Array.from(this.#running.values(), one => one.returning()))
    await this.#settlements.drained()
  }

  abortAll (cause: AbortCause): void {
    for (const { attempt } of this.#running.values()) attempt.abort(cause)
  }

  /** Writes what ended, and hands back what did not, as the next to be claimed in their old order. */
  async handBack (): Promise<void> {
    await Promise.all(Array.from(this.#running.values(), one => one.outcome()))
    await this.#settlements.drained()
    await this.handBackUnstarted()
  }

  /** Hands back what is not to be started here. */
  async handBackUnstarted (): Promise<void> {
    this.#toRelease.sort((a, b) => a.order - b.order)
    while (this.#toRelease.length > 0) await this.#release(this.#toRelease.splice(-RELEASE_BATCH).map(one => one.settling))
    await this.#settlements.drained()
  }

  async #release (batch: ClaimedTask[]): Promise<void> {
    const statuses = await this.#calls.retryUntilClosed('release', () => this.#queue.release(batch.map(one => one.held)))
    statuses?.forEach((status, i) => { if (status === 'cancelRequested') this.#settle(finish('cancelled', batch[i]!)) })
  }
}

/** Not in time for its first attempt; one that retries has been started. */
const isExpired = ({ options, status }: StoredTask, now: number): boolean =>
  status === 'created' && options.expires !== undefined && options.expires <= now
