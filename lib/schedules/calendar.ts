/**
 * When a schedule is due: the times of a cron expression in a time zone, or of an interval.
 *
 * croner does the parsing and the search. Two rules are ours: a fixed time that a change of the clocks repeats counts
 * once, and a search ends (croner gives up after some years).
 */
import { Cron } from 'croner'

/** What says when a schedule is due. Times are ms since 1970. */
export interface Timing {
  cron?: string
  timezone?: string
  /** The cron expression has a field for seconds. */
  seconds?: boolean
  every?: number
  startAt?: number
  endAt?: number
}

/** Bounds the work for ticks that nobody fired, for example after an outage of weeks. */
const MAX_STEPS = 10_000

export class Calendar {
  readonly #timing: Timing
  readonly #cron: Cron | null

  /** Throws what croner throws for an expression or a time zone that it cannot read. */
  constructor (timing: Timing) {
    const { cron, timezone = 'UTC', seconds = false } = timing
    this.#timing = timing
    this.#cron = cron === undefined ? null : new Cron(cron, { timezone, mode: seconds ? '6-part' : '5-part' })
  }

  /** The first time after `time`. Null if there is none. */
  next (time: number): number | null {
    const { startAt = 0, endAt = Infinity, every } = this.#timing
    const after = Math.max(time, startAt - 1)
    const next = every === undefined ? this.#nextOfCron(after) : nextOfInterval(after, every, startAt)
    return next !== null && next > time && next <= endAt ? next : null
  }

  #nextOfCron (after: number): number | null {
    for (let time = after; ;) {
      const next = this.#cron!.nextRun(new Date(time))?.getTime() ?? null
      if (next === null || next <= time) return null
      if (!this.#isRepeated(next)) return next
      time = next
    }
  }

  /** Whether the clocks were set back, so that a fixed time comes again. Intervals (`*`, `?`) go on meanwhile. */
  #isRepeated (time: number): boolean {
    const { cron, timezone = 'UTC', seconds } = this.#timing
    const hour = cron!.trim().split(/\s+/)[seconds ? 2 : 1]
    if (timezone === 'UTC' || hour === undefined || /^[*?]/.test(hour)) return false
    const wall = time + offsetAt(time, timezone)
    const first = wall - offsetAt(time - 3 * 3_600_000, timezone)
    return first < time && first + offsetAt(first, timezone) === wall
  }

  /** The next times, at most `count`. */
  upcoming (time: number, count: number): number[] {
    const times: number[] = []
    for (let next = this.next(time); next !== null && times.length < count; next = this.next(next)) times.push(next)
    return times
  }

  /**
   * What has passed, from the tick `first` on.
   * @param dueAt when a tick is due: a little after its time, if the schedule has a jitter
   * @returns the latest tick that is due by `now`, how many are due before it, and the one that follows. A long row of
   *   ticks is not looked at one by one: then there is no latest
   */
  passed (first: number, now: number, dueAt: (tick: number) => number): {
    latest: number | null, before: number, next: number | null
  } {
    let latest = first
    for (let before = 0; before < MAX_STEPS; before++) {
      const next = this.next(latest)
      if (next === null || dueAt(next) > now) return { latest, before, next }
      latest = next
    }
    return { latest: null, before: this.#count(latest, now), next: this.next(now) }
  }

  /** Ticks up to `now`, after MAX_STEPS of them. Exact for an interval. */
  #count (latest: number, now: number): number {
    const { every, endAt = Infinity } = this.#timing
    return MAX_STEPS + 1 + (every === undefined ? 0 : Math.floor((Math.min(now, endAt) - latest) / every))
  }
}

function nextOfInterval (after: number, every: number, start: number): number {
  return start + (Math.floor((after - start) / every) + 1) * every
}

const formats = new Map<string, Intl.DateTimeFormat>()

/** How far the clocks of a time zone are ahead of UTC, in ms. */
function offsetAt (time: number, timeZone: string): number {
  let format = formats.get(timeZone)
  if (!format) {
    format = new Intl.DateTimeFormat('en', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric'
    })
    formats.set(timeZone, format)
  }
  const part = Object.fromEntries(format.formatToParts(time).map(({ type, value }) => [type, Number(value)]))
  const wall = Date.UTC(part.year!, part.month! - 1, part.day, part.hour, part.minute, part.second)
  return wall - Math.floor(time / 1_000) * 1_000
}
