/**
 * Layer 1: a call to Redis on behalf of someone who waits: it answers within its deadline, or says why not. Also what
 * Redis' clock says.
 */
import * as errors from '../../errors.ts'
import type { Connection } from './connection.ts'

export class Availability {
  readonly #connection: Connection
  readonly #deadline: number
  readonly #waiting = new Set<() => void>()
  #offset = 0

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

  /** Now, by Redis' clock as it was when `synchronise` was last called: ms since 1970. */
  now (): number { return Date.now() + this.#offset }

  /** What a time that the app gives as a Date is on this clock: the same. A clock that is moved by hand has another. */
  at (time: number): number { return time }

  /** Reads Redis' clock. Half of the round trip is the error. */
  async synchronise (): Promise<void> {
    const before = Date.now()
    const reply = await this.#connection.client.time().catch(() => null)
    if (!reply) return // a user without the right to ask: the clocks are taken for one
    const [seconds, micros] = reply
    const after = Date.now()
    const offset = Math.round(Number(seconds) * 1000 + Number(micros) / 1000 - (before + after) / 2)
    // Clocks of one machine differ by the round trip's noise only.
    this.#offset = Math.abs(offset) <= after - before + 1 ? 0 : offset
  }

  /**
   * Calls Redis.
   * @param what names the call, `doubt` tells what is known where its reply did not come.
   * @param start since when the deadline counts, where another call for the same purpose came before.
   * @throws TASKS_UNAVAILABLE (503, Retry-After) where there is no answer within the deadline, or Redis refuses.
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
      ? new errors.Unavailable(what, this.#deadline, client.status, hint, { cause })
      : new errors.Unavailable(what, this.#deadline, client.status, hint)
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

const NOT_HERE = new Error('not here')

/** The first that is there; null where none is. @throws where none is, and one could not say. */
export async function firstOf<T> (looks: Array<Promise<T | null>>): Promise<T | null> {
  if (looks.length === 1) return await looks[0]!
  const found = looks.map(async look => await look ?? Promise.reject(NOT_HERE))
  return await Promise.any(found).catch(({ errors }: AggregateError) => {
    const failure = errors.find(error => error !== NOT_HERE)
    if (failure) throw failure
    return null
  })
}
