/**
 * Layer 2: one attempt that runs in a thread, as the app sees it: what the thread says is done here, the signal is passed
 * on, and the thread is ended where it does not heed it.
 */
import { MessageChannel, receiveMessageOnPort, type MessagePort } from 'node:worker_threads'
import type { Piscina } from 'piscina'
import * as errors from '../errors.ts'
import { ABORT_GRACE, type Attempt } from './attempt.ts'
import { toFailure } from '../records/failure.ts'
import { LEVELS, revive, unpack, type FromThread, type ThreadAnswer, type ThreadFacts, type ToThread } from './thread-messages.ts'

/** What of the settings a thread is told. */
export interface ThreadLimits { maxResultSize: number | null, maxProgressSize: number }

export class ThreadRun {
  readonly #task: Attempt
  readonly #limits: ThreadLimits
  readonly #near: MessagePort
  readonly #far: MessagePort
  readonly #gone: Promise<void>
  readonly #end = new AbortController()
  #trouble: unknown = null
  #begun = false
  #grace: NodeJS.Timeout | undefined

  constructor (task: Attempt, limits: ThreadLimits) {
    this.#task = task
    this.#limits = limits
    const { port1, port2 } = new MessageChannel()
    this.#near = port1
    this.#far = port2
    this.#gone = new Promise(resolve => port1.once('close', resolve))
  }

  /**
   * Resolves with what the file's handler returned.
   * @throws what it threw, TASK_THREAD_INVALID, TASK_THREAD_DIED, the signal's reason
   */
  async in (pool: Piscina, file: string): Promise<unknown> {
    const { signal, data } = this.#task
    signal.throwIfAborted()
    this.#near.on('message', this.#hear)
    signal.addEventListener('abort', this.#onAbort)
    try {
      const job = { file, data, facts: this.#facts(), port: this.#far }
      const answer = await pool.run(job, { transferList: [this.#far], signal: this.#end.signal }).catch(error => this.#failed(error))
      this.#drain()
      return valueOf(answer)
    } finally {
      clearTimeout(this.#grace)
      signal.removeEventListener('abort', this.#onAbort)
      this.#near.close()
    }
  }

  #facts (): ThreadFacts {
    const { id, name, queue, attempt, attempts, requestId, traceparent, tracestate, log } = this.#task
    return { id, name, queue, attempt, attempts, requestId, traceparent, tracestate, level: log.level, levels: LEVELS.filter(level => this.#task.writes(level)), ...this.#limits }
  }

  /** What the thread said before it ended comes before the end. */
  #drain (): void {
    for (let one; (one = receiveMessageOnPort(this.#near)) !== undefined;) this.#hear(one.message)
  }

  readonly #hear = (message: FromThread): void => {
    switch (message.kind) {
      case 'begun': return this.#begin()
      case 'report': return void this.#report(message)
      case 'log': return this.#log(message)
      default: return message satisfies never
    }
  }

  #begin (): void {
    this.#begun = true
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
    this.#say({ kind: 'reported', call, failure })
  }

  #log ({ level, bindings, args }: FromThread & { kind: 'log' }): void {
    const log = bindings.reduce((log, more) => log.child(unpack(more) as object), this.#task.log) as any
    log[level](...args.map(unpack))
  }

  #say (message: ToThread): void { this.#near.postMessage(message) }

  /** It is asked; where it has not ended after the grace it is made to. One that has not begun needs no grace. */
  readonly #onAbort = (): void => {
    this.#drain()
    this.#say({ kind: 'abort', reason: toFailure(this.#task.signal.reason) })
    this.#grace = setTimeout(() => this.#end.abort(), this.#begun ? ABORT_GRACE : 0)
  }

  /** No thread will come. */
  giveUp (trouble: unknown): void {
    if (this.#begun) return
    this.#trouble = trouble
    this.#end.abort()
  }

  async #failed (error: unknown): Promise<never> {
    this.#drain()
    const { signal } = this.#task
    if (signal.aborted && this.#begun) await this.#gone // it computes on until it is really gone, and keeps its slot
    signal.throwIfAborted()
    if (toFailure(error).error.name === 'DataCloneError') throw error
    throw died(this.#trouble ?? error)
  }
}

/** `error` may be anything: it is what was thrown where nobody caught it. */
function died (error: unknown): Error {
  return new errors.ThreadDied(toFailure(error).error.message, { cause: error })
}

function valueOf (answer: ThreadAnswer | null): unknown {
  if (!answer) throw died(answer) // the thread threw null where nobody caught it
  if ('failure' in answer) throw revive(answer.failure)
  return answer.json === undefined ? undefined : JSON.parse(answer.json)
}
