/**
 * The head of a large record: the record without its data and its result, for lists. It is cut out of the text: a text
 * of some MB is neither parsed nor encoded again.
 */

/** A record of more characters has a head. */
export const LARGE = 32_768
/** Bounds the time for a text whose data have many parts. */
const MAX_STEPS = 20_000
/** Data may have any number of options. */
const MAX_TRIES = 20

const START = /^\{"data":\{"name":("(?:[^"\\]|\\.){1,1000}")/
const ENVELOPE = '{"data":'
const OPTIONS = ',"options":'

/** Null if it cannot be found in a short time, or if it is large itself. */
export function headOf (text: string): string | null {
  const name = START.exec(text)?.[1]
  if (name === undefined) return null
  const rest = restFromEnd(text) ?? restFromStart(text)
  return rest === null || rest.length > LARGE ? null : `${ENVELOPE}{"name":${name}}${rest}`
}

/**
 * From the options to the end, if that is not large. The options of a record and no others begin a text that is JSON to
 * its end: behind those that are deeper there are more brackets that close, and in a string there are backslashes.
 */
function restFromEnd (text: string): string | null {
  const end = text.slice(-LARGE)
  for (let at = end.lastIndexOf(OPTIONS), tries = 0; at > 0 && tries < MAX_TRIES; tries++) {
    if (isObject(`{${end.slice(at + 1)}`)) return end.slice(at)
    at = end.lastIndexOf(OPTIONS, at - 1)
  }
  return null
}

function isObject (text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** From the options to the result, if the result is the last of the record. */
function restFromStart (text: string): string | null {
  const steps = /[[\]{}"]/g
  let [depth, options] = [0, -1]
  for (let count = 0; count < MAX_STEPS; count++) {
    const at = steps.exec(text)?.index
    if (at === undefined) return null
    const sign = text[at]
    if (sign !== '"') depth += sign === '{' || sign === '[' ? 1 : -1
    else if (depth === 1 && text.startsWith('"result":', at)) {
      return options < 0 ? null : `${text.slice(options, at - 1)}}`
    } else {
      if (depth === 1 && text.startsWith(OPTIONS, at - 1)) options = at - 1
      steps.lastIndex = endOfString(text, at)
    }
  }
  return null
}

/** The index behind a string. */
function endOfString (text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let before = end - 1
    while (text[before] === '\\') before--
    if ((end - before) % 2 === 1) return end + 1
  }
  return text.length
}
