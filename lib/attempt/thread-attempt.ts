/**
 * Layer 2: one attempt that runs in a thread, as the app sees it: what the thread says is done here, the signal is passed
 * on, and the thread is ended where it does not heed it.
 */
import { MessageChannel, receiveMessageOnPort, type MessagePort } from 'node:worker_threads'
import type { Piscina } from 'piscina'
import * as errors from '../errors.ts'
import { ABORT_GRACE, type Attempt } from './attempt.ts'
import { toFailure } from '../records/failure.ts'
import { LEVELS, reviveError, deserializeLogArg, type FromThread, type ThreadAnswer, type TaskMeta, type ToThread } from './thread-messages.ts'

/** What of the settings a thread is told. */
export interface ThreadLimits { maxResultSize: number | null, maxProgressSize: number }

export class ThreadAttempt {
  readonly #task: Attempt
  readonly #limits: ThreadLimits
  readonly #localPort: MessagePort
  readonly #remotePort: MessagePort
  readonly #threadGone: Promise<void>
  readonly #terminate = new AbortController()
  #startError: unknown = null
  #started = false
  #graceTimer: NodeJS.Timeout | undefined

  constructor (task: Attempt, limits: ThreadLimits) {
    this.#task = task
    this.#limits = limits
    const { port1, port2 } = new MessageChannel()
    this.#localPort = port1
    this.#remotePort = port2
    this.#threadGone = new Promise(resolve => port1.once('close', resolve))
  }

  /**
   * Resolves with what the file's handler returned.
   * @throws what it threw, FST_TASKS_THREAD_INVALID, FST_TASKS_THREAD_DIED, the signal's reason
   */
  async in (pool: Piscina, file: string): Promise<unknown> {
    const { signal, data } = this.#task
    signal.throwIfAborted()
    this.#localPort.on('message', this.#onMessage)
    signal.addEventListener('abort', this.#onAbort)
    try {
      const job = { file, data, facts: this.#meta(), port: this.#remotePort }
      const answer = await pool.run(job, { transferList: [this.#remotePort], signal: this.#terminate.signal }).catch(error => this.#failed(error))
      this.#drain()
      return valueOf(answer)
    } finally {
      clearTimeout(this.#graceTimer)
      signal.removeEventListener('abort', this.#onAbort)
      this.#localPort.close()
    }
  }

  #meta (): TaskMeta {
    const { id, name, queue, attempt, attempts, requestId, traceparent, tracestate, log } = this.#task
    return { id, name, queue, attempt, attempts, requestId, traceparent, tracestate, level: log.level, levels: LEVELS.filter(level => this.#task.writes(level)), ...this.#limits }
  }

  /** What the thread said before it ended comes before the end. */
  #drain (): void {
    for (let one; (one = receiveMessageOnPort(this.#localPort)) !== undefined;) this.#onMessage(one.message)
  }

  readonly #onMessage = (message: FromThread): void => {
    switch (message.kind) {
      case 'begun': return this.#onStarted()
      case 'report': return void this.#report(message)
      case 'log': return this.#log(message)
      default: return message satisfies never
    }
  }

  #onStarted (): void {
    this.#started = true
    this.#task.countDown()
  }

  async #report ({ call, stage, json }: FromThread & { kind: 'report' }): Promise<void> {
    let failure = null
    try {
      const progress = json === undefined ? undefined : JSON.parse(json)
      await (stage === undefined ? this.#task.reportProgress(progress) : this.#task.updateState(stage as string, progress))
    } catch (error) {
      failure = toFailure(error)
    }
    this.#post({ kind: 'reported', call, failure })
  }

  #log ({ level, bindings, args }: FromThread & { kind: 'log' }): void {
    const log = bindings.reduce((log, more) => log.child(deserializeLogArg(more) as object), this.#task.log) as any
    log[level](...args.map(deserializeLogArg))
  }

  #post (message: ToThread): void { this.#localPort.postMessage(message) }

  /** It is asked; where it has not ended after the grace it is made to. One that has not begun needs no grace. */
  readonly #onAbort = (): void => {
    this.#drain()
    this.#post({ kind: 'abort', reason: toFailure(this.#task.signal.reason) })
    this.#graceTimer = setTimeout(() => this.#terminate.abort(), this.#started ? ABORT_GRACE : 0)
  }

  /** No thread will come. */
  giveUp (trouble: unknown): void {
    if (this.#started) return
    this.#startError = trouble
    this.#terminate.abort()
  }

  async #failed (error: unknown): Promise<never> {
    this.#drain()
    const { signal } = this.#task
    if (signal.aborted && this.#started) await this.#threadGone // it computes on until it is really gone, and keeps its slot
    signal.throwIfAborted()
    if (toFailure(error).error.name === 'DataCloneError') throw error
    throw threadDied(this.#startError ?? error)
  }
}

/** `error` may be anything: it is what was thrown where nobody caught it. */
function threadDied (error: unknown): Error {
  return new errors.ThreadDied(toFailure(error).error.message, { cause: error })
}

function valueOf (answer: ThreadAnswer | null): unknown {
  if (!answer) throw threadDied(answer) // the thread threw null where nobody caught it
  if ('failure' in answer) throw reviveError(answer.failure)
  return answer.json === undefined ? undefined : JSON.parse(answer.json)
}
