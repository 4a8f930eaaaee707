/**
 * The threads of an app: what computes there holds up neither the app nor the renewal of leases. One pool for all
 * tasks, since all share the same processors. The first task that needs a thread opens it.
 */
import type { FastifyBaseLogger } from 'fastify'
import type { Piscina } from 'piscina'
import * as errors from '../errors.ts'
import { ABORT_GRACE_MS } from './abort.ts'
import { toLoggable } from '../records/failure.ts'
import { steadyLog } from '../steady-log.ts'
import { ThreadAttempt, type Filters, type ThreadableAttempt, type ThreadLimits } from './thread-attempt.ts'
import { threadEntry } from '../tasks/thread-file.ts'
import { setImmediate, sleep } from '../timers.ts'
import type { Settings } from '../options.ts'

/** Not as a literal: a bundler would look into it, and find files that it cannot carry. */
const LIBRARY = ['piscina'].join('')

export class ThreadPool {
  readonly #settings: Settings
  readonly #semaphore: Semaphore
  readonly #attempts = new Set<ThreadAttempt>()
  #pool: Promise<Piscina> | null = null
  #closed = false

  constructor (settings: Settings) {
    this.#settings = settings
    this.#semaphore = new Semaphore(settings.threads.max!)
  }

  /**
   * Runs the default export of a file. Resolves with what it returned.
   * @throws as `ThreadAttempt.runIn`
   */
  async run (file: string, task: ThreadableAttempt, filters: Filters): Promise<unknown> {
    await this.#semaphore.acquire(task.signal)
    const { maxResultSize, maxProgressSize } = this.#settings
    const limits: ThreadLimits = {
      maxProgressSize,
      isProgressFiltered: filters.progress !== undefined,
      maxResultSize: filters.result === undefined ? maxResultSize : null
    }
    const attempt = new ThreadAttempt(task, limits)
    this.#attempts.add(attempt)
    try {
      this.#pool ??= this.#open(task.app.log)
      return await attempt.runIn(await this.#pool, file)
    } finally {
      this.#attempts.delete(attempt)
      this.#semaphore.release()
    }
  }

  /** Its library is loaded only if a task needs it. */
  async #open (log: FastifyBaseLogger): Promise<Piscina> {
    if (this.#closed) throw new errors.Shutdown()
    const { max, idleTimeout, maxHeap } = this.#settings.threads
    const { Piscina } = await import(LIBRARY) as typeof import('piscina')
    const pool = new Piscina({
      filename: threadEntry!, // a task without it cannot be defined
      minThreads: 0,
      maxThreads: max,
      idleTimeout,
      // An idle thread that is blocked keeps no connection of a handler alive.
      atomics: 'disabled',
      recordTiming: false,
      ...(maxHeap === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: maxHeap } })
    })
    this.#watch(pool, log)
    return pool
  }

  /** A thread that dies without a task is logged. Tasks that wait are failed if no thread can start at all. */
  #watch (pool: Piscina, given: FastifyBaseLogger): void {
    const log = steadyLog(() => given)
    let lastError: unknown = new Error('it ended before it could start')
    pool.on('error', error => {
      lastError = error
      const fields = { event: 'thread.died', err: toLoggable(error) }
      log.warn(fields, 'an idle thread died: code there threw, and nothing caught it')
    })
    pool.on('workerDestroy', () => setImmediate(() => {
      if (pool.queueSize > 0) for (const attempt of this.#attempts) attempt.giveUp(lastError)
    }))
  }

  /** Call it after the workers have closed. A thread that does not stop is not waited for. */
  async close (): Promise<void> {
    this.#closed = true
    const pool = await this.#pool?.catch(() => null)
    const timer = new AbortController()
    await Promise.race([pool?.destroy(), sleep(ABORT_GRACE_MS, undefined, { signal: timer.signal }).catch(() => {})])
    timer.abort()
  }
}

/** Admits so many at once, in the order of their calls. A waiter can give up, and a thread that died blocks nobody. */
class Semaphore {
  #free: number
  readonly #waiting = new Set<() => void>()

  constructor (free: number) { this.#free = free }

  async acquire (signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#free > 0) return void this.#free--
    await new Promise<void>((resolve, reject) => {
      const admit = (): void => {
        signal.removeEventListener('abort', giveUp)
        resolve()
      }
      const giveUp = (): void => {
        this.#waiting.delete(admit)
        reject(signal.reason)
      }
      this.#waiting.add(admit)
      signal.addEventListener('abort', giveUp, { once: true })
    })
  }

  release (): void {
    const [next] = this.#waiting
    if (!next) return void this.#free++
    this.#waiting.delete(next)
    next()
  }
}
