/**
 * One attempt of one task, from its start to its result:
 *
 * 1. validates the data again and calls the handler, here or in a thread, between its hooks;
 * 2. starts its timeout, and aborts it on timeout, cancel, lost claim and shutdown;
 * 3. stores the stage and progress that it reports;
 * 4. decides its result, once: an aborted handler that does not return within the grace is decided without it.
 */
import { setMaxListeners } from 'node:events'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import * as errors from '../errors.ts'
import { ABORT_GRACE_MS, abortReason, type AbortCause } from './abort.ts'
import { AttemptHooks } from './attempt-hooks.ts'
import { attemptLog, writesLevel } from './attempt-log.ts'
import { errorOf, failed, isPutOff, outcomeOf, tellEnd, type AttemptResult } from './attempt-result.ts'
import { serializeResult } from './serialize.ts'
import { StateReports, type StateReport } from './state-reports.ts'
import { withRetryRules } from './retry-rules.ts'
import { runApart } from './run-apart.ts'
import { handlerContext, HandlerTaskContext, stalledContext } from './task-context.ts'
import { MAX_TIMER } from '../options.ts'
import { toFailure } from '../records/failure.ts'
import { originOf } from '../records/origin.ts'
import { toScheduledTick } from '../records/scheduled-tick.ts'
import { attemptsMade } from '../records/task-record.ts'
import { runWithOrigin } from '../tasks/request-context.ts'
import { endAttempt, startAttempt, type AttemptEvent } from '../telemetry.ts'
import { clearTimeout, setTimeout, uptime } from '../timers.ts'
import type { ClaimedTask, ReportedState } from './claimed-task.ts'
import type { ThreadableAttempt } from './thread-attempt.ts'
import type { Definition } from '../tasks/definition.ts'
import type { MemberContext } from '../flows/member-context.ts'
import type { StoredMembership } from '../records/membership.ts'
import type { ScheduledTick, Stall, TaskContext, TaskFlow, WatchedAttempt } from '../types.ts'

/** Whoever runs attempts. */
export interface AttemptOwner {
  /** Called once, when the result is known. The handler may still be running: see `onReturned`. */
  onResult (attempt: Attempt, result: AttemptResult): void
  /** The handler has returned. Until then it keeps its slot, aborted or not. */
  onReturned (attempt: Attempt): void
  /**
   * Stores { stage, progress }, as JSON. False if the claim was lost. Never rejects.
   * @param progress the last progress of this attempt, as JSON, unless it is null
   */
  report (task: ClaimedTask, json: string, progress?: string): Promise<boolean>
  /** A report was refused: the claim was lost. Called in the async context of the handler. */
  onLost (attempt: Attempt): void
  runInThread (file: string, attempt: ThreadableAttempt): Promise<unknown>
  /** What the handler can ask of its flow. */
  flowOf (attempt: Attempt, member: StoredMembership): MemberContext
  keepLog (attempt: Attempt, log: FastifyBaseLogger): FastifyBaseLogger
  /** Null while nobody subscribes to attempts. */
  traceOf (attempt: Attempt): AttemptEvent | null
  /** Null without the option `telemetry`. */
  watch (attempt: Attempt): WatchedAttempt | null
}

type Returned = { value: unknown } | { thrown: unknown }

export class Attempt implements ThreadableAttempt {
  readonly task: ClaimedTask
  readonly definition: Definition
  /** When it started, ms since 1970 on this process' clock. */
  readonly startedAt: number
  readonly #owner: AttemptOwner
  #controller: AbortController | null = null
  #cause: AbortCause | null = null
  #reason: Error | null = null
  #decided = false
  #timers: NodeJS.Timeout[] | null = null
  #log: FastifyBaseLogger | null = null
  #reports: StateReports | null = null
  #returned = false
  /** Set when it is known. Hooks may still run. */
  #result: AttemptResult | null = null
  #hooks: AttemptHooks | null = null
  #data: unknown
  #trace: AttemptEvent | null = null
  #flow: MemberContext | null = null
  #watched: WatchedAttempt | null = null

  constructor (definition: Definition, task: ClaimedTask, owner: AttemptOwner, startedAt = uptime()) {
    this.definition = definition
    this.startedAt = startedAt
    this.task = task
    this.#data = task.stored.data.data
    this.#owner = owner
  }

  /**
   * Calls the handler. The owner hears of the result later, not during this call.
   * Not async: that would cost each task a promise.
   */
  start (): void {
    this.#hooks = this.#makeHooks()
    this.#watched = this.#owner.watch(this)
    if (this.#hooks || !this.definition.threadFile) this.startTimeout()
    let returned: Promise<unknown>
    try {
      returned = Promise.resolve(this.#call())
    } catch (thrown) {
      returned = Promise.reject(thrown)
    }
    returned.then(value => this.#onReturned({ value }), (thrown: unknown) => this.#onReturned({ thrown }))
  }

  #after (ms: number, run: () => void): void { (this.#timers ??= []).push(setTimeout(run, ms)) }

  /** The timeout counts from now. An attempt that waits for a thread starts it when it has one. */
  startTimeout (): void {
    if (this.timeout > 0 && !this.#returned) this.#after(this.timeout, () => this.abort('timeout'))
  }

  /** Ms; 0 is no limit. */
  get timeout (): number { return Math.min(this.task.stored.options.timeout ?? 0, MAX_TIMER) }

  get hasReturned (): boolean { return this.#returned }
  get id (): string { return this.task.claim.id }
  get name (): string { return this.definition.name }
  get queue (): string { return this.task.queue }
  get data (): unknown { return this.#data }
  get attempt (): number { return attemptsMade(this.task.stored) + 1 }
  get attempts (): number { return this.task.stored.options.attempts! }
  get requestId (): string | null { return this.task.stored.options.reqId ?? null }
  get traceparent (): string | null { return this.task.stored.options.traceparent ?? null }
  get tracestate (): string | null { return this.task.stored.options.tracestate ?? null }
  get schedule (): ScheduledTick | null { return toScheduledTick(this.task.stored.options.schedule) }
  get flow (): TaskFlow | null { return this.#member?.flow ?? null }
  get app (): FastifyInstance { return this.definition.instance }
  /** The last stage and progress that were reported. */
  get state (): ReportedState | undefined { return this.#reports?.state }

  get #member (): MemberContext | null {
    const { flow } = this.task.stored.options
    if (flow) this.#flow ??= this.#owner.flowOf(this, flow)
    return this.#flow
  }

  async previous (): Promise<any> {
    const previous = await this.#memberOrFail().previous()
    const { validatePrevious } = this.definition.schemas()
    return validatePrevious ? this.#checked(validatePrevious, previous) : previous
  }

  async results (): Promise<any> { return this.#memberOrFail().results() }

  #memberOrFail (): MemberContext {
    if (!this.#member) throw new errors.NotInFlow(this.name)
    return this.#member
  }

  get signal (): AbortSignal {
    if (!this.#controller) setMaxListeners(0, (this.#controller = new AbortController()).signal)
    if (this.#reason) this.#controller.abort(this.#reason)
    return this.#controller.signal
  }

  get log (): FastifyBaseLogger {
    this.#log ??= this.#owner.keepLog(this, attemptLog(this))
    return this.#log
  }

  logs (level: string): boolean { return writesLevel((this.definition.options.keepLogs ? this : this.app).log, level) }

  #call (): unknown {
    this.#trace = this.#owner.traceOf(this)
    if (!this.#trace && !this.#watched) return this.#callHandler()
    const call = (): unknown => this.#watched ? this.#watched.run(() => this.#callHandler()) : this.#callHandler()
    return this.#trace ? startAttempt(this.#trace, call) : call()
  }

  #callHandler (): unknown {
    if (this.#hooks) return this.#hooks.around(() => this.#reason, context => this.#callHooked(context))
    this.#validate()
    const { handler, threadFile, instance } = this.definition
    if (threadFile !== null) return this.#owner.runInThread(threadFile, this)
    const context = new HandlerTaskContext(this)
    return this.#runInScope(() => handler!.call(instance, this.#data, context))
  }

  #callHooked (context: TaskContext): unknown {
    const { handler, threadFile, instance } = this.definition
    if (threadFile === null) return handler!.call(instance, this.#data, context)
    this.#clearTimers() // its timeout starts again when it has a thread
    return this.#owner.runInThread(threadFile, this)
  }

  #runInScope<T> (work: () => T): T { return runWithOrigin(originOf(this), runApart<T>, work) }

  #makeHooks (toContext = handlerContext): AttemptHooks | null {
    const lists = this.definition.hooks()
    if (lists === null) return null // as for most tasks: nothing is made for them
    const [run, validate] = [(work: () => void): void => this.#runInScope(work), () => this.#validate()]
    return new AttemptHooks({ lists, instance: this.app, context: toContext(this), run, validate })
  }

  /** For the hooks of a task whose worker died: it is not started here. */
  onStalled (stall: Stall, error: Error | null): void { this.#makeHooks(stalledContext)?.stalled(stall, error) }

  /** Again: the producer may be older than this worker, or another program. */
  #validate (): void {
    const { validateForHandler } = this.definition.schemas()
    if (validateForHandler) this.#data = this.#checked(validateForHandler, this.#data)
  }

  #checked (validate: (value: unknown) => unknown, value: unknown): unknown {
    try {
      return validate(value)
    } catch (error) {
      throw new errors.DataRefused(this.name, toFailure(error).error.message, { cause: error })
    }
  }

  #onReturned (returned: Returned): void {
    this.#returned = true
    if (this.#decided) return this.#free()
    const result = this.#cause ? this.#resultOfAborted(this.#cause, returned) : this.#resultOf(returned)
    this.#end(result, 'value' in returned ? returned.value : undefined)
  }

  #free (): void {
    this.#clearTimers()
    this.#owner.onReturned(this)
  }

  #clearTimers (): void { if (this.#timers) for (const timer of this.#timers) clearTimeout(timer) }

  /** Its hooks hear of the result before the owner does. After an abort they have as long as the handler had. */
  #end (outcome: AttemptResult, value?: unknown): void {
    if (this.#result) return
    const result = this.#result = withRetryRules(outcome, this)
    if (!this.#hooks) return this.#decide(result)
    if (this.#cause) this.#after(ABORT_GRACE_MS, () => this.#decide(result))
    this.#hooks.after(result, value, this.task.stored.options, () => this.#decide(result))
  }

  #decide (result: AttemptResult): void {
    if (this.#decided) return
    this.#decided = true
    if (this.#trace) endAttempt(this.#trace, outcomeOf(result.kind), errorOf(result))
    if (this.#watched) tellEnd(this.#watched, result, this.task.stored.options)
    this.#owner.onResult(this, result)
    if (this.#returned) this.#free()
  }

  #resultOf (returned: Returned): AttemptResult {
    if ('thrown' in returned) return failed(returned.thrown)
    if (isPutOff(returned.value)) return failed(returned.value)
    try {
      const { result } = this.definition.schemas()
      return { kind: 'succeeded', json: serializeResult(returned.value, result, this.task.settings.maxResultSize) }
    } catch (error) {
      return failed(error)
    }
  }

  /** @param returned null if the handler is still running after the grace */
  #resultOfAborted (cause: AbortCause, returned: Returned | null): AttemptResult {
    switch (cause) {
      case 'lost': return { kind: 'lost' }
      case 'cancel': return { kind: 'cancelled' }
      case 'timeout': return failed(this.#reason)
      case 'shutdown': return returned && 'value' in returned ? this.#resultOf(returned) : { kind: 'released' }
      default: return cause satisfies never
    }
  }

  /** Aborts the handler through its signal, or its hooks. The first cause counts; only a lost claim overrides it. */
  abort (cause: AbortCause): void {
    if (this.#decided || (this.#cause !== null && cause !== 'lost')) return
    const isFirst = this.#cause === null
    this.#cause = cause
    if (!isFirst) return
    this.#reason = abortReason(cause, this)
    runApart(() => this.#controller?.abort(this.#reason))
    this.#after(ABORT_GRACE_MS, () => this.#onGraceOver())
  }

  #onGraceOver (): void {
    if (this.#result) this.#decide(this.#result)
    else this.#end(this.#resultOfAborted(this.#cause!, null))
  }

  updateState (stage: string, progress?: unknown): Promise<void> {
    return this.#reporter().updateState(stage, progress)
  }

  reportProgress (progress: unknown): Promise<void> { return this.#reporter().reportProgress(progress) }

  /** Most tasks report nothing. */
  #reporter (): StateReports {
    return (this.#reports ??= new StateReports(this.definition, this.task, report => this.#store(report)))
  }

  async #store ({ json, progress }: StateReport): Promise<void> {
    if (!this.#returned && !await this.#owner.report(this.task, json, progress)) this.#owner.onLost(this)
  }
}
