/**
 * Cursors as texts. Not readable, so that nobody writes one by hand: each is valid for its own call only.
 */
import { tryOr } from '../describe.ts'
import { isTooDeep } from '../records/json.ts'

/** No cursor has as many levels. To write thousands of them again overflows the stack. */
const MAX_LEVELS = 4

export const encodeCursor = (parts: unknown[]): string => Buffer.from(JSON.stringify(parts)).toString('base64url')

/** None of a text that is no cursor. What they are is for the caller to check: anybody may have written them. */
export function decodeCursor (cursor: string): any[] {
  const json = Buffer.from(cursor, 'base64url').toString()
  const parts = isTooDeep(json, MAX_LEVELS) ? null : tryOr(() => JSON.parse(json), null)
  return Array.isArray(parts) ? parts : []
}
