/**
 * Describes a value as text, even if reading the value throws.
 */
import { inspect } from 'node:util'
import fc from 'fast-check'

const MAX_LENGTH = 1_500

export function describeValue (value: unknown): string {
  for (const format of [() => fc.stringify(value), () => inspect(value, { depth: 6 })]) {
    try {
      const text = format()
      return text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}… (${text.length} characters)` : text
    } catch {}
  }
  return 'a value that cannot be shown'
}
