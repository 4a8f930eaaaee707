/**
 * The checks of JSON on its way into a store, and out of it.
 */
import { builtInName } from '../built-in.ts'
import { describeValue, tryOr } from '../describe.ts'
import { toFailure } from './failure.ts'

/** JSON.stringify, or the serializer of a schema. */
export type Serializer = (value: any) => string | undefined

/** Makes the error for a value that cannot be stored. */
export type ToInvalid = (reason: string) => Error

/**
 * JSON.stringify is recursive. It overflows the stack at some 4,000 levels, and earlier if its caller is deep. This
 * fixed limit is far below, so that a record that was read can be written again.
 */
export const MAX_DEPTH = 1_000

/** Whether JSON is nested deeper than `max` levels. Much quicker than parsing it. */
export function isTooDeep (json: string, max = MAX_DEPTH): boolean {
  if (json.length <= 2 * max) return false // each level takes two characters
  let depth = 0
  for (let i = 0; i < json.length; i++) {
    const char = json[i]
    if (char === '"') i = endOfString(json, i)
    else if (char === '[' || char === '{') depth++
    else if (char === ']' || char === '}') depth--
    if (depth > max) return true
  }
  return false
}

function endOfString (json: string, start: number): number {
  for (let end = json.indexOf('"', start + 1); end !== -1; end = json.indexOf('"', end + 1)) {
    let before = end
    while (json[before - 1] === '\\') before--
    if ((end - before) % 2 === 0) return end
  }
  return json.length
}

/** The JSON of a value. `subject` names the value in the reason of an error. Throws what `toInvalid` makes. */
export function toJson (
  value: unknown, toInvalid: ToInvalid, serializer: Serializer = JSON.stringify, subject = 'it'
): string {
  let json: string | undefined
  try {
    json = serializer(value)
  } catch (error) {
    throw toInvalid(toFailure(error).error.message)
  }
  if (json === undefined) throw toInvalid(`${subject} is ${describeValue(value)}`)
  if (serializer !== JSON.stringify && !isJson(json)) throw toInvalid(`the serializer of its schema ${NO_JSON}`)
  return json
}

const NO_JSON = 'wrote text that is not JSON. Look for undefined in an array, a function, or a toJSON without a result'

/** A record with anything else in it could not be read any more. */
function isJson (text: unknown): boolean {
  return typeof text === 'string' && tryOr(() => JSON.parse(text) !== undefined, false)
}

/** As `toJson`, and refuses JSON that is nested too deep. */
export function toStorableJson (value: unknown, toInvalid: ToInvalid, serializer?: Serializer, subject = 'it'): string {
  const json = toJson(value, toInvalid, serializer, subject)
  if (isTooDeep(json)) throw toInvalid(`${subject} is nested deeper than ${MAX_DEPTH} levels`)
  return json
}

/** As `toStorableJson`, and refuses a value of which JSON keeps nothing: a promise that was not awaited, a Map, NaN. */
export function toWholeJson (value: unknown, toInvalid: ToInvalid, serializer?: Serializer, subject = 'it'): string {
  const json = toStorableJson(value, toInvalid, serializer, subject)
  const lost = value === null ? undefined : lostBy(json, value)
  if (lost !== undefined) throw toInvalid(`${subject} is ${lost}`)
  return json
}

function lostBy (json: string, value: unknown): string | undefined {
  if (json === '{}') return typeof value === 'object' ? builtInName(value!) : undefined
  if (json !== 'null') return undefined
  if (typeof value === 'number') return String(value)
  return value instanceof Date ? 'an invalid Date' : undefined
}

/** The size of a text in bytes if it is more than `max`, else 0. */
export function sizeOver (max: number, text: string): number {
  if (text.length * 3 <= max) return 0 // no character takes more than three bytes for each of its UTF-16 units
  const size = Buffer.byteLength(text)
  return size > max ? size : 0
}
