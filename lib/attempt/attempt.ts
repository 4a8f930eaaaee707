/**
 * Layer 2: one attempt of one task: its context, its signal, its timeout, and how it ended.
 */
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import * as errors from '../errors.ts'
import { runWithOrigin } from '../tasks/request-context.ts'
import { toFailure, type Failure } from '../records/failure.ts'
import { MAX_TIMER, type Settings } from '../options.ts'
import { attemptsMade, isTooDeep, MAX_DEPTH, type StoredTask } from '../records/task-record.ts'
import { traceFields, type Origin } from '../records/origin.ts'
import type { Definition } from '../tasks/registry.ts'
import type { TaskContext } from '../types.ts'

/** The task as it was claimed. */
export interface Job {
  readonly held: { readonly id: string }
  readonly queue: string
  readonly stored: StoredTask
  readonly settings: Settings
}

/** Whom an attempt tells. */
export interface AttemptObserver {
  /** How it ended, once: where it was aborted, after the grace at the latest. */
  ended (outcome: Outcome): void
  /** The handler has returned: an aborted one that goes on keeps its slot. */
  returned (): void
  /** Stores { stage, progress }; false where the claim was lost. Never rejects. */
  report (json: string): Promise<boolean>
}

export type Outcome =
  | { kind: 'succeeded', json: string }
  | { kind: 'failed', failure: Failure, thrown: unknown }
  | { kind: 'cancelled' }
  /** Aborted by a shutdown: goes back to its queue. */
  | { kind: 'released' }
  /** The claim is another's: nothing to write. */
  | { kind: 'lost' }

export type AbortCause = 'timeout' | 'cancel' | 'lost' | 'shutdown'

/** How long an aborted handler has to return before its outcome is written without it, in ms. */
export const ABORT_GRACE = 1_000

const MAX_STAGE = 256

export interface Reported { stage: string | null, progress: unknown }

const NOTHING_REPORTED: Reported = { stage: null, progress: null }

type Returned = { value: unknown } | { thrown: unknown }

export class Attempt<Data = unknown> implements TaskContext<Data, unknown> {
  readonly #job: Job
  readonly #definition: Definition
  readonly #observer: AttemptObserver
  #controller: AbortController | null = null
  #cause: AbortCause | null = null
  #reason: Error | null = null
  #decided = false
  #timers: NodeJS.Timeout[] | null = null
  #log: FastifyBaseLogger | null = null
  #state: Reported = NOTHING_REPORTED
  #closed = false

  #data: unknown

  constructor (definition: Definition, job: Job, observer: AttemptObserver) {
    this.#definition = definition
    this.#job = job
    this.#data = job.stored.data.data
    this.#observer = observer
  }

  /** Calls the handler. Its observer is told how it ended, later than now. Not async: that costs each task a promise more. */
  start (): void {
    if (!this.#definition.options.thread) this.countDown()
    let returned: Promise<unknown>
    try {
      this.#validate()
      returned = Promise.resolve(this.#call())
    } catch (thrown) {
      returned = Promise.reject(thrown)
    }
    returned.then(value => this.#conclude({ value }), (thrown: unknown) => this.#conclude({ thrown }))
  }

  #after (ms: number, run: () => void): void {
    this.#timers ??= []
    this.#timers.push(setTimeout(run, ms))
  }

  /** From now on the timeout counts. One that waits for a thread calls it when it has one. */
  countDown (): void {
    const timeout = this.#timeout
    if (timeout > 0 && !this.#closed) this.#after(timeout, () => this.abort('timeout'))
  }

  /** Ms; 0 is no limit. */
  get #timeout (): number { return Math.min(this.#job.stored.options.timeout ?? 0, MAX_TIMER) }

  get id (): string { return this.#job.held.id }
  get name (): string { return this.#definition.name }
  get queue (): string { return this.#job.queue }
  get data (): Data { return this.#data as Data }
  get attempt (): number { return attemptsMade(this.#job.stored) + 1 }
  get attempts (): number { return this.#job.stored.options.attempts! }
  get requestId (): string | null { return this.#job.stored.options.reqId ?? null }
  get traceparent (): string | null { return this.#job.stored.options.traceparent ?? null }
  get tracestate (): string | null { return this.#job.stored.options.tracestate ?? null }
  get app (): FastifyInstance { return this.#definition.instance }
  /** The last stage and progress that were reported. */
  get state (): Reported { return this.#state }

  get signal (): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#reason) this.#controller.abort(this.#reason)
    return this.#controller.signal
  }

  get log (): FastifyBaseLogger {
    this.#log ??= this.#definition.instance.log.child({
      taskId: this.id,
      task: this.name,
      attempt: this.attempt,
      ...(this.requestId === null ? {} : { reqId: this.requestId }),
      ...(this.traceparent === null ? {} : traceFields(this.traceparent))
    })
    return this.#log
  }

  /** Whether its log writes lines of this level. Without `logger` all methods of Fastify's are one, `noop`. */
  writes (level: string): boolean {
    const { log } = this.#definition.instance as any
    return log.isLevelEnabled?.(level) ?? (log.info !== log.trace || log.info.name !== 'noop')
  }

  #call (): unknown {
    const { handler, instance } = this.#definition
    return runWithOrigin(this.#origin(), () => handler!.call(instance, this.data, this))
  }

  /** What the tasks that it enqueues are told of the request. */
  #origin (): Origin | undefined {
    const { requestId, traceparent, tracestate } = this
    if (requestId === null && traceparent === null) return undefined
    return { reqId: requestId ?? undefined, traceparent: traceparent ?? undefined, tracestate: tracestate ?? undefined }
  }

  /** Again: the producer may be older than this worker, or not ours. */
  #validate (): void {
    const { schemas, name } = this.#definition
    const { data: validate } = schemas()
    if (!validate) return
    try {
      this.#data = validate(this.#data)
    } catch (error) {
      throw new errors.DataRefused(name, toFailure(error).error.message, { cause: error })
    }
  }

  #conclude (returned: Returned): void {
    this.#closed = true
    if (this.#timers) for (const timer of this.#timers) clearTimeout(timer)
    this.#decide(this.#cause ? this.#aborted(this.#cause, returned) : this.#ended(returned))
    this.#observer.returned()
  }

  #decide (outcome: Outcome): void {
    if (this.#decided) return
    this.#decided = true
    this.#observer.ended(outcome)
  }

  #ended (returned: Returned): Outcome {
    if ('thrown' in returned) return failed(returned.thrown)
    try {
      return { kind: 'succeeded', json: this.#serialise(returned.value) }
    } catch (error) {
      return failed(error)
    }
  }

  /** `returned` is null where the handler goes on after the grace. */
  #aborted (cause: AbortCause, returned: Returned | null): Outcome {
    switch (cause) {
      case 'lost': return { kind: 'lost' }
      case 'cancel': return { kind: 'cancelled' }
      case 'timeout': return failed(this.#reason)
      case 'shutdown': return returned && 'value' in returned ? this.#ended(returned) : { kind: 'released' }
      default: return cause satisfies never
    }
  }

  #serialise (value: unknown): string {
    let json: string | undefined
    try {
      json = value === undefined ? 'null' : (this.#definition.schemas().result ?? JSON.stringify)(value)
    } catch (error) {
      throw new errors.ResultInvalid(toFailure(error).error.message)
    }
    if (json === undefined) throw new errors.ResultInvalid(`it is ${errors.describeValue(value)}`)
    if (isTooDeep(json)) throw new errors.ResultInvalid(`it is nested deeper than ${MAX_DEPTH} levels`)
    const { maxResultSize } = this.#job.settings
    const size = json.length * 3 > maxResultSize ? Buffer.byteLength(json) : 0
    if (size > maxResultSize) throw new errors.ResultTooLarge(size, maxResultSize)
    return json
  }

  /** Aborts the handler through its signal. The first cause counts; a lost claim overrides the others. */
  abort (cause: AbortCause): void {
    if (this.#closed || (this.#cause !== null && cause !== 'lost')) return
    const first = this.#cause === null
    this.#cause = cause
    if (!first) return
    this.#reason = this.#reasonFor(cause)
    this.#controller?.abort(this.#reason)
    this.#after(ABORT_GRACE, () => this.#decide(this.#aborted(this.#cause!, null)))
  }

  #reasonFor (cause: AbortCause): Error {
    switch (cause) {
      case 'timeout': return new errors.TaskTimeout(this.attempt, this.#timeout)
      case 'cancel': return new errors.TaskCancelled(this.id, this.name)
      case 'lost': return new errors.ClaimLost()
      case 'shutdown': return new errors.Shutdown()
      default: return cause satisfies never
    }
  }

  // Both throw at once, not through their promise: one that nobody awaits would end the process.

  updateState (stage: string, progress?: unknown): Promise<void> {
    if (typeof stage !== 'string' || stage.length > MAX_STAGE) throw this.#invalid(`the stage is ${errors.describeValue(stage)}`)
    return this.#report({ stage, progress: progress === undefined ? this.#state.progress : progress })
  }

  reportProgress (progress: unknown): Promise<void> {
    return this.#report({ stage: this.#state.stage, progress })
  }

  #report (state: Reported): Promise<void> {
    let progress: string | undefined
    try {
      progress = state.progress === null ? 'null' : (this.#definition.schemas().progress ?? JSON.stringify)(state.progress)
    } catch (error) {
      throw this.#invalid(toFailure(error).error.message)
    }
    if (progress === undefined) throw this.#invalid(`the progress is ${errors.describeValue(state.progress)}`)
    if (isTooDeep(progress)) throw this.#invalid(`the progress is nested deeper than ${MAX_DEPTH} levels`)
    if (Buffer.byteLength(progress) > this.#job.settings.maxProgressSize) throw this.#invalid(`the progress is ${Buffer.byteLength(progress)} bytes`)
    // As it is now: the handler may go on to change its object.
    this.#state = { stage: state.stage, progress: JSON.parse(progress) }
    return this.#store(`{"stage":${JSON.stringify(state.stage)},"progress":${progress}}`)
  }

  async #store (json: string): Promise<void> {
    if (!this.#closed && !await this.#observer.report(json)) this.abort('lost')
  }

  #invalid (reason: string): Error {
    return new errors.ProgressInvalid(this.name, this.#job.settings.maxProgressSize, reason)
  }
}

const failed = (thrown: unknown): Outcome => ({ kind: 'failed', failure: toFailure(thrown), thrown })
