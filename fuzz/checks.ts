/**
 * What is expected of an outcome, whatever the input was.
 */
import { show } from './show.ts'

export type Outcome<T> = { value: T } | { error: any }

export async function outcomeOf<T> (work: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { value: await work() }
  } catch (error) {
    return { error }
  }
}

export function must (holds: unknown, what: string, ...seen: unknown[]): asserts holds {
  if (!holds) throw new Error([what, ...seen.map(show)].join(' | '))
}

/** A message goes to logs and to clients: it shows a value, it does not repeat it. */
const LONGEST_MESSAGE = 4_500

/** An error that a user is to get: with a code of ours, a status, and a message of bounded length. */
export function mustBeCoded (error: any, ...also: string[]): void {
  const code = error instanceof Error ? (error as any).code : undefined
  if (typeof code !== 'string' || !(code.startsWith('FST_TASKS_') || also.includes(code))) throw new Error(`the error has no code of ours: ${stackOf(error)}`)
  must(error.statusCode >= 400 && error.statusCode < 600, 'the error has no status', error.statusCode)
  must(error.message.length <= LONGEST_MESSAGE, `the message of ${code} has ${error.message.length} characters`, error.message.slice(0, 80))
}

function stackOf (error: any): string {
  try {
    return error.stack.split('\n').slice(0, 6).join('\n')
  } catch {
    return show(error)
  }
}

/** What JSON makes of data: undefined for none, null where it cannot carry it. */
export function jsonOf (data: unknown): string | undefined | null {
  if (data === undefined) return undefined
  try {
    return JSON.stringify(data) ?? null
  } catch {
    return null
  }
}

/** How deep JSON is nested. */
export function depthOf (json: string): number {
  let depth = 0
  let deepest = 0
  for (const char of json.replace(/"(?:[^"\\]|\\.)*"/g, '')) {
    if (char === '[' || char === '{') deepest = Math.max(deepest, ++depth)
    else if (char === ']' || char === '}') depth--
  }
  return deepest
}

/** What is left of a value once keys that could change a prototype are taken out, as the records' reader does. */
export function sanitized (value: any): any {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(sanitized)
  const kept = Object.entries(value).filter(([key, one]) => key !== '__proto__' && !(key === 'constructor' && isPrototyped(one)))
  return Object.fromEntries(kept.map(([key, one]) => [key, sanitized(one)]))
}

const isPrototyped = (value: any): boolean => typeof value === 'object' && value !== null && Object.hasOwn(value, 'prototype')
