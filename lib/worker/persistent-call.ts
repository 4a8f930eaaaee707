/**
 * A worker's calls to Redis, repeated until Redis answers or the worker has closed. Only for calls that may be made
 * twice: each of our scripts that writes checks the claim first.
 */
import { setMaxListeners } from 'node:events'
import type { FastifyBaseLogger } from 'fastify'
import { causeOf, LogLimit } from '../log-limit.ts'
import { toLoggable } from '../records/failure.ts'
import * as telemetry from '../telemetry.ts'
import { sleep } from '../timers.ts'

const FIRST_PAUSE_MS = 50
const MAX_PAUSE_MS = 500

/** The worker whose calls they are. The names are for telemetry. */
interface CallOwner {
  readonly instance: string
  readonly worker: string
  /** Called when a call failed that is about to be repeated. */
  readonly onCallFailed: () => void
}

export class PersistentCalls {
  readonly #log: FastifyBaseLogger
  readonly #owner: CallOwner
  readonly #closing = new AbortController()
  /** Ends the wait for each call in flight. */
  readonly #inFlight = new Set<() => void>()
  readonly #limit = new LogLimit()
  /** The calls that are being repeated. */
  readonly #failing = new Set<string>()
  /** The present failure was logged. */
  #logged = false

  constructor (log: FastifyBaseLogger, owner: CallOwner) {
    this.#log = log
    this.#owner = owner
    setMaxListeners(0, this.#closing.signal) // as many calls may wait as tasks run
  }

  get signal (): AbortSignal { return this.#closing.signal }
  get closed (): boolean { return this.#closing.signal.aborted }

  /** From now on nothing is repeated, and no reply is waited for: a connection that is dialling may never reject. */
  close (): void {
    this.#closing.abort()
    for (const giveUp of [...this.#inFlight]) giveUp()
  }

  /** Resolves with the reply, or with undefined if the worker closed first. */
  async retryUntilClosed<T> (what: string, call: (again: boolean) => Promise<T>): Promise<T | undefined> {
    let pause = FIRST_PAUSE_MS
    for (let again = false; !this.closed; again = true) {
      try {
        const reply = await this.#replyTo(call(again))
        if (!this.closed) this.#onReply(what)
        return reply
      } catch (error) {
        this.#onFailure(what, error)
        this.#owner.onCallFailed()
        await sleep(pause, undefined, { signal: this.#closing.signal }).catch(() => {})
        pause = Math.min(pause * 2, MAX_PAUSE_MS)
      }
    }
    return undefined
  }

  /** Undefined if the worker closed first. */
  #replyTo<T> (sent: Promise<T>): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      const giveUp = (): void => resolve(undefined)
      this.#inFlight.add(giveUp)
      sent.then(reply => {
        this.#inFlight.delete(giveUp)
        resolve(reply)
      }, (error: unknown) => {
        this.#inFlight.delete(giveUp)
        reject(error)
      })
    })
  }

  /** One line a minute for each cause, not one for each try. */
  #onFailure (call: string, error: unknown): void {
    if (this.closed) return
    if (this.#failing.size === 0) this.#publish('began')
    this.#failing.add(call)
    if (!this.#limit.allows(causeOf(error))) return
    this.#logged = true
    const fields = { event: 'redis.call_failed', call, err: toLoggable(error) }
    this.#log.warn(fields, 'Redis call failed, retrying until it succeeds')
  }

  /** A server that refuses writes still answers calls that find nothing to write. */
  #onReply (call: string): void {
    if (!this.#failing.delete(call) || this.#failing.size > 0) return
    if (this.#logged) this.#log.info({ event: 'redis.recovered' }, 'Redis answers again')
    this.#logged = false
    this.#publish('ended')
  }

  #publish (state: telemetry.OutageEvent['state']): void {
    if (!telemetry.outages.hasSubscribers) return
    const { instance, worker } = this.#owner
    telemetry.outages.publish({ instance, worker, state })
  }
}
