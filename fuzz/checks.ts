/**
 * Checks of outcomes that must hold for every input.
 */
import { describeValue } from './describe-value.ts'

export type Outcome<T> = { value: T } | { error: any }

export async function outcomeOf<T> (work: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { value: await work() }
  } catch (error) {
    return { error }
  }
}

export function check (condition: unknown, message: string, ...values: unknown[]): asserts condition {
  if (!condition) throw new Error([message, ...values.map(describeValue)].join(' | '))
}

/** Messages go to logs and clients, so they must not repeat a long value. */
const MAX_MESSAGE_LENGTH = 4_500

/** Checks an error that a user gets: it has one of our codes, a status, and a message of bounded length. */
export function checkErrorCode (error: any, ...moreCodes: string[]): void {
  const code = error instanceof Error ? (error as any).code : undefined
  if (typeof code !== 'string' || !(code.startsWith('FST_TASKS_') || moreCodes.includes(code))) {
    throw new Error(`the error has none of our codes: ${stackOf(error)}`)
  }
  check(error.statusCode >= 400 && error.statusCode < 600, 'the error has no error status', error.statusCode)
  const { length } = error.message
  check(length <= MAX_MESSAGE_LENGTH, `the message of ${code} has ${length} characters`, error.message.slice(0, 80))
}

function stackOf (error: any): string {
  try {
    return error.stack.split('\n').slice(0, 6).join('\n')
  } catch {
    return describeValue(error)
  }
}

/** The JSON of data: undefined if there is no data, null if it cannot be serialized. */
export function jsonOf (data: unknown): string | undefined | null {
  if (data === undefined) return undefined
  try {
    return JSON.stringify(data) ?? null
  } catch {
    return null
  }
}

/** The depth of nested arrays and objects in JSON. */
export function depthOf (json: string): number {
  let depth = 0
  let deepest = 0
  for (const char of json.replace(/"(?:[^"\\]|\\.)*"/g, '')) {
    if (char === '[' || char === '{') deepest = Math.max(deepest, ++depth)
    else if (char === ']' || char === '}') depth--
  }
  return deepest
}

/** Removes the keys that could change a prototype, as lib does when it reads records. */
export function withoutPrototypeKeys (value: any): any {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(withoutPrototypeKeys)
  const kept = Object.entries(value)
    .filter(([key, item]) => key !== '__proto__' && !(key === 'constructor' && hasPrototypeKey(item)))
  return Object.fromEntries(kept.map(([key, item]) => [key, withoutPrototypeKeys(item)]))
}

function hasPrototypeKey (value: any): boolean {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, 'prototype')
}
