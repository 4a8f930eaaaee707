/**
 * Calls to Redis for a caller who waits. Each is answered within its deadline, or rejected with a hint what to do. A
 * close rejects all of them.
 */
import * as errors from '../../errors.ts'
import { eventsOf } from './client-events.ts'
import { withDeadline, type OpenDeadlines } from './deadline.ts'
import { realTime } from '../../timers.ts'
import type { BoundedCalls } from '../contract.ts'
import type { Connection } from './connection.ts'

const NOTHING_SENT = 'Nothing was sent.'

export class RedisCalls implements BoundedCalls {
  readonly #connection: Connection
  readonly #deadline: number
  readonly #waiting = new Set<() => void>()
  readonly #open: OpenDeadlines = new Set()
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
    for (const pass of [...this.#open]) pass()
  }

  /** Waits until Redis is connected, at most `ms`. */
  async #untilReady (ms: number): Promise<boolean> {
    const { client } = this.#connection
    if (client.status === 'wait') client.connect().catch(() => {}) // lazyConnect: perhaps nobody else connects it
    let wake!: () => void
    const ready = new Promise<void>(resolve => { wake = resolve })
    this.#waiting.add(wake)
    await withDeadline(() => ready, ms, () => {}, undefined, this.#open)
    this.#waiting.delete(wake)
    return this.ready && !this.#closed
  }

  get ready (): boolean { return this.#connection.client.status === 'ready' }

  /**
   * @throws FST_TASKS_REDIS_UNAVAILABLE (503 with Retry-After) if no reply came in time, or Redis refused the call.
   * FST_TASKS_CLOSED
   */
  call<T> (what: string, doubt: string, send: () => Promise<T>, start = realTime()): Promise<T> {
    if (this.#closed) return Promise.reject(this.#failure(what, NOTHING_SENT))
    return this.ready ? this.#send(what, doubt, send, start) : this.#sendWhenReady(what, doubt, send, start)
  }

  async #sendWhenReady<T> (what: string, doubt: string, send: () => Promise<T>, start: number): Promise<T> {
    if (!await this.#untilReady(this.#timeLeft(start))) throw this.#failure(what, NOTHING_SENT)
    return this.#send(what, doubt, send, start)
  }

  #send<T> (what: string, doubt: string, send: () => Promise<T>, start: number): Promise<T> {
    const onLate = (): never => { throw this.#failure(what, doubt) }
    return withDeadline(send, this.#timeLeft(start), onLate, error => {
      throw isRedisError(error) ? this.#failure(what, `${doubt} (${error.message})`, error) : error
    }, this.#open)
  }

  #timeLeft (start: number): number { return Math.max(1, start + this.#deadline - realTime()) }

  #failure (what: string, hint: string, cause?: Error): Error {
    const { client } = this.#connection
    const more = cause ? [{ cause }] : []
    const error = this.#closed
      ? new errors.Closed(what, hint, ...more)
      : new errors.RedisUnavailable(what, this.#deadline, client.status, hint, ...more)
    // Fastify's error handler sends the headers of an error.
    return Object.assign(error, { headers: { 'retry-after': '1' } })
  }
}

const REDIS_ERROR_NAMES = /^(ReplyError|MaxRetriesPerRequestError|AbortError|ClusterAllFailedError)$/

const CONNECTION_MESSAGES = new RegExp([
  'Connection is closed', 'Command timed out', 'Stream isn\'t writeable', 'ECONN', 'EPIPE', 'ETIMEDOUT',
  'Too many Cluster redirections', 'Cluster isn\'t ready', 'None of startup nodes'
].join('|'))

/** True for errors of the connection, and for error replies of Redis (OOM, READONLY, LOADING and so on). */
function isRedisError (error: unknown): error is Error {
  if (!(error instanceof Error) || (error as any).headers) return false
  return REDIS_ERROR_NAMES.test(error.name) || CONNECTION_MESSAGES.test(error.message)
}
