/**
 * Layer 2: how many tasks a worker claims ahead of its free slots: as many as its slots get through in a moment, so that
 * quick tasks do not wait for Redis, and slow ones wait in the queue, where any worker finds them.
 */

/** What is claimed ahead should be under way after so long, in ms. */
const TARGET_START_MS = 5
/** The most that is claimed ahead: so many times what runs at once, and no less than this. A round trip may be long. */
const MAX_FACTOR = 4
const MIN_CAP = 256
/** How long it is known how quick tasks are, in ms: a batch and its way to Redis take some time. */
const STALE_AFTER_MS = 100
/** Share of the newest task in the mean. */
const EWMA_ALPHA = 0.1

export class PrefetchWindow {
  readonly #concurrency: number
  /** Mean run of a task, in ms; null before the first has ended. */
  #meanRunMs: number | null = null
  /** When the last one ended, ms since 1970. */
  #lastEndedAt = 0

  constructor (concurrency: number) {
    this.#concurrency = concurrency
  }

  /**
   * How many may be claimed beside those that have a slot.
   * @param isFull whether no slot is free: where none has ended for a moment they are with slow ones
   */
  size (isFull: boolean): number {
    if (this.#meanRunMs === null || Date.now() - this.#lastEndedAt > (isFull ? TARGET_START_MS : STALE_AFTER_MS)) return 0
    const most = Math.max(MAX_FACTOR * this.#concurrency, MIN_CAP)
    return Math.min(most, Math.floor(this.#concurrency * TARGET_START_MS / Math.max(this.#meanRunMs, 0.01)))
  }

  /** A task has ended that was started then (ms since 1970). */
  taskEnded (startedAt: number): void {
    this.#lastEndedAt = Date.now()
    const ms = this.#lastEndedAt - startedAt
    this.#meanRunMs = this.#meanRunMs === null ? ms : this.#meanRunMs + (ms - this.#meanRunMs) * EWMA_ALPHA
  }
}
