/**
 * The app's side of an attempt that runs in a thread:
 *
 * 1. tells the thread what to run, and carries out what it asks for: reports, log lines;
 * 2. passes the abort of the attempt on, and terminates the thread if it does not stop within the grace.
 */
import { MessageChannel, receiveMessageOnPort, type MessagePort } from 'node:worker_threads'
import type { FastifyBaseLogger } from 'fastify'
import type { Piscina } from 'piscina'
import * as errors from '../errors.ts'
import { ABORT_GRACE_MS } from './abort.ts'
import { toFailure } from '../records/failure.ts'
import {
  deserializeLogArg, LEVELS, reviveError,
  type FromThread, type TaskMeta, type ThreadAnswer, type ThreadJob, type ToThread
} from './thread-messages.ts'
import { clearTimeout, setTimeout } from '../timers.ts'
import type { ThreadTask } from '../types.ts'

/** Schemas that remove fields of what a handler returns and reports: then the size is checked after that. */
export interface Filters { result?: unknown, progress?: unknown }

/** What of the settings a thread is told. */
export interface ThreadLimits { maxResultSize: number | null, maxProgressSize: number, isProgressFiltered: boolean }

/** What is needed of an attempt to run it in a thread. */
export interface ThreadableAttempt extends ThreadTask {
  readonly app: { log: FastifyBaseLogger }
  /** Whether its log writes lines of this level. */
  logs (level: string): boolean
  startTimeout (): void
}

export class ThreadAttempt {
  readonly #task: ThreadableAttempt
  readonly #limits: ThreadLimits
  readonly #localPort: MessagePort
  readonly #remotePort: MessagePort
  readonly #threadGone: Promise<void>
  readonly #terminate = new AbortController()
  #startError: unknown = null
  #refusedLog: { error: unknown } | null = null
  #started = false
  #graceTimer: NodeJS.Timeout | undefined

  constructor (task: ThreadableAttempt, limits: ThreadLimits) {
    this.#task = task
    this.#limits = limits
    const { port1, port2 } = new MessageChannel()
    this.#localPort = port1
    this.#remotePort = port2
    this.#threadGone = new Promise(resolve => port1.once('close', resolve))
  }

  /**
   * Resolves with what the file's handler returned.
   * @throws what the handler threw, FST_TASKS_THREAD_INVALID, FST_TASKS_THREAD_DIED, the signal's reason
   */
  async runIn (pool: Piscina, file: string): Promise<unknown> {
    const { signal, data } = this.#task
    signal.throwIfAborted()
    this.#localPort.on('message', this.#onMessage)
    signal.addEventListener('abort', this.#onAbort)
    try {
      const job: ThreadJob = { file, data, meta: this.#meta(), port: this.#remotePort }
      const options = { transferList: [this.#remotePort], signal: this.#terminate.signal }
      const answer = await pool.run(job, options).catch(error => this.#onPoolError(error))
      this.#receiveAll()
      if (this.#refusedLog) throw this.#refusedLog.error
      return valueOf(answer)
    } finally {
      clearTimeout(this.#graceTimer)
      signal.removeEventListener('abort', this.#onAbort)
      this.#localPort.close()
    }
  }

  #meta (): TaskMeta {
    const { id, name, queue, attempt, attempts, requestId, traceparent, tracestate, schedule, log } = this.#task
    const levels = LEVELS.filter(level => this.#task.logs(level))
    const task = { id, name, queue, attempt, attempts, requestId, traceparent, tracestate, schedule }
    return { ...task, level: log.level, levels, ...this.#limits }
  }

  /** What the thread sent before it ended is handled before the end. */
  #receiveAll (): void {
    for (let next; (next = receiveMessageOnPort(this.#localPort)) !== undefined;) this.#onMessage(next.message)
  }

  readonly #onMessage = (message: FromThread): void => {
    switch (message.kind) {
      case 'started': return this.#onStarted()
      case 'report': return void this.#report(message)
      case 'ask': return void this.#answer(message)
      case 'log': return this.#log(message)
      default: return message satisfies never
    }
  }

  #onStarted (): void {
    this.#started = true
    this.#task.startTimeout()
  }

  async #report ({ call, stage, json }: FromThread & { kind: 'report' }): Promise<void> {
    let failure = null
    try {
      const progress = json === undefined ? undefined : JSON.parse(json)
      const isState = stage !== undefined
      await (isState ? this.#task.updateState(stage as string, progress) : this.#task.reportProgress(progress))
    } catch (error) {
      failure = toFailure(error)
    }
    this.#post({ kind: 'reported', call, failure })
  }

  async #answer ({ call, what }: FromThread & { kind: 'ask' }): Promise<void> {
    try {
      this.#post({ kind: 'reported', call, failure: null, value: await this.#task[what]() })
    } catch (error) {
      this.#post({ kind: 'reported', call, failure: toFailure(error) })
    }
  }

  /** What the logger throws fails the attempt, as in the app's process: a serializer of the app, for example. */
  #log ({ level, bindings, args }: FromThread & { kind: 'log' }): void {
    try {
      const log = bindings.reduce((log, more) => log.child(deserializeLogArg(more) as object), this.#task.log) as any
      log[level](...args.map(deserializeLogArg))
    } catch (error) {
      this.#refusedLog ??= { error }
    }
  }

  #post (message: ToThread): void { this.#localPort.postMessage(message) }

  /** The thread is asked to stop; after the grace it is terminated. One that has not started needs no grace. */
  readonly #onAbort = (): void => {
    this.#receiveAll()
    this.#post({ kind: 'abort', reason: toFailure(this.#task.signal.reason) })
    this.#graceTimer = setTimeout(() => this.#terminate.abort(), this.#started ? ABORT_GRACE_MS : 0)
  }

  /** No thread will start. */
  giveUp (error: unknown): void {
    if (this.#started) return
    this.#startError = error
    this.#terminate.abort()
  }

  async #onPoolError (error: unknown): Promise<never> {
    this.#receiveAll()
    const { signal } = this.#task
    // It computes until it is really gone, and keeps its slot.
    if (signal.aborted && this.#started) await this.#threadGone
    signal.throwIfAborted()
    if (toFailure(error).error.name === 'DataCloneError') throw error
    throw threadDied(this.#startError ?? error)
  }
}

/** @param error anything: what the thread threw and nobody caught */
function threadDied (error: unknown): Error {
  return new errors.ThreadDied(toFailure(error).error.message, { cause: error })
}

function valueOf (answer: ThreadAnswer | null): unknown {
  if (!answer) throw threadDied(answer) // the thread threw null, and nobody caught it
  if ('failure' in answer) throw reviveError(answer.failure)
  return answer.json === undefined ? undefined : JSON.parse(answer.json)
}
