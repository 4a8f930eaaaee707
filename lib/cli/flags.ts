/**
 * The values of flags: how they are read from a command line, and how they are written to one.
 */
import { InvalidArgumentError } from 'commander'
import { withCommas } from '../describe.ts'
import { MAX_PORT } from '../options.ts'
import { parseTime } from '../records/time.ts'

export const LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']

/**
 * Names, separated by commas. Throws InvalidArgumentError, as all functions here.
 * @param before those of the same flag before this one: each `-Q` adds its names
 */
export function names (value: string, before: string[] = []): string[] {
  const found = value.split(',').map(name => name.trim()).filter(name => name !== '')
  if (found.length === 0) throw new InvalidArgumentError('Give names of queues, separated by commas: default,mail')
  return [...before, ...found]
}

/** A flag that chooses tasks. Of two values the last would count: the command would find or change other tasks. */
export const once = <T = string>(parse = (value: string): T => value as T) => (value: string, before?: T): T => {
  if (before !== undefined) throw new InvalidArgumentError('It was given before: give it once.')
  return parse(value)
}

export function integer (value: string): number {
  if (!/^\d+$/.test(value)) throw new InvalidArgumentError('Give a whole number.')
  return Number(value)
}

/** Throws InvalidArgumentError at once: a worker that restarts when files change would wait for one that helps. */
export const integerFrom = (min: number, max: number) => (value: string): number => {
  const number = integer(value)
  if (number < min || number > max) {
    throw new InvalidArgumentError(`Give a whole number, ${withCommas(min)} to ${withCommas(max)}.`)
  }
  return number
}

const SPANS: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** A point in time, in ms since 1970: in ISO 8601, or so long ago as "90s", "30m", "2h" or "7d". */
export function time (value: string): number {
  const [, count, unit] = /^(\d+)([smhd])$/.exec(value) ?? []
  if (count !== undefined) return Date.now() - Number(count) * SPANS[unit!]!
  return isoTime(value, 'or a span ago, as 2h')
}

/** A point in time that is still to come: a span could be meant as one from now. */
export const laterTime = (value: string): number => isoTime(value, 'or a span from now in ms with --delay')

function isoTime (value: string, other: string): number {
  const at = /^\d{4}-\d\d-\d\d/.test(value) ? parseTime(value) : NaN
  if (Number.isNaN(at)) throw new InvalidArgumentError(`Give a time, as 2026-01-31T12:00:00Z, ${other}.`)
  return at
}

export function port (value: string): number {
  const number = integer(value)
  if (number > MAX_PORT) throw new InvalidArgumentError('Give a port, 0 to 65535.')
  return number
}

export function level (value: string): string {
  if (!LEVELS.includes(value)) throw new InvalidArgumentError(`Give one of ${LEVELS.join(', ')}.`)
  return value
}

/** The arguments that set flags to values. Without those that are undefined. */
export function toArgs (flags: Record<`--${string}`, string | number | undefined>): string[] {
  return Object.entries(flags).flatMap(([flag, value]) => value === undefined ? [] : [flag, String(value)])
}
