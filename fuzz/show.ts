/**
 * A value that may throw when it is looked at, for people.
 */
import { inspect } from 'node:util'
import fc from 'fast-check'

const LONGEST = 1_500

export function show (value: unknown): string {
  for (const way of [() => fc.stringify(value), () => inspect(value, { depth: 6 })]) {
    try {
      const text = way()
      return text.length > LONGEST ? `${text.slice(0, LONGEST)}… (${text.length} characters)` : text
    } catch {}
  }
  return 'something that cannot be shown'
}
