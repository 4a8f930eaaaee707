/**
 * Calls to Redis for a caller who waits. Each is answered within its deadline, or rejected with a hint what to do.
 */
import { performance } from 'node:perf_hooks'
import * as errors from '../../errors.ts'
import { withDeadline } from './deadline.ts'
import type { BoundedCalls } from '../contract.ts'
import type { Connection } from './connection.ts'

export class RedisCalls implements BoundedCalls {
  readonly #connection: Connection
  readonly #deadline: number
  readonly #waiting = new Set<() => void>()

  /** @param deadline how long a call may take at most, in ms */
  constructor (connection: Connection, deadline: number) {
    this.#connection = connection
    this.#deadline = deadline
    connection.client.on('ready', this.#onReady)
  }

  // One listener for all waiting calls: an outage has many of them.
  readonly #onReady = (): void => { for (const wake of this.#waiting) wake() }

  close (): void { this.#connection.client.off('ready', this.#onReady) }

  /** Waits until Redis is connected, at most `ms`. */
  async #untilReady (ms: number): Promise<boolean> {
    const { client } = this.#connection
    if (client.status === 'wait') client.connect().catch(() => {}) // lazyConnect: perhaps nobody else connects it
    let wake!: () => void
    const ready = new Promise<void>(resolve => { wake = resolve })
    this.#waiting.add(wake)
    await withDeadline(() => ready, ms, () => {})
    this.#waiting.delete(wake)
    return this.ready
  }

  get ready (): boolean { return this.#connection.client.status === 'ready' }

  /** @throws FST_TASKS_REDIS_UNAVAILABLE (503 with Retry-After) if no reply came in time, or Redis refused the call */
  call<T> (what: string, doubt: string, send: () => Promise<T>, start = performance.now()): Promise<T> {
    return this.ready ? this.#send(what, doubt, send, start) : this.#sendWhenReady(what, doubt, send, start)
  }

  async #sendWhenReady<T> (what: string, doubt: string, send: () => Promise<T>, start: number): Promise<T> {
    if (!await this.#untilReady(this.#timeLeft(start))) throw this.#unavailable(what, 'Nothing was sent.')
    return this.#send(what, doubt, send, start)
  }

  #send<T> (what: string, doubt: string, send: () => Promise<T>, start: number): Promise<T> {
    const onLate = (): never => { throw this.#unavailable(what, doubt) }
    return withDeadline(send, this.#timeLeft(start), onLate, this.#read, error => {
      throw isRedisError(error) ? this.#unavailable(what, `${doubt} (${error.message})`, error) : error
    })
  }

  /** How many bytes of replies were read. For a cluster it is not known: a turn of the event loop has to do. */
  readonly #read = (): number => (this.#connection.client as any).stream?.bytesRead ?? 0

  #timeLeft (start: number): number { return Math.max(1, start + this.#deadline - performance.now()) }

  #unavailable (what: string, hint: string, cause?: Error): Error {
    const { client } = this.#connection
    const error = cause
      ? new errors.RedisUnavailable(what, this.#deadline, client.status, hint, { cause })
      : new errors.RedisUnavailable(what, this.#deadline, client.status, hint)
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
