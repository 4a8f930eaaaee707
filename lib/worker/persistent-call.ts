/**
 * Layer 1: a worker's calls to Redis, repeated until Redis answers or the worker has closed. Only for calls that may
 * be made twice: every script of ours that writes checks the claim first.
 */
import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyBaseLogger } from 'fastify'
import { toLoggableError, toFailure } from '../records/failure.ts'

const FIRST_PAUSE = 50
const LONGEST_PAUSE = 500

export class PersistentCalls {
  readonly #log: FastifyBaseLogger
  readonly #closing = new AbortController()
  #failing = false

  constructor (log: FastifyBaseLogger) {
    this.#log = log
    setMaxListeners(0, this.#closing.signal) // as many calls may wait as tasks run
  }

  get signal (): AbortSignal { return this.#closing.signal }
  get closed (): boolean { return this.#closing.signal.aborted }

  /** From now on nothing is repeated. A call that is on its way ends with its connection. */
  close (): void { this.#closing.abort() }

  /** The reply; undefined where the worker closed first. */
  async retryUntilClosed<T> (what: string, call: (again: boolean) => Promise<T>): Promise<T | undefined> {
    for (let pause = FIRST_PAUSE, again = false; !this.closed; pause = Math.min(pause * 2, LONGEST_PAUSE), again = true) {
      try {
        const reply = await call(again)
        this.#recovered()
        return reply
      } catch (error) {
        this.#logFirstFailure(what, error)
        await sleep(pause, undefined, { signal: this.#closing.signal }).catch(() => {})
      }
    }
    return undefined
  }

  /** Once for each outage, not once for each try. */
  #logFirstFailure (what: string, error: unknown): void {
    if (!this.#failing && !this.closed) this.#log.warn({ err: toLoggableError(toFailure(error)) }, `Redis did not carry out a ${what}; trying until it does`)
    this.#failing = true
  }

  #recovered (): void {
    if (this.#failing) this.#log.info('Redis is back')
    this.#failing = false
  }
}
