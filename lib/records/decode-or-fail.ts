/**
 * Decodes the record of a task for readers: one that cannot be read is shown as a failure.
 */
import { decode, placeholderRecord, type StoredTask } from './task-record.ts'

export function decodeOrFail (text: string, now: () => number): { stored: StoredTask, isReadable: boolean } {
  try {
    return { stored: decode(text), isReadable: true }
  } catch (error) {
    const { message } = error as Error
    const failure = { name: 'Error', message, code: 'FST_TASKS_RECORD_INVALID' }
    return { stored: { ...placeholderRecord(now()), error: failure }, isReadable: false }
  }
}
