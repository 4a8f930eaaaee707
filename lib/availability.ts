/**
 * Layer 1: a call to Redis on behalf of someone who waits: it answers within its deadline, or says why not. Also what
 * Redis' clock says.
 */
import * as errors from './errors.ts'
import { untilReady, type Connection } from './connection.ts'

export class Availability {
  readonly #connection: Connection
  readonly #deadline: number
  #offset = 0

  /** @param deadline longest time that a call may take, in ms. */
  constructor (connection: Connection, deadline: number) {
    this.#connection = connection
    this.#deadline = deadline
  }

  get ready (): boolean { return this.#connection.client.status === 'ready' }

  /** Now, by Redis' clock as it was when `synchronise` was last called: ms since 1970. */
  now (): number { return Date.now() + this.#offset }

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
   * @throws TASKS_UNAVAILABLE (503, Retry-After) where there is no answer within the deadline, or Redis refuses.
   */
  async call<T> (what: string, doubt: string, send: () => Promise<T>): Promise<T> {
    const start = Date.now()
    if (!this.ready && !await untilReady(this.#connection.client, this.#deadline, this.#connection.address)) {
      throw this.#unavailable(what, 'Nothing was sent.')
    }
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(this.#unavailable(what, doubt)), Math.max(1, this.#deadline - (Date.now() - start)))
    })
    try {
      return await Promise.race([send(), late])
    } catch (error) {
      throw isOfRedis(error) ? this.#unavailable(what, `${doubt} (${(error as Error).message})`, error as Error) : error
    } finally {
      clearTimeout(timer)
    }
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
function isOfRedis (error: unknown): boolean {
  if (!(error instanceof Error) || (error as any).headers) return false
  return /^(ReplyError|MaxRetriesPerRequestError|AbortError|ClusterAllFailedError)$/.test(error.name) ||
    /Connection is closed|Command timed out|Stream isn't writeable|ECONN|EPIPE|ETIMEDOUT/.test(error.message)
}
