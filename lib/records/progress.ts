/**
 * Stage and progress of a running task, as they are stored beside its record.
 */
import { isTooDeep } from './json.ts'
import type { LiveState } from './task-record.ts'

/** Undefined if the text is not one of ours. Then the record still says the rest. */
export function decodeProgress (text: string): LiveState['progress'] {
  if (isTooDeep(text)) return undefined
  try {
    const { stage, progress } = JSON.parse(text)
    return { stage: typeof stage === 'string' ? stage : null, progress: progress ?? null }
  } catch {
    return undefined
  }
}
