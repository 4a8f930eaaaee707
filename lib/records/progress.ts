/**
 * Stage and progress of a running task. They are stored in a key of their own, beside the record.
 */
import sjson from 'secure-json-parse'
import { isTooDeep, MAX_DEPTH } from './json.ts'
import type { LiveState } from './task-record.ts'

/** Undefined if the text cannot be parsed: the record is shown without it. Any program may have written the text. */
export function decodeProgress (text: string): LiveState['progress'] {
  if (isTooDeep(text, MAX_DEPTH + 1)) return undefined // progress of as many levels as it may have is one deeper here
  try {
    const { stage, progress } = sjson.parse(text, { protoAction: 'remove', constructorAction: 'remove' })
    return { stage: typeof stage === 'string' ? stage : null, progress: progress ?? null }
  } catch {
    return undefined
  }
}
