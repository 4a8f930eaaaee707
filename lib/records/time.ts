/**
 * Times as ISO 8601 texts.
 */

/** The latest time that a Date can hold, ms since 1970. */
export const MAX_DATE = 8.64e15

const DAY_MS = 86_400_000
/** The date of the last text, with its T: most tasks of a list are of one day, and a Date costs more than the rest. */
let last = { day: NaN, date: '' }

const numbers = (digits: number): string[] =>
  Array.from({ length: 10 ** digits }, (_, number) => String(number).padStart(digits, '0'))
const [TWO, THREE] = [numbers(2), numbers(3)]

/** As `Date.toISOString`. Null if no Date can hold the time: a producer's mistake must not make `status()` throw. */
export function toIsoTime (ms: number | undefined): string | null {
  if (ms === undefined || !(Math.abs(ms) <= MAX_DATE)) return null
  const whole = Math.trunc(ms)
  const day = Math.floor(whole / DAY_MS)
  if (day !== last.day) last = { day, date: new Date(day * DAY_MS).toISOString().replace(/[^T]+$/, '') }
  const rest = whole - day * DAY_MS
  const seconds = Math.trunc(rest / 1_000)
  const minutes = Math.trunc(seconds / 60)
  const [hour, minute, second] = [TWO[Math.trunc(minutes / 60)], TWO[minutes % 60], TWO[seconds % 60]]
  return `${last.date}${hour}:${minute}:${second}.${THREE[rest % 1_000]}Z`
}

/** Of a text that begins with a date of ISO 8601. NaN if the day does not exist: Date takes February 30 as March 2. */
export function parseTime (text: string): number {
  const [year = '', month = '', day = ''] = text.slice(0, 10).split('-')
  const exists = new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate() >= Number(day)
  return exists ? Date.parse(text) : NaN
}
