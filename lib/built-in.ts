/**
 * Objects of JavaScript itself. None has options in it, and JSON makes `{}` of most.
 */
import { types } from 'node:util'
import { isThenable } from './sync-answer.ts'

const NAMES: ReadonlyArray<readonly [is: (value: unknown) => boolean, name: string]> = [
  [types.isMap, 'a Map'],
  [types.isSet, 'a Set'],
  [types.isDate, 'a Date'],
  [types.isRegExp, 'a regular expression'],
  [types.isNativeError, 'an Error'],
  [types.isBoxedPrimitive, 'a boxed primitive'],
  [types.isWeakMap, 'a WeakMap'],
  [types.isWeakSet, 'a WeakSet'],
  [types.isArrayBufferView, 'a Buffer or another view'],
  [types.isAnyArrayBuffer, 'an ArrayBuffer'],
  [value => value instanceof URL, 'a URL object']
]

/** What the object is, with an article. Undefined for a plain object, and for that of a class. */
export function builtInName (value: object): string | undefined {
  if (Object.getPrototypeOf(value) === Object.prototype) return undefined
  // Of a library too: a query that was not awaited.
  if (isThenable(value)) return 'a promise that was not awaited'
  return NAMES.find(([is]) => is(value))?.[1]
}
