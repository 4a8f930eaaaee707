/**
 * Cursors as texts. Not readable, so that nobody writes one by hand: each is valid for its own call only.
 */
import { tryOr } from '../describe.ts'

export const encodeCursor = (parts: unknown[]): string => Buffer.from(JSON.stringify(parts)).toString('base64url')

/** None of a text that is no cursor. What they are is for the caller to check: anybody may have written them. */
export function decodeCursor (cursor: string): any[] {
  const parts = tryOr(() => JSON.parse(Buffer.from(cursor, 'base64url').toString()), null)
  return Array.isArray(parts) ? parts : []
}
