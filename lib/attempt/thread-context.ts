/**
 * Layer 2: what a handler in a thread is given for `task`: the same as in the app, but for `this` and `app`, over a port.
 */
import { receiveMessageOnPort, type MessagePort } from 'node:worker_threads'
import type { FastifyBaseLogger } from 'fastify'
import * as errors from '../errors.ts'
import { toFailure } from '../records/failure.ts'
import { asText, LEVELS, serializeLogArg, reviveError, type FromThread, type TaskMeta, type ToThread } from './thread-messages.ts'
import type { ThreadTask } from '../types.ts'

interface Call { resolve: () => void, reject: (error: Error) => void }

export class ThreadContext implements ThreadTask {
  readonly #meta: TaskMeta
  readonly #port: MessagePort
  readonly #controller = new AbortController()
  readonly #calls = new Map<number, Call>()
  #sequence = 0
  #ended = false

  readonly data: any
  readonly log: FastifyBaseLogger

  constructor (facts: TaskMeta, data: unknown, port: MessagePort) {
    this.#meta = facts
    this.#port = port
    this.data = data
    this.log = threadLog(facts, message => this.#post(message))
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

  /** Looks for an abort itself: a loop that never pauses hears of none in another way. */
  get signal (): AbortSignal {
    for (let one; (one = receiveMessageOnPort(this.#port)) !== undefined;) this.#onMessage(one.message)
    return this.#controller.signal
  }

  #onMessage (message: ToThread): void {
    if (message.kind === 'abort') return this.#controller.abort(reviveError(message.reason))
    const call = this.#calls.get(message.call)
    this.#calls.delete(message.call)
    if (message.failure) call?.reject(reviveError(message.failure))
    else call?.resolve()
  }

  #post (message: FromThread): void {
    if (!this.#ended) this.#port.postMessage(message)
  }

  updateState (stage: string, progress?: unknown): Promise<void> {
    return this.#report({ stage, json: progress === undefined ? undefined : this.#json(progress) })
  }

  reportProgress (progress: unknown): Promise<void> {
    return this.#report({ json: this.#json(progress) })
  }

  /** Without waiting for the app it is on its way, also where the thread computes on. */
  #report (report: { stage?: unknown, json?: string }): Promise<void> {
    if (this.#ended) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const call = ++this.#sequence
      this.#calls.set(call, { resolve, reject })
      this.#post({ kind: 'report', call, ...report })
    })
  }

  #json (progress: unknown): string {
    let json: string | undefined
    try {
      json = JSON.stringify(progress)
    } catch (error) {
      throw this.#invalid(toFailure(error).error.message)
    }
    if (json === undefined) throw this.#invalid(`the progress is ${errors.describeValue(progress)}`)
    return json
  }

  #invalid (reason: string): Error {
    return new errors.ProgressInvalid(this.name, this.#meta.maxProgressSize, reason)
  }

  /** The thread goes on to another task: what is left behind says no more, and nothing of it is rejected then. */
  end (): void {
    this.#ended = true
    for (const { resolve } of this.#calls.values()) resolve()
    this.#calls.clear()
  }
}

/** The methods of the app's logger, each of which has it write a line there. */
function threadLog (facts: TaskMeta, say: (message: FromThread) => void, bindings: unknown[] = []): FastifyBaseLogger {
  const write = (level: string) => (...args: unknown[]): void => {
    try {
      say({ kind: 'log', level, bindings: bindings.map(one => serializeLogArg(one)), args: args.map(one => serializeLogArg(one)) })
    } catch {
      say({ kind: 'log', level, bindings: bindings.map(one => serializeLogArg(one, asText)), args: args.map(one => serializeLogArg(one, asText)) })
    }
  }
  const methods = LEVELS.map(level => [level, facts.levels.includes(level) ? write(level) : () => {}])
  return {
    ...Object.fromEntries(methods),
    level: facts.level,
    silent: () => {},
    child: (more: unknown) => threadLog(facts, say, [...bindings, more])
  }
}
