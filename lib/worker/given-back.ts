/**
 * Prefetched tasks that the guard has given back while a task held the event loop: see prefetch-guard.ts. They are not
 * ours to start. A little later they are released once more: perhaps Redis was unavailable to the guard, or a cancel
 * was requested. What the guard has released by then is not the token's any more, and keeps its place in the queue.
 */
import { LogLimit } from '../log-limit.ts'
import { clearTimeout, setTimeout, uptime } from '../timers.ts'
import type { FastifyBaseLogger } from 'fastify'
import type { ClaimRef } from '../store/contract.ts'
import type { PrefetchedJob } from './prefetch.ts'
import type { Runner } from './runner.ts'

/** How long the guard may still be at it, in ms. */
const GUARD_MS = 500

export interface GivenBackOptions {
  log: FastifyBaseLogger
  queue: string
  runner: () => Pick<Runner, 'release' | 'running'>
}

export class GivenBack {
  readonly #options: GivenBackOptions
  readonly #limit = new LogLimit()
  #jobs: PrefetchedJob[] = []
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  constructor (options: GivenBackOptions) {
    this.#options = options
  }

  claims (): ClaimRef[] { return this.#jobs.map(({ job }) => job) }

  add (jobs: PrefetchedJob[]): void {
    if (this.#limit.allows('held')) this.#report(jobs)
    this.#jobs.push(...jobs)
    if (this.#stopped) return this.#release()
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#release(), GUARD_MS)
  }

  #report (jobs: PrefetchedJob[]): void {
    const { log, queue, runner } = this.#options
    const heldMs = Math.round(uptime() - jobs[0]!.since)
    const running = runner().running()
    const fields = { event: 'worker.prefetch_given_back', queue, count: jobs.length, heldMs, running }
    log.warn(fields, 'event loop was held by a task: prefetched tasks went back to their queue. ' +
      'Give it a thread: define(name, { thread: file })')
  }

  /** From now on they are released at once. */
  stop (): void {
    this.#stopped = true
    this.#release()
  }

  #release (): void {
    clearTimeout(this.#timer)
    if (this.#jobs.length > 0) void this.#options.runner().release(this.#jobs.splice(0))
  }
}
