/**
 * Layer 2: what a worker does with the tasks that it claimed: start them, settle them, or hand them back.
 */
import type { FastifyBaseLogger } from 'fastify'
import { Attempt, type AbortCause, type Outcome } from './attempt.ts'
import { loggable } from './failure.ts'
import { MAX_TIMER, type Settings } from './options.ts'
import { attemptsMade, cleaned, decode, isTerminal, unreadable, type Stored } from './record.ts'
import { failWith, finish, settlementOf, stalled, type Settling } from './settlement.ts'
import { Settler } from './settler.ts'
import type { Insist } from './insist.ts'
import type { Buried, Claimed, Held, Settlement, TaskQueue, Verdict } from './queue.ts'
import type { Definition, TaskRegistry } from './tasks.ts'
import type { Runs } from './vitals.ts'

/** A task whose handler is not here goes back for this long, in ms: another worker may have it, or the next deploy. */
const UNKNOWN_WAIT = 5_000
/** Bounds one Lua call. */
const RELEASE_BATCH = 200

const DROPPED = 'The outcome was dropped: the claim was lost, and the task is another\'s, or has ended'

interface Running { settling: Settling, attempt: Attempt, order: number }

export class Runner {
  readonly #registry: TaskRegistry
  readonly #queue: TaskQueue
  readonly #settings: Settings
  readonly #concurrency: number
  readonly #log: FastifyBaseLogger
  readonly #insist: Insist
  readonly #settler: Settler
  readonly #running = new Map<string, Running>()
  readonly #toRelease: Array<{ settling: Settling, order: number }> = []
  #slots = 0
  #order = 0
  #stopped = false

  /** Called when a handler has returned. */
  onFree: () => void = () => {}

  constructor (registry: TaskRegistry, queue: TaskQueue, insist: Insist, concurrency: number, log: FastifyBaseLogger) {
    this.#registry = registry
    this.#queue = queue
    this.#settings = registry.settings
    this.#concurrency = concurrency
    this.#log = log
    this.#insist = insist
    this.#settler = new Settler(queue, insist)
  }

  /** How many more may run. A handler that goes on after its abort keeps its slot. */
  get free (): number { return this.#concurrency - this.#slots }

  held (): Held[] { return Array.from(this.#running.values(), one => one.settling.held) }

  /** What runs, for people. */
  running (): Array<{ task: string, taskId: string }> {
    return Array.from(this.#running.values(), ({ attempt }) => ({ task: attempt.name, taskId: attempt.id }))
  }

  /** The same, for those who look at this worker from elsewhere. */
  runs (): Runs[] {
    return Array.from(this.#running.values(), ({ attempt, settling }) => ({ id: attempt.id, name: attempt.name, attempt: attempt.attempt, startedAt: settling.startedAt! }))
  }

  // Start

  /** @param now Redis' clock at the claim, ms since 1970 */
  take ({ id, text, token }: Claimed, now: number): void {
    const held: Held = { id, token }
    if (text === null) return void this.#settle({ ...held, outcome: 'drop' }) // it was removed while it was claimed
    const { stored: read, error } = this.#decode(text)
    // A plain Bee-Queue's retry() queues a failed job, and leaves its record as it was.
    const stored = read.status === 'failed' ? cleaned(read) : read
    const settling: Settling = { held, stored, settings: this.#settings, now }
    if (error) return this.#refuse(settling, error)
    if (isTerminal(stored.status)) return void this.#settle({ ...held, outcome: 'drop' })
    if (isExpired(stored, now)) return void this.#settle(finish('expired', settling))
    if (this.#stopped) return void this.#toRelease.push({ settling, order: ++this.#order })
    const definition = this.#registry.definitions.get(stored.data.name)
    if (definition?.handler) this.#start(settling, definition)
    else this.#defer(settling)
  }

  #decode (text: string): { stored: Stored, error?: Error } {
    try {
      return { stored: decode(text) }
    } catch (error) {
      return { stored: unreadable(this.#registry.availability.now()), error: error as Error }
    }
  }

  #refuse (settling: Settling, err: Error): void {
    this.#log.error({ taskId: settling.held.id, err }, 'The record of the task cannot be read: it is set aside as failed')
    void this.#settle(failWith(err, settling))
  }

  #defer (settling: Settling): void {
    const { held, stored: { data: { name } } } = settling
    this.#log.warn({ taskId: held.id, task: name }, `No handler for task "${name}" here: it waits ${UNKNOWN_WAIT} ms for a worker that has one. Define it with a handler in every worker of queue "${this.#queue.name}"`)
    void this.#settle({ ...held, outcome: 'defer', ms: UNKNOWN_WAIT }, settling)
  }

  #start (settling: Settling, definition: Definition): void {
    const { held, stored: { options, data }, now } = settling
    this.#slots++
    const attempt = new Attempt(definition, {
      id: held.id,
      queue: this.#queue.name,
      data: data.data,
      attempt: attemptsMade(settling.stored) + 1,
      attempts: options.attempts!,
      timeout: Math.min(options.timeout ?? 0, MAX_TIMER),
      requestId: options.reqId ?? null,
      maxResultSize: this.#settings.maxResultSize,
      maxProgressSize: this.#settings.maxProgressSize,
      report: json => this.#report(held, json)
    })
    // Its claim was lost while Redis was away, and is ours again: the outcome of the one that goes on will not count.
    this.#running.get(held.id)?.attempt.abort('lost')
    const running: Running = { settling: { ...settling, startedAt: now }, attempt, order: ++this.#order }
    this.#running.set(held.id, running)
    void attempt.outcome.then(outcome => this.#conclude(running, outcome))
    void attempt.returned.then(() => {
      this.#slots--
      this.onFree()
    })
  }

  async #report (held: Held, json: string): Promise<boolean> {
    return await this.#insist.until('progress update', () => this.#queue.update(held, json)) ?? true
  }

  // Settle

  async #conclude (running: Running, outcome: Outcome): Promise<void> {
    const { attempt, order } = running
    const settling: Settling = { ...running.settling, state: attempt.state, now: this.#registry.availability.now() }
    this.#tell(attempt, outcome, settling.now - running.settling.now)
    if (outcome.kind === 'released') this.#toRelease.push({ settling, order })
    const settlement = this.#settlementOf(outcome, settling)
    // Renewed until it is written: Redis may be away for longer than the lease.
    if (settlement) await this.#settle(settlement, settling)
    if (this.#running.get(attempt.id) === running) this.#running.delete(attempt.id)
  }

  /** What cannot be written (nested too deep for this stack) must not leave the task without an end. */
  #settlementOf (outcome: Outcome, settling: Settling): Settlement | null {
    try {
      return settlementOf(outcome, settling)
    } catch (error) {
      return failWith(error as Error, { ...settling, stored: unreadable(settling.now), state: undefined })
    }
  }

  /** @param settling for outcomes that a cancel may refuse */
  async #settle (settlement: Settlement, settling?: Settling): Promise<void> {
    const verdict = await this.#settler.settle(settlement)
    if (verdict === 'cancelled' && settling) return this.#settle(finish('cancelled', settling))
    if (verdict !== 'lost' || this.#insist.closed) return
    this.#log.warn({ taskId: settlement.id, outcome: settlement.outcome }, DROPPED)
  }

  /** One line a task, as Fastify has one a request. */
  #tell (attempt: Attempt, outcome: Outcome, durationMs: number): void {
    if (outcome.kind === 'succeeded') return attempt.log.info({ durationMs }, 'task completed')
    if (outcome.kind === 'lost') return attempt.log.warn({ durationMs }, DROPPED)
    if (outcome.kind !== 'failed') return attempt.log.info({ durationMs }, `task ${outcome.kind}`)
    attempt.log.error({ durationMs, err: loggable(outcome.failure) }, 'task failed')
  }

  // What the keeper and the channels tell

  /** A claim was renewed, or was not. */
  renewed ({ id, token }: Held, verdict: Verdict): void {
    const running = this.#running.get(id)
    if (verdict === 'done' || running?.settling.held.token !== token) return
    running.attempt.abort(verdict === 'lost' ? 'lost' : 'cancel')
  }

  /** A task that stalled too often, or was cancelled while its worker went away: claimed by the check, ended here. */
  bury ({ id, text, stalls }: Buried, token: string): void {
    const now = this.#registry.availability.now()
    const settling: Settling = { held: { id, token }, stored: this.#decode(text).stored, settings: this.#settings, now }
    if (isTerminal(settling.stored.status)) return void this.#settle({ ...settling.held, outcome: 'drop' })
    if (stalls <= this.#settings.maxStalls) return void this.#settle(finish('cancelled', settling))
    this.#log.error({ taskId: id, task: settling.stored.data.name, stalls }, 'The task failed: its worker went away each time that it ran')
    void this.#settle(stalled(stalls, settling))
  }

  // Close

  /** From now on nothing is started. */
  stop (): void { this.#stopped = true }

  /** Resolves once nothing runs, and all is written. */
  async idle (): Promise<void> {
    await Promise.all(Array.from(this.#running.values(), one => one.attempt.returned))
    await this.#settler.drained()
  }

  abortAll (cause: AbortCause): void {
    for (const { attempt } of this.#running.values()) attempt.abort(cause)
  }

  /** Writes what ended, and hands back what did not, as the next to be claimed in their old order. */
  async handBack (): Promise<void> {
    await Promise.all(Array.from(this.#running.values(), one => one.attempt.outcome))
    await this.#settler.drained()
    await this.handBackUnstarted()
  }

  /** Hands back what is not to be started here. */
  async handBackUnstarted (): Promise<void> {
    this.#toRelease.sort((a, b) => a.order - b.order)
    while (this.#toRelease.length > 0) await this.#release(this.#toRelease.splice(-RELEASE_BATCH).map(one => one.settling))
    await this.#settler.drained()
  }

  async #release (batch: Settling[]): Promise<void> {
    const verdicts = await this.#insist.until('release', () => this.#queue.release(batch.map(one => one.held)))
    verdicts?.forEach((verdict, i) => { if (verdict === 'cancelled') void this.#settle(finish('cancelled', batch[i]!)) })
  }
}

/** Not in time for its first attempt; one that retries has been started. */
const isExpired = ({ options, status }: Stored, now: number): boolean =>
  status === 'created' && options.expires !== undefined && options.expires <= now
