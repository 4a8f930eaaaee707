/**
 * Wakes a consumer when the next delayed task is due.
 */
import { MAX_TIMER } from '../options.ts'
import { clearTimeout, setTimeout } from '../timers.ts'
import type { StoreClock } from '../store/contract.ts'

export class DelayedTimer {
  readonly #clock: StoreClock
  readonly #onDue: () => void
  #timer: NodeJS.Timeout | null = null
  #due = Infinity
  #stopped = false

  constructor (clock: StoreClock, onDue: () => void) {
    this.#clock = clock
    this.#onDue = onDue
  }

  /** @param due ms since 1970 on Redis' clock. No-op if an earlier task is known. */
  wakeAt (due: number): void {
    if (this.#stopped || !(due < this.#due)) return
    const wait = due - this.#clock.now()
    if (wait > MAX_TIMER) return // a regular wait ends in time
    if (this.#timer) clearTimeout(this.#timer)
    this.#due = due
    this.#timer = setTimeout(() => {
      this.#due = Infinity
      this.#onDue()
    }, Math.max(1, wait + 1))
  }

  stop (): void {
    this.#stopped = true
    if (this.#timer) clearTimeout(this.#timer)
  }
}
