/**
 * Calls to Redis for a caller who waits. Each is answered within its deadline, or rejected with what to do.
 */
import * as errors from '../../errors.ts'
import type { BoundedCalls } from '../contract.ts'
import type { Connection } from './connection.ts'

export class RedisCalls implements BoundedCalls {
  readonly #connection: Connection
  readonly #deadline: number
  readonly #waiting = new Set<() => void>()

  /** @param deadline longest time that a call may take, in ms. */
  constructor (connection: Connection, deadline: number) {
    this.#connection = connection
    this.#deadline = deadline
    connection.client.on('ready', this.#onReady)
  }

  // One listener for all who wait: an outage has many.
  readonly #onReady = (): void => { for (const wake of this.#waiting) wake() }

  close (): void { this.#connection.client.off('ready', this.#onReady) }

  /** Waits until Redis is there; false where it is not within `ms`. */
  async #untilReady (ms: number): Promise<boolean> {
    const { client } = this.#connection
    if (client.status === 'wait') client.connect().catch(() => {}) // lazyConnect: nobody else may dial
    await new Promise<void>(resolve => {
      const wake = (): void => {
        clearTimeout(timer)
        this.#waiting.delete(wake)
        resolve()
      }
      const timer = setTimeout(wake, ms)
      this.#waiting.add(wake)
    })
    return this.ready
  }

  get ready (): boolean { return this.#connection.client.status === 'ready' }

  /**
   * Calls Redis.
   * @param what names the call, `doubt` tells what is known where its reply did not come.
   * @param start since when the deadline counts, where another call for the same purpose came before.
   * @throws FST_TASKS_REDIS_UNAVAILABLE (503, Retry-After) where there is no answer within the deadline, or Redis refuses.
   */
  call<T> (what: string, doubt: string, send: () => Promise<T>, start = Date.now()): Promise<T> {
    return this.ready ? this.#send(what, doubt, send, start) : this.#sendLater(what, doubt, send, start)
  }

  async #sendLater<T> (what: string, doubt: string, send: () => Promise<T>, start: number): Promise<T> {
    if (!await this.#untilReady(Math.max(1, start + this.#deadline - Date.now()))) throw this.#unavailable(what, 'Nothing was sent.')
    return this.#send(what, doubt, send, start)
  }

  #send<T> (what: string, doubt: string, send: () => Promise<T>, start: number): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(this.#unavailable(what, doubt)), Math.max(1, this.#deadline - (Date.now() - start)))
      send().then(
        value => {
          clearTimeout(timer)
          resolve(value)
        },
        error => {
          clearTimeout(timer)
          reject(isOfRedis(error) ? this.#unavailable(what, `${doubt} (${error.message})`, error) : error)
        }
      )
    })
  }

  #unavailable (what: string, hint: string, cause?: Error): Error {
    const { client } = this.#connection
    const error = cause
      ? new errors.RedisUnavailable(what, this.#deadline, client.status, hint, { cause })
      : new errors.RedisUnavailable(what, this.#deadline, client.status, hint)
    // Fastify's error handler sends an error's headers.
    return Object.assign(error, { headers: { 'retry-after': '1' } })
  }
}

/** Errors of ioredis': of the connection, or Redis' own replies (OOM, READONLY, LOADING …). */
function isOfRedis (error: unknown): error is Error {
  if (!(error instanceof Error) || (error as any).headers) return false
  return /^(ReplyError|MaxRetriesPerRequestError|AbortError|ClusterAllFailedError)$/.test(error.name) ||
    /Connection is closed|Command timed out|Stream isn't writeable|ECONN|EPIPE|ETIMEDOUT|Too many Cluster redirections|Cluster isn't ready|None of startup nodes/.test(error.message)
}
