/**
 * Tasks that a worker claimed before it has a slot for them, so that quick tasks do not wait for Redis. Slow tasks are
 * not prefetched: they wait in the queue, where any worker finds them.
 */
import { clearTimeout, setTimeout, uptime } from '../timers.ts'
import type { Hold } from './claim-page.ts'
import type { ClaimedJob, ClaimRef } from '../store/contract.ts'

/** Prefetched tasks should start within this time, in ms. */
const TARGET_START_MS = 5
/** Prefetched at most: so many times the concurrency, and MIN_CAP for a small one. A round trip may be long. */
const MAX_FACTOR = 4
const MIN_CAP = 256
/** How long a measurement counts, in ms: a batch and its way to Redis take some time. */
const STALE_AFTER_MS = 100
/** Bounds a call that settles and claims. */
const MAX_BATCH = 100
const MIN_BATCH = 8
/** Tasks that run this long are slow, in ms: a batch of quick ones takes some time too. */
const SLOW_MS = 10
/** Slow tasks that are claimed in one call: this part of the concurrency. */
const SLOW_PART = 1 / 10
/** The newest task's share in the moving average. */
const EWMA_ALPHA = 0.1
/** How long a task may wait for a slot of this worker, in ms. */
const MAX_PREFETCHED_MS = 20

/** How many tasks to prefetch, by how long tasks take. */
export class PrefetchWindow {
  readonly #concurrency: number
  readonly #mayPrefetch: () => boolean
  /** Moving average of the run time of tasks, in ms. Null before the first task has ended. */
  #meanRunMs: number | null = null
  #lastEndedAt = 0

  constructor (concurrency: number, mayPrefetch: () => boolean) {
    this.#concurrency = concurrency
    this.#mayPrefetch = mayPrefetch
  }

  /**
   * How many tasks may be claimed now. With prefetching at most half of all that may be held is claimed at once: Redis
   * is at one half while the handlers run the other.
   */
  room (slots: number, prefetched: number): number {
    const ahead = this.#size(slots >= this.#concurrency)
    const room = this.#concurrency + ahead - slots - prefetched
    return ahead > 0 ? Math.min(room, Math.ceil((this.#concurrency + ahead) / 2)) : room
  }

  /**
   * How many outcomes are settled with one claim. Of quick tasks many: that costs least. Of slow ones few: what starts
   * together ends together, and the last of a large batch waits for all before it.
   */
  batch (): number {
    if ((this.#meanRunMs ?? 0) < SLOW_MS) return MAX_BATCH
    return Math.min(MAX_BATCH, Math.max(MIN_BATCH, Math.ceil(this.#concurrency * SLOW_PART)))
  }

  /** @param isFull whether no slot is free: if no task ended lately, all slots have slow tasks */
  #size (isFull: boolean): number {
    if (this.#meanRunMs === null || !this.#mayPrefetch()) return 0
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
  /** What guards it while it waits for a slot, and its place there. */
  hold?: Hold | null
  position?: number
}

export interface PrefetchEvents {
  /** A task has waited too long: one slow task must not hold up the others. */
  onOverdue: () => void
  /** The guard has given these tasks back. */
  onGivenBack: (jobs: PrefetchedJob[]) => void
}

/** Prefetched tasks, the oldest first. */
export class PrefetchBuffer {
  readonly #events: PrefetchEvents
  #jobs: PrefetchedJob[] = []
  #timer: NodeJS.Timeout | null = null

  constructor (events: PrefetchEvents) {
    this.#events = events
  }

  get length (): number { return this.#jobs.length }

  claims (): ClaimRef[] { return this.#jobs.map(({ job }) => job) }

  /** @param now Redis' clock at the claim, ms since 1970 */
  add (jobs: ClaimedJob[], now: number, hold: Hold | null = null): void {
    const since = uptime()
    for (let position = 0; position < jobs.length; position++) {
      this.#jobs.push({ job: jobs[position]!, now, since, hold, position })
    }
  }

  /** The next task, which is about to start. */
  shift (): PrefetchedJob | undefined {
    const next = this.#jobs.shift()
    if (!next || (next.hold?.start(next.position!) ?? true)) return next
    this.#dropGivenBack(next)
    return this.shift()
  }

  #dropGivenBack (first: PrefetchedJob): void {
    const dropped = [first]
    this.#jobs = this.#jobs.filter(job => !job.hold?.checkTaken() || !dropped.push(job))
    this.#events.onGivenBack(dropped)
  }

  takeAll (): PrefetchedJob[] {
    const all = this.#jobs.splice(0)
    const isOurs = all.map(({ hold }) => hold?.takeAll() ?? true)
    const dropped = all.filter((_job, i) => !isOurs[i])
    if (dropped.length > 0) this.#events.onGivenBack(dropped)
    return all.filter((_job, i) => isOurs[i])
  }

  /** Takes out the task of a claim. Null if it is not here. */
  take ({ id, token }: ClaimRef): PrefetchedJob | null {
    const at = this.#jobs.findIndex(({ job }) => job.id === id && job.token === token)
    if (at < 0) return null
    const [taken] = this.#jobs.splice(at, 1)
    taken!.hold?.forget()
    return taken!
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
    else this.#events.onOverdue()
  }

  stop (): void {
    if (this.#timer) clearTimeout(this.#timer)
  }
}
