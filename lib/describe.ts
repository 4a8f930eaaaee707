/**
 * Any value as short text for an error or a log line.
 */
import { builtInName } from './built-in.ts'

const MAX_LENGTH = 80
const NOT_SHOWN = 'something that cannot be shown'

/** The result of `read`, or `otherwise` if it throws. Getters, proxies and methods of a value may throw. */
export function tryOr<T> (read: () => T, otherwise: T): T {
  try {
    return read()
  } catch {
    return otherwise
  }
}

/** Not `instanceof` alone: a proxy may throw there. Asked of each result of a handler. */
export const isA = <T>(value: unknown, Class: new (...args: any[]) => T): value is T =>
  isReference(value) && tryOr(() => value instanceof Class, false)

const isReference = (value: unknown): boolean =>
  (typeof value === 'object' && value !== null) || typeof value === 'function'

/** A value, short and on one line. A long text is cut, so that a secret is not shown whole. */
export function describeValue (value: unknown): string {
  const text = tryOr(() => textOf(value), undefined) ?? tryOr(() => Object.prototype.toString.call(value), NOT_SHOWN)
  return text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH - 3)}…` : text
}

/** Which names of an object's properties are shown. */
const MAX_KEYS = 10

/** What a value is, with nothing of its content but the names of its properties: that may be secret. */
export function describeKind (value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (typeof value === 'function') return `a function (${tryOr(() => nameOf(value), 'anonymous')})`
  if (typeof value !== 'object') return `a ${typeof value}`
  return tryOr(() => kindOfObject(value), NOT_SHOWN)
}

function kindOfObject (value: object): string {
  if (Array.isArray(value)) return `an array of ${value.length}`
  const name = builtInName(value)
  if (name !== undefined) return name
  const keys = Object.keys(value)
  const shown = keys.slice(0, MAX_KEYS).map(key => key.slice(0, MAX_LENGTH)).join(', ')
  const more = keys.length > MAX_KEYS ? ` and ${keys.length - MAX_KEYS} more` : ''
  return keys.length === 0 ? 'an object without properties' : `an object with the properties ${shown}${more}`
}

/** A name of any type, to be put in quotes. */
export function describeName (name: unknown): string {
  return typeof name === 'string' ? name.slice(0, MAX_LENGTH) : describeValue(name)
}

function textOf (value: unknown): string | undefined {
  if (typeof value === 'function') return `a function (${nameOf(value)})`
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value !== 'object' && typeof value !== 'string') return String(value)
  const json = JSON.stringify(value)
  return json === '{}' ? builtInName(value as object) ?? json : json
}

/** A function's own property `name` may be anything. */
function nameOf ({ name }: { name: unknown }): string {
  return typeof name === 'string' && name !== '' ? name : 'anonymous'
}

/** A text without the user and the password of the URLs in it. A Redis URL may be mistyped, with one slash or none. */
export const hideCredentials = (text: string): string => text.replace(/\S+/g, word => {
  const end = word.lastIndexOf('@') + 1 // what is behind it holds no credentials
  return end === 0 ? word : hideBefore(word.slice(0, end)) + word.slice(end)
})

/** @param word a word that ends with "@" */
const hideBefore = (word: string): string =>
  word.replace(/\b(rediss?:\/*).*@$|(\/\/)[^/]*@/gis, (_match, scheme?: string, slashes?: string) =>
    `${scheme ?? slashes}…@`)

/** A whole number with commas: 1,000. Not by `toLocaleString`, whose first call takes 20 ms of each start. */
export const withCommas = (number: number): string => String(number).replace(/\B(?=(?:\d{3})+$)/g, ',')
