/**
 * A worker's calls to Redis, repeated until Redis answers or the worker has closed. Only for calls that may be made
 * twice: each of our scripts that writes checks the claim first.
 */
import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyBaseLogger } from 'fastify'
import { toFailure, toLoggableError } from '../records/failure.ts'
import * as telemetry from '../telemetry.ts'

const FIRST_PAUSE_MS = 50
const MAX_PAUSE_MS = 500

export class PersistentCalls {
  readonly #log: FastifyBaseLogger
  /** Names this worker in telemetry. */
  readonly #source: { instance: string, worker: string }
  readonly #closing = new AbortController()
  #failing = false

  constructor (log: FastifyBaseLogger, { instance, worker }: { instance: string, worker: string }) {
    this.#log = log
    this.#source = { instance, worker }
    setMaxListeners(0, this.#closing.signal) // as many calls may wait as tasks run
  }

  get signal (): AbortSignal { return this.#closing.signal }
  get closed (): boolean { return this.#closing.signal.aborted }

  /** From now on nothing is repeated. A call in flight ends with its connection. */
  close (): void { this.#closing.abort() }

  /** Resolves with the reply, or with undefined if the worker closed first. */
  async retryUntilClosed<T> (what: string, call: (again: boolean) => Promise<T>): Promise<T | undefined> {
    let pause = FIRST_PAUSE_MS
    for (let again = false; !this.closed; again = true) {
      try {
        const reply = await call(again)
        this.#onReply()
        return reply
      } catch (error) {
        this.#onFailure(what, error)
        await sleep(pause, undefined, { signal: this.#closing.signal }).catch(() => {})
        pause = Math.min(pause * 2, MAX_PAUSE_MS)
      }
    }
    return undefined
  }

  /** One line for each outage, not for each try. */
  #onFailure (call: string, error: unknown): void {
    if (!this.#failing && !this.closed) {
      const fields = { event: 'redis.call_failed', call, err: toLoggableError(toFailure(error)) }
      this.#log.warn(fields, 'Redis call failed, retrying until it succeeds')
      if (telemetry.outages.hasSubscribers) telemetry.outages.publish({ ...this.#source, state: 'began' })
    }
    this.#failing = true
  }

  #onReply (): void {
    if (!this.#failing) return
    this.#failing = false
    this.#log.info({ event: 'redis.recovered' }, 'Redis answers again')
    if (telemetry.outages.hasSubscribers) telemetry.outages.publish({ ...this.#source, state: 'ended' })
  }
}
