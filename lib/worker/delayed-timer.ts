/**
 * Wakes a consumer when the next delayed task is due.
 */
import { MAX_TIMER } from '../options.ts'
import { clearTimeout, setTimeout, uptime } from '../timers.ts'
import type { ClaimReply, StoreClock } from '../store/contract.ts'

export class DelayedTimer {
  readonly #clock: StoreClock
  readonly #onDue: () => void
  #timer: NodeJS.Timeout | null = null
  /** On a clock that is never set, in ms. */
  #due = Infinity
  #stopped = false

  constructor (clock: StoreClock, onDue: () => void) {
    this.#clock = clock
    this.#onDue = onDue
  }

  /** @param due ms since 1970 on Redis' clock. No-op if an earlier task is known. */
  wakeAt (due: number): void { this.wakeIn(due - this.#clock.now()) }

  /** A claim says when the next task is due, and what time it is there. */
  onClaimed ({ next, now }: Pick<ClaimReply, 'next' | 'now'>): void {
    if (next !== null) this.wakeIn(next - now)
  }

  /** @param wait ms from now */
  wakeIn (wait: number): void {
    const due = uptime() + wait
    if (this.#stopped || !(due < this.#due)) return
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
