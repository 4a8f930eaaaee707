/**
 * The rates of one lane in this process: see rate.lua.
 */
import type { LaneRate } from '../lane-contract.ts'

/** With a higher rate a time stands for several starts. */
const TIMES = 256

interface Starts { time: number, count: number }

export class RateLog {
  /** Tasks that are queued, and have not started. */
  readonly tokens = new Set<string>()
  readonly #starts = new Map<number, Starts[]>()
  /** Nothing is admitted before. */
  heldUntil = 0

  /** The starts of a window, oldest first. */
  #in (window: number, now: number): Starts[] {
    const starts = (this.#starts.get(window) ?? []).filter(({ time }) => time + window >= now)
    this.#starts.set(window, starts)
    return starts
  }

  /** How many tasks may get a token, and when more may, if that is known. */
  left (rates: LaneRate[], now: number): { left: number, opensAt: number | null } {
    let [left, opensAt]: [number, number | null] = [Infinity, null]
    for (const { max, window } of rates) {
      const starts = this.#in(window, now)
      const free = max - this.tokens.size - starts.reduce((sum, { count }) => sum + count, 0)
      left = Math.min(left, free)
      if (free <= 0 && starts.length > 0) opensAt = Math.max(opensAt ?? 0, starts[0]!.time + window + 1)
    }
    return { left, opensAt }
  }

  /** A task has started, if it has a token. */
  spend (id: string, rates: LaneRate[], now: number): void {
    if (!this.tokens.delete(id)) return
    for (const { max, window } of rates) {
      const starts = this.#in(window, now)
      const last = starts.at(-1)
      if (last && (last.time === now || last.count < Math.ceil(max / TIMES))) {
        last.time = now
        last.count++
      } else {
        starts.push({ time: now, count: 1 })
      }
    }
  }

  /** From when on nothing is remembered, unless something starts. */
  restsAt (): number {
    const ends = [...this.#starts].flatMap(([window, starts]) => starts.slice(-1).map(last => last.time + window + 1))
    return Math.max(this.heldUntil, ...ends)
  }
}
