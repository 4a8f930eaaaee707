/**
 * When a schedule is due: the times of a cron expression in a time zone, or of an interval.
 *
 * croner does the parsing and the search. Two rules are ours: a fixed time that a change of the clocks repeats counts
 * once, and a search ends (croner gives up after some years).
 */
import { Cron } from 'croner'
import { MAX_DATE } from '../records/time.ts'

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

/** So many ticks that nobody fired are looked at one by one, for example after an outage of weeks. */
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
    const { startAt = 0, endAt = MAX_DATE, every } = this.#timing
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
   *   ticks is not looked at one by one: of a cron expression no more than MAX_STEPS + 1 are counted
   */
  passed (first: number, now: number, dueAt: (tick: number) => number): {
    latest: number, before: number, next: number | null
  } {
    let latest = first
    for (let before = 0; before < MAX_STEPS; before++) {
      const next = this.next(latest)
      if (next === null || dueAt(next) > now) return { latest, before, next }
      latest = next
    }
    const last = this.#lastDue(latest, now, dueAt)
    const { every } = this.#timing
    const more = every === undefined ? Math.sign(last - latest) : (last - latest) / every
    return { latest: last, before: MAX_STEPS + more, next: this.next(last) }
  }

  /** Searches the last tick that is due by `now`, from one that is due on. */
  #lastDue (known: number, now: number, dueAt: (tick: number) => number): number {
    const dueAfter = (time: number): number | null => {
      const next = this.next(time)
      return next !== null && dueAt(next) <= now ? next : null
    }
    for (let [last, end] = [known, now]; ;) {
      if (dueAfter(last) === null) return last
      const middle = Math.floor((last + end) / 2)
      const next = dueAfter(middle)
      if (next === null) end = middle
      else last = next
    }
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
