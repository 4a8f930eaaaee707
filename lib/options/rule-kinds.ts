/**
 * Kinds of rules for options, and what they are made of.
 */
import { fileURLToPath } from 'node:url'
import { builtInName } from '../built-in.ts'
import { tryOr, withCommas } from '../describe.ts'
import { isFullArray } from '../own.ts'
import { isRedisUrl } from './redis-url.ts'
import { isTag, isTags } from '../records/tags.ts'
import { MAX_DATE } from '../records/time.ts'

export interface Rule {
  ok: (value: any) => boolean
  /** Completes "must be …". */
  expected: string
  /** A sentence, mostly an example. */
  fix: string
}

export type Rules = Record<string, Rule>

/** The longest wait of setTimeout, in ms. A longer one fires at once. */
export const MAX_TIMER = 2 ** 31 - 1

/** The longest span, in ms. A quarter of the latest Date: the sum of a time and some spans stays below it. */
export const MAX_SPAN = MAX_DATE / 4
/** Of tasks of a queue in one worker. */
export const MAX_CONCURRENCY = 1_000
export const MAX_BYTES = 512 * 1_048_576
export const MAX_PORT = 65_535

const NAME = /^[A-Za-z0-9_-]{1,64}$/
// Not longer than a parameter of Fastify's router may be. Not "." or "..", which are no part of a URL's path.
const ID = /^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,99}$/

export const isId = (value: unknown): value is string => typeof value === 'string' && ID.test(value)

/** Not a promise, a Map or a Date: they would be taken as if no option were set. False if it cannot be looked at. */
export function isObject (value: unknown): value is Record<string, any> {
  if (typeof value !== 'object' || value === null) return false
  return tryOr(() => !Array.isArray(value) && builtInName(value) === undefined, false)
}

export const isName = (value: unknown): value is string => typeof value === 'string' && NAME.test(value)
export const isFunction = (value: unknown): boolean => typeof value === 'function'
export const isHook = (value: unknown): boolean => isFunction(value) || areAll(value, isFunction)

/** Whether it is an array, and each of its items is so. */
export const areAll = (value: unknown, is: (item: unknown) => boolean): boolean =>
  isFullArray(value) && value.every(item => is(item))

/** Ms of a Date or of a number. Copied, because a Date's methods may be overridden. */
export const timeOf = (value: unknown): number => value instanceof Date ? new Date(value).getTime() : value as number

export function isTime (value: unknown): boolean {
  const time = timeOf(value)
  return Number.isInteger(time) && time >= 0 && time <= MAX_DATE
}

/** Throws for a URL of another scheme or host. */
export function isFile (value: unknown): boolean {
  if (value instanceof URL || /^file:/.test(value as string)) return fileURLToPath(value as URL) !== ''
  return typeof value === 'string' && value !== '' && !value.includes('\0')
}

export const isNode = (value: unknown): boolean =>
  isObject(value) || Number.isInteger(value) || (typeof value === 'string' && isRedisUrl(value))

export function integer (min: number, max: number, unit: string, fix: string): Rule {
  const range = `${withCommas(min)} to ${withCommas(max)}`
  const ok = (value: any): boolean => Number.isInteger(value) && value >= min && value <= max
  return { ok, expected: `${`a whole number ${unit}`.trim()}, ${range}`, fix }
}

export const bool = (fix: string): Rule => ({ ok: value => typeof value === 'boolean', expected: 'true or false', fix })

export const name = (fix: string): Rule =>
  ({ ok: isName, expected: 'a string of 1 to 64 characters of A-Z, a-z, 0-9, "_", "-"', fix })

export const object = (fix: string): Rule => ({ ok: isObject, expected: 'an object', fix })

export const tagRule: Rule = {
  ok: isTag, expected: 'a string of 1 to 64 visible ASCII characters', fix: 'For example "tenant:42".'
}

export const tagsRule: Rule = {
  ok: isTags,
  expected: 'an array of up to 10 strings, each of 1 to 64 visible ASCII characters',
  fix: 'For example ["tenant:42"].'
}
