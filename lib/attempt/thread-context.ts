/**
 * Layer 2: what a handler in a thread is given for `task`: the same as in the app, but for `this` and `app`, over a port.
 */
import { receiveMessageOnPort, type MessagePort } from 'node:worker_threads'
import type { FastifyBaseLogger } from 'fastify'
import * as errors from '../errors.ts'
import { toFailure } from '../records/failure.ts'
import { asText, LEVELS, pack, revive, type FromThread, type ThreadFacts, type ToThread } from './thread-messages.ts'
import type { ThreadTask } from '../types.ts'

interface Call { resolve: () => void, reject: (error: Error) => void }

export class ThreadContext implements ThreadTask {
  readonly #facts: ThreadFacts
  readonly #port: MessagePort
  readonly #controller = new AbortController()
  readonly #calls = new Map<number, Call>()
  #sequence = 0
  #ended = false

  readonly data: any
  readonly log: FastifyBaseLogger

  constructor (facts: ThreadFacts, data: unknown, port: MessagePort) {
    this.#facts = facts
    this.#port = port
    this.data = data
    this.log = threadLog(facts, message => this.#say(message))
    port.on('message', message => this.#hear(message))
  }

  get id (): string { return this.#facts.id }
  get name (): string { return this.#facts.name }
  get queue (): string { return this.#facts.queue }
  get attempt (): number { return this.#facts.attempt }
  get attempts (): number { return this.#facts.attempts }
  get requestId (): string | null { return this.#facts.requestId }
  get traceparent (): string | null { return this.#facts.traceparent }
  get tracestate (): string | null { return this.#facts.tracestate }

  /** Looks for an abort itself: a loop that never pauses hears of none in another way. */
  get signal (): AbortSignal {
    for (let one; (one = receiveMessageOnPort(this.#port)) !== undefined;) this.#hear(one.message)
    return this.#controller.signal
  }

  #hear (message: ToThread): void {
    if (message.kind === 'abort') return this.#controller.abort(revive(message.reason))
    const call = this.#calls.get(message.call)
    this.#calls.delete(message.call)
    if (message.failure) call?.reject(revive(message.failure))
    else call?.resolve()
  }

  #say (message: FromThread): void {
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
      this.#say({ kind: 'report', call, ...report })
    })
  }

  #json (progress: unknown): string {
    let json: string | undefined
    try {
      json = JSON.stringify(progress)
    } catch (error) {
      throw this.#invalid(toFailure(error).error.message)
    }
    if (json === undefined) throw this.#invalid(`the progress is ${errors.show(progress)}`)
    return json
  }

  #invalid (reason: string): Error {
    return new errors.ProgressInvalid(this.name, this.#facts.maxProgressSize, reason)
  }

  /** The thread goes on to another task: what is left behind says no more, and nothing of it is rejected then. */
  end (): void {
    this.#ended = true
    for (const { resolve } of this.#calls.values()) resolve()
    this.#calls.clear()
  }
}

/** The methods of the app's logger, each of which has it write a line there. */
function threadLog (facts: ThreadFacts, say: (message: FromThread) => void, bindings: unknown[] = []): FastifyBaseLogger {
  const write = (level: string) => (...args: unknown[]): void => {
    try {
      say({ kind: 'log', level, bindings: bindings.map(one => pack(one)), args: args.map(one => pack(one)) })
    } catch {
      say({ kind: 'log', level, bindings: bindings.map(one => pack(one, asText)), args: args.map(one => pack(one, asText)) })
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
