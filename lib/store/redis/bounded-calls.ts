/**
 * Calls to Redis for a caller who waits. Each is answered within its deadline, or rejected. A close rejects all of
 * them. The error has a fixed message, for clients of HTTP, and a cause for the log, with a hint what to do.
 */
import { hideCredentials } from '../../describe.ts'
import * as errors from '../../errors.ts'
import { eventsOf } from './client-events.ts'
import { Deadlines } from './deadline.ts'
import { uptime } from '../../timers.ts'
import type { BoundedCalls } from '../store-contract.ts'
import type { Connection } from './connection.ts'

const NOTHING_SENT = 'Nothing was sent.'

export class RedisCalls implements BoundedCalls {
  readonly #connection: Connection
  readonly #deadline: number
  readonly #waiting = new Set<() => void>()
  readonly #deadlines = new Deadlines()
  #closed = false

  /** @param deadline how long a call may take at most, in ms */
  constructor (connection: Connection, deadline: number) {
    this.#connection = connection
    this.#deadline = deadline
    eventsOf(connection.client).on('ready', this.#onReady)
  }

  // One listener for all waiting calls: an outage has many of them.
  readonly #onReady = (): void => { for (const wake of this.#waiting) wake() }

  /** Rejects the calls that wait, and all later ones. Their connection may never settle them. */
  close (): void {
    this.#closed = true
    eventsOf(this.#connection.client).off('ready', this.#onReady)
    this.#deadlines.passAll()
  }

  /** Waits until Redis is connected, at most `ms`. */
  async #untilReady (ms: number): Promise<boolean> {
    const { client } = this.#connection
    if (client.status === 'wait') client.connect().catch(() => {}) // lazyConnect: perhaps nobody else connects it
    let wake!: () => void
    const ready = new Promise<void>(resolve => { wake = resolve })
    this.#waiting.add(wake)
    await this.#deadlines.run(() => ready, ms, () => {})
    this.#waiting.delete(wake)
    return this.ready
  }

  get ready (): boolean { return !this.#closed && this.#connection.client.status === 'ready' }

  /**
   * @throws FST_TASKS_REDIS_UNAVAILABLE (503 with Retry-After) if no reply came in time, or Redis refused the call.
   * FST_TASKS_CLOSED
   */
  call<T> (what: string, doubt: string, send: () => Promise<T>, start = uptime()): Promise<T> {
    if (this.#closed) return Promise.reject(this.#failure(what, NOTHING_SENT, false))
    return this.ready ? this.#send(what, doubt, send, start) : this.#sendWhenReady(what, doubt, send, start)
  }

  async #sendWhenReady<T> (what: string, doubt: string, send: () => Promise<T>, start: number): Promise<T> {
    if (!await this.#untilReady(this.#timeLeft(start))) throw this.#failure(what, NOTHING_SENT, false)
    return this.#send(what, doubt, send, start)
  }

  #send<T> (what: string, doubt: string, send: () => Promise<T>, start: number): Promise<T> {
    const onLate = (): never => { throw this.#failure(what, doubt, true) }
    const onError = (error: unknown): never => {
      throw isRedisError(error) ? this.#failure(what, `${doubt} (${hideCredentials(error.message)})`, true) : error
    }
    return this.#deadlines.run(send, this.#timeLeft(start), onLate, { read: this.#read, onError })
  }

  /** How many bytes of replies were read. For a cluster it is not known: a turn of the event loop has to do. */
  readonly #read = (): number => (this.#connection.client as any).stream?.bytesRead ?? 0

  #timeLeft (start: number): number { return Math.max(1, start + this.#deadline - uptime()) }

  /**
   * The cause is an error of our own: that of ioredis has the command, with data and passwords.
   * @param sent whether Redis may have carried out the call
   */
  #failure (what: string, hint: string, sent: boolean): Error {
    const { status } = this.#connection.client
    const details = `Redis did not answer ${what} within ${this.#deadline} ms (connection: ${status}). ${hint}`
    const error = this.#closed
      ? new errors.Closed(what, hint)
      : new errors.RedisUnavailable({ cause: new Error(details) })
    // Fastify's error handler sends the headers of an error.
    return Object.assign(error, { sent, headers: { 'retry-after': '1' } })
  }
}

/** Mistakes in code, ours or of the app. */
const BUGS = new Set(['TypeError', 'RangeError', 'ReferenceError', 'SyntaxError', 'URIError', 'AssertionError'])

/**
 * True for errors of the connection, and for error replies of Redis (OOM, READONLY, LOADING and so on). ioredis has no
 * class for all of them. An error of ours, which a call inside of a call threw, has a code.
 */
function isRedisError (error: unknown): error is Error {
  if (!(error instanceof Error) || BUGS.has(error.name)) return false
  return !String((error as { code?: unknown }).code).startsWith('FST_')
}
