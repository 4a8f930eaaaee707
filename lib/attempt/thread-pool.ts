/**
 * Layer 2: tasks that run in threads: what computes there holds up neither the app nor the renewal of claims. One pool for
 * all of a registry, since all share the same processors; opened by the first task that needs it.
 */
import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { FastifyBaseLogger } from 'fastify'
import type { Piscina } from 'piscina'
import * as errors from '../errors.ts'
import { ABORT_GRACE, type Attempt } from './attempt.ts'
import { toLoggableError, toFailure } from '../records/failure.ts'
import { ThreadAttempt, type ThreadLimits } from './thread-attempt.ts'
import type { Settings } from '../options.ts'
import type { DefineOptions, TaskHandler } from '../types.ts'

/** As this file is: compiled, or TypeScript. */
const ENTRY = fileURLToPath(new URL(`./thread-entry${import.meta.url.slice(-3)}`, import.meta.url))

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

  /** A handler that runs the one of a task's file in a thread. Throws FST_TASKS_THREAD_NOT_FOUND. */
  handler (task: string, { thread, schema }: DefineOptions): TaskHandler {
    const file = threadFile(task, thread!)
    const { maxResultSize, maxProgressSize } = this.#settings
    const limits = { maxProgressSize, maxResultSize: schema?.result === undefined ? maxResultSize : null }
    return (_data, task) => this.#run(file, task as Attempt, limits)
  }

  async #run (file: string, task: Attempt, limits: ThreadLimits): Promise<unknown> {
    await this.#semaphore.acquire(task.signal)
    const run = new ThreadAttempt(task, limits)
    this.#attempts.add(run)
    try {
      this.#pool ??= this.#open(task.app.log)
      return await run.in(await this.#pool, file)
    } finally {
      this.#attempts.delete(run)
      this.#semaphore.release()
    }
  }

  /** Its library is not loaded where no task needs it. */
  async #open (log: FastifyBaseLogger): Promise<Piscina> {
    if (this.#closed) throw new errors.Shutdown()
    const { max, idleTimeout, maxHeap } = this.#settings.threads
    const { Piscina } = await import('piscina')
    const pool = new Piscina({
      filename: ENTRY,
      minThreads: 0,
      maxThreads: max,
      idleTimeout,
      // An idle thread that is blocked keeps alive no connection of a handler's.
      atomics: 'disabled',
      recordTiming: false,
      ...(maxHeap === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: maxHeap } })
    })
    this.#watch(pool, log)
    return pool
  }

  /** A thread that dies without a task: it is only told, unless no thread can start at all and tasks wait for one. */
  #watch (pool: Piscina, log: FastifyBaseLogger): void {
    let trouble: unknown = new Error('it ended before it could start')
    pool.on('error', error => {
      trouble = error
      log.warn({ err: toLoggableError(toFailure(error)) }, 'A thread ended while it ran no task: something threw there where nobody caught it')
    })
    pool.on('workerDestroy', () => setImmediate(() => {
      if (pool.queueSize > 0) for (const run of this.#attempts) run.giveUp(trouble)
    }))
  }

  /** After the workers: nothing runs any more. Does not wait for what a thread does not let go of. */
  async close (): Promise<void> {
    this.#closed = true
    const pool = await this.#pool?.catch(() => null)
    const timer = new AbortController()
    await Promise.race([pool?.destroy(), sleep(ABORT_GRACE, undefined, { signal: timer.signal }).catch(() => {})])
    timer.abort()
  }
}

/** So many at once, first come first served: what waits here can leave, and does not wait for a thread that died. */
class Semaphore {
  #free: number
  readonly #waiting = new Set<() => void>()

  constructor (free: number) { this.#free = free }

  async acquire (signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#free > 0) return void this.#free--
    await new Promise<void>((resolve, reject) => {
      const turn = (): void => {
        signal.removeEventListener('abort', leave)
        resolve()
      }
      const leave = (): void => {
        this.#waiting.delete(turn)
        reject(signal.reason)
      }
      this.#waiting.add(turn)
      signal.addEventListener('abort', leave, { once: true })
    })
  }

  release (): void {
    const [next] = this.#waiting
    if (!next) return void this.#free++
    this.#waiting.delete(next)
    next()
  }
}

/**
 * The file that a task names. Where it is not there the one of the other language is taken, as imports do: `./x.ts` was
 * compiled, or `./x.js` runs as TypeScript.
 */
function threadFile (task: string, given: string | URL): string {
  const path = given instanceof URL || given.startsWith('file:') ? fileURLToPath(given) : resolve(given)
  const other = path.replace(/\.([cm]?)(ts|js)$/, (_all, kind, language) => `.${kind}${language === 'ts' ? 'js' : 'ts'}`)
  const found = [path, other].find(one => statSync(one, { throwIfNoEntry: false })?.isFile())
  if (found === undefined) throw new errors.ThreadNotFound(task, path)
  return found
}
