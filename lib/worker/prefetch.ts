/**
 * Layer 2: how many tasks a worker claims ahead of its free slots: as many as its slots get through in a moment, so that
 * quick tasks do not wait for Redis, and slow ones wait in the queue, where any worker finds them.
 */

/** What is claimed ahead should be under way after so long, in ms. */
const MOMENT = 5
/** The most that is claimed ahead: so many times what runs at once, and no less than this. A round trip may be long. */
const MOST_TIMES = 4
const LEAST_MOST = 256
/** How long it is known how quick tasks are, in ms: a batch and its way to Redis take some time. */
const MEMORY = 100
/** Share of the newest task in the mean. */
const WEIGHT = 0.1

export class Pace {
  readonly #concurrency: number
  /** Mean run of a task, in ms; null before the first has ended. */
  #mean: number | null = null
  /** When the last one ended, ms since 1970. */
  #last = 0

  constructor (concurrency: number) {
    this.#concurrency = concurrency
  }

  /**
   * How many may be claimed beside those that have a slot.
   * @param full whether no slot is free: where none has ended for a moment they are with slow ones
   */
  ahead (full: boolean): number {
    if (this.#mean === null || Date.now() - this.#last > (full ? MOMENT : MEMORY)) return 0
    const most = Math.max(MOST_TIMES * this.#concurrency, LEAST_MOST)
    return Math.min(most, Math.floor(this.#concurrency * MOMENT / Math.max(this.#mean, 0.01)))
  }

  /** A task has ended that was started then (ms since 1970). */
  ended (since: number): void {
    this.#last = Date.now()
    const ms = this.#last - since
    this.#mean = this.#mean === null ? ms : this.#mean + (ms - this.#mean) * WEIGHT
  }
}
