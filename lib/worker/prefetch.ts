/**
 * Tasks that a worker claimed before it has a slot for them, so that quick tasks do not wait for Redis. Slow tasks are
 * not prefetched: they wait in the queue, where any worker finds them.
 */
import { clearTimeout, setTimeout, uptime } from '../timers.ts'
import type { ClaimedJob, ClaimRef } from '../store/contract.ts'

/** Prefetched tasks should start within this time, in ms. */
const TARGET_START_MS = 5
/** Prefetched at most: so many times the concurrency, and MIN_CAP for a small one. A round trip may be long. */
const MAX_FACTOR = 4
const MIN_CAP = 256
/** How long a measurement counts, in ms: a batch and its way to Redis take some time. */
const STALE_AFTER_MS = 100
/** The newest task's share in the moving average. */
const EWMA_ALPHA = 0.1
/** How long a task may wait for a slot of this worker, in ms. */
const MAX_PREFETCHED_MS = 20

/** How many tasks to prefetch, by how long tasks take. */
export class PrefetchWindow {
  readonly #concurrency: number
  /** Moving average of the run time of tasks, in ms. Null before the first task has ended. */
  #meanRunMs: number | null = null
  #lastEndedAt = 0

  constructor (concurrency: number) {
    this.#concurrency = concurrency
  }

  /** @param isFull whether no slot is free: if no task ended lately, all slots have slow tasks */
  size (isFull: boolean): number {
    if (this.#meanRunMs === null) return 0
    if (uptime() - this.#lastEndedAt > (isFull ? TARGET_START_MS : STALE_AFTER_MS)) return 0
    const cap = Math.max(MAX_FACTOR * this.#concurrency, MIN_CAP)
    return Math.min(cap, Math.floor(this.#concurrency * TARGET_START_MS / Math.max(this.#meanRunMs, 0.01)))
  }

  /** Returns how long the task ran, in ms. @param startedAt when it started, as `uptime()` */
  taskEnded (startedAt: number): number {
    this.#lastEndedAt = uptime()
    const ms = this.#lastEndedAt - startedAt
    this.#meanRunMs = this.#meanRunMs === null ? ms : this.#meanRunMs + (ms - this.#meanRunMs) * EWMA_ALPHA
    return ms
  }
}

/** A claimed task without a slot. */
export interface PrefetchedJob {
  job: ClaimedJob
  /** When it was claimed: on Redis' clock (ms since 1970), and as `uptime()`. */
  now: number
  since: number
}

/** Prefetched tasks, the oldest first. */
export class PrefetchBuffer {
  readonly #onOverdue: () => void
  #jobs: PrefetchedJob[] = []
  #timer: NodeJS.Timeout | null = null

  /** @param onOverdue called when a task has waited too long: one slow task must not hold up the others */
  constructor (onOverdue: () => void) {
    this.#onOverdue = onOverdue
  }

  get length (): number { return this.#jobs.length }

  claims (): ClaimRef[] { return this.#jobs.map(({ job }) => job) }

  /** @param now Redis' clock at the claim, ms since 1970 */
  add (jobs: ClaimedJob[], now: number): void {
    const since = uptime()
    for (const job of jobs) this.#jobs.push({ job, now, since })
  }

  shift (): PrefetchedJob | undefined { return this.#jobs.shift() }

  takeAll (): PrefetchedJob[] { return this.#jobs.splice(0) }

  /** Takes out the task of a claim. Null if it is not here. */
  take ({ id, token }: ClaimRef): PrefetchedJob | null {
    const at = this.#jobs.findIndex(({ job }) => job.id === id && job.token === token)
    return at < 0 ? null : this.#jobs.splice(at, 1)[0]!
  }

  /** Watches the oldest task, if there is one. */
  watch (): void {
    if (this.#jobs.length > 0) this.#timer ??= setTimeout(() => this.#check(), MAX_PREFETCHED_MS)
  }

  #check (): void {
    this.#timer = null
    const [oldest] = this.#jobs
    if (!oldest) return
    const left = oldest.since + MAX_PREFETCHED_MS - uptime()
    if (left > 0) this.#timer = setTimeout(() => this.#check(), left)
    else this.#onOverdue()
  }

  stop (): void {
    if (this.#timer) clearTimeout(this.#timer)
  }
}
