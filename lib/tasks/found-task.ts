/**
 * A task as it was read from the store.
 */
import { LARGE } from '../records/record-head.ts'
import type { Definition } from './definition.ts'
import type { StoredTask } from '../records/task-record.ts'
import type { Queue } from '../store/contract.ts'
import type { TaskRecord } from '../types.ts'

export interface FoundTask {
  queue: Queue
  id: string
  /** The bytes of the record, or its text, if it is those bytes. */
  raw: string | Buffer
  stored: StoredTask
  /** See `lifeOf`. */
  life: string
  record: TaskRecord<any, any>
  /** Undefined if this process does not define the task, or if its record cannot be read. */
  definition: Definition | undefined
  /** When it is due if it is delayed, ms since 1970. */
  delayedTo: number | undefined
  /** See `nextOrder`. */
  order: number
  /** The size of a record of which only the head was read: see `readBounded`. */
  unread?: number
}

/**
 * Whether more may be stored of it than its record: tags, a log, or a head. Only a process that runs the task knows
 * whether it keeps logs: a later task with its id must not have them.
 */
export const hasExtras = ({ raw, stored: { options }, definition }: FoundTask): boolean =>
  options.tags !== undefined || !definition?.hasHandler ||
  definition.options.keepLogs !== undefined || raw.length > LARGE

let last = 0

/**
 * A number for what happens in this process, in order: the start of a read, and a change that is heard of. A read shows
 * every change with a lower number.
 */
export const nextOrder = (): number => ++last
