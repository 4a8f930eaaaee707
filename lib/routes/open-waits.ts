/**
 * Bounds how many long polls and event streams are open: each holds a connection and some memory, and every change of
 * its task makes work for it.
 */
import type { FastifyRequest } from 'fastify'
import * as errors from '../errors.ts'
import { isThenable, syncAnswer } from '../sync-answer.ts'
import type { RoutesSettings } from '../options.ts'

/** When a refused client may come back, in seconds. */
const RETRY_AFTER_S = 5
const KEY_FIX = 'For example request => request.ip.'

export class OpenWaits {
  readonly #max: number
  readonly #maxPerKey: number
  readonly #keyOf: (request: FastifyRequest) => string
  readonly #perKey = new Map<string, number>()
  #open = 0

  constructor ({ maxWaits, maxWaitsPerKey, waitKey }: RoutesSettings) {
    this.#max = maxWaits
    this.#maxPerKey = maxWaitsPerKey
    this.#keyOf = waitKey
  }

  /**
   * A request begins to wait. Returns a function to call when it has ended.
   * @throws FST_TASKS_TOO_MANY_WAITS
   */
  enter (request: FastifyRequest): () => void {
    if (this.#open >= this.#max) throw tooMany('maxWaits', this.#max)
    const leaveKey = this.#maxPerKey > 0 ? this.#enterKey(this.#checkedKey(request)) : null
    outliveSilence(request)
    this.#open++
    return () => {
      this.#open--
      leaveKey?.()
    }
  }

  /** A promise as a text would be one key for all clients. */
  #checkedKey (request: FastifyRequest): string {
    const key: unknown = syncAnswer(this.#keyOf(request))
    if (!isThenable(key)) return String(key)
    throw new errors.PluginOptionInvalid('routes.waitKey', 'a function that is not async', 'one that is', KEY_FIX)
  }

  #enterKey (key: string): () => void {
    const open = this.#perKey.get(key) ?? 0
    if (open >= this.#maxPerKey) throw tooMany('maxWaitsPerKey', this.#maxPerKey)
    this.#perKey.set(key, open + 1)
    return () => {
      const left = this.#perKey.get(key)! - 1
      if (left > 0) this.#perKey.set(key, left)
      else this.#perKey.delete(key)
    }
  }
}

/**
 * The app's connectionTimeout closes a connection on which nothing is sent for so long. It does not hold for this
 * request. For the next one on the connection Node.js sets it again. HTTP/2 has a timeout for the whole session.
 */
function outliveSilence ({ raw }: FastifyRequest): void {
  if (!('stream' in raw)) raw.socket.setTimeout?.(0) // `inject` has a socket without it
}

/** Fastify's error handler sends the headers of an error. */
const tooMany = (option: string, max: number): Error =>
  Object.assign(new errors.TooManyWaits(option, max), { headers: { 'retry-after': String(RETRY_AFTER_S) } })
