/**
 * The thread's side of an attempt: what the handler's `task` does, over a port to the app.
 */
import { setMaxListeners } from 'node:events'
import { receiveMessageOnPort, type MessagePort } from 'node:worker_threads'
import type { FastifyBaseLogger } from 'fastify'
import * as errors from '../errors.ts'
import { toJson } from '../records/json.ts'
import { checkProgressSize, checkStage } from './serialize.ts'
import {
  asText, LEVELS, reviveError, serializeLogArg, type FromThread, type TaskMeta, type ToThread
} from './thread-messages.ts'
import type { ScheduledTick, ThreadTask } from '../types.ts'

/** So many reports are on their way to the app at most. Of later ones the newest waits, in place of the others. */
const MAX_ON_THE_WAY = 16

interface PendingReport { resolve: (value?: any) => void, reject: (error: Error) => void }

/** With a stage it is `updateState`. The progress as JSON. */
interface Report { stage?: unknown, json?: string }

interface WaitingReport extends PendingReport { report: Report, sent: Promise<void> }

export class ThreadLink implements ThreadTask {
  readonly #meta: TaskMeta
  readonly #port: MessagePort
  readonly #controller = new AbortController()
  readonly #reports = new Map<number, PendingReport>()
  #waiting: WaitingReport | null = null
  #sequence = 0
  #closed = false

  readonly data: any
  readonly log: FastifyBaseLogger

  constructor (meta: TaskMeta, data: unknown, port: MessagePort) {
    this.#meta = meta
    this.#port = port
    this.data = data
    setMaxListeners(0, this.#controller.signal)
    this.log = threadLog(meta, message => this.#post(message))
    port.on('message', message => this.#onMessage(message))
  }

  get id (): string { return this.#meta.id }
  get name (): string { return this.#meta.name }
  get queue (): string { return this.#meta.queue }
  get attempt (): number { return this.#meta.attempt }
  get attempts (): number { return this.#meta.attempts }
  get requestId (): string | null { return this.#meta.requestId }
  get traceparent (): string | null { return this.#meta.traceparent }
  get tracestate (): string | null { return this.#meta.tracestate }
  get schedule (): ScheduledTick | null { return this.#meta.schedule }

  get signal (): AbortSignal {
    this.#receive()
    return this.#controller.signal
  }

  /** Reads its messages: a loop that never pauses would hear of no abort, and of no report that was stored. */
  #receive (): void {
    for (let next; (next = receiveMessageOnPort(this.#port)) !== undefined;) this.#onMessage(next.message)
  }

  #onMessage (message: ToThread): void {
    if (message.kind === 'abort') return this.#controller.abort(reviveError(message.reason))
    const report = this.#reports.get(message.call)
    this.#reports.delete(message.call)
    if (message.failure) report?.reject(reviveError(message.failure))
    else report?.resolve(message.value)
    this.#sendWaiting()
  }

  #post (message: FromThread): void {
    if (!this.#closed) this.#port.postMessage(message)
  }

  // Both throw at once, as in the app's process: a rejection that nobody awaits would end the thread.

  updateState (stage: string, progress?: unknown): Promise<void> {
    checkStage(stage, this.#invalid)
    return this.#report(progress === undefined ? { stage } : { stage, json: this.#toJson(progress) })
  }

  reportProgress (progress: unknown): Promise<void> {
    return this.#report({ json: this.#toJson(progress) })
  }

  /** It is sent at once, also if the thread goes on to compute, unless many are on their way. */
  #report (report: Report): Promise<void> {
    if (this.#closed) return Promise.resolve()
    this.#receive()
    if (this.#waiting) {
      Object.assign(this.#waiting.report, report)
      return this.#waiting.sent
    }
    let pending!: PendingReport
    const sent = new Promise<void>((resolve, reject) => { pending = { resolve, reject } })
    if (this.#reports.size < MAX_ON_THE_WAY) this.#send(report, pending)
    else this.#waiting = { ...pending, report: { ...report }, sent }
    return sent
  }

  #send (report: Report, pending: PendingReport): void {
    const call = ++this.#sequence
    this.#reports.set(call, pending)
    this.#post({ kind: 'report', call, ...report })
  }

  #sendWaiting (): void {
    if (!this.#waiting) return
    const { report, ...pending } = this.#waiting
    this.#waiting = null
    this.#send(report, pending)
  }

  previous (): Promise<any> { return this.#ask('previous') }
  results (): Promise<any> { return this.#ask('results') }

  #ask (what: 'previous' | 'results'): Promise<any> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(new errors.Shutdown())
      const call = ++this.#sequence
      this.#reports.set(call, { resolve, reject })
      this.#post({ kind: 'ask', call, what })
    })
  }

  #toJson (progress: unknown): string {
    const json = toJson(progress, this.#invalid, JSON.stringify, 'the progress')
    const { maxProgressSize, isProgressFiltered } = this.#meta
    if (!isProgressFiltered) checkProgressSize(json, maxProgressSize, this.#invalid)
    return json
  }

  readonly #invalid = (reason: string): Error =>
    new errors.ProgressInvalid(this.name, this.#meta.maxProgressSize, reason)

  /** The thread goes on to another task. Code that is left behind sends nothing more; its reports are not rejected. */
  close (): void {
    this.#sendWaiting()
    this.#closed = true
    for (const { resolve } of this.#reports.values()) resolve()
    this.#reports.clear()
  }
}

/** The methods of the app's logger. Each has the app write the line. */
function threadLog (meta: TaskMeta, post: (message: FromThread) => void, bindings: unknown[] = []): FastifyBaseLogger {
  const serialized = (level: string, args: unknown[], clonable?: (value: unknown) => unknown): FromThread => {
    const serialize = (value: unknown): ReturnType<typeof serializeLogArg> => serializeLogArg(value, clonable)
    return { kind: 'log', level, bindings: bindings.map(serialize), args: args.map(serialize) }
  }
  const write = (level: string) => (...args: unknown[]): void => {
    try {
      post(serialized(level, args))
    } catch {
      post(serialized(level, args, asText)) // structured clone refuses it: a function, a socket
    }
  }
  const methods = LEVELS.map(level => [level, meta.levels.includes(level) ? write(level) : () => {}])
  return {
    ...Object.fromEntries(methods),
    level: meta.level,
    silent: () => {},
    child: (more: unknown) => threadLog(meta, post, [...bindings, more])
  }
}
