/**
 * A task that this worker claimed: its claim, its record, and what is known of its attempt so far.
 */
import { decode, placeholderRecord, resetForRetry, type StoredTask } from '../records/task-record.ts'
import type { Settings } from '../options.ts'
import type { ClaimRef } from '../store/contract.ts'

/** What a handler reported last. */
export interface ReportedState {
  stage: string | null
  progress: unknown
}

export interface ClaimedTask {
  readonly claim: ClaimRef
  readonly queue: string
  /** The record's text, and the record. A record that cannot be read is a placeholder: see `unreadable`. */
  readonly text: string
  readonly stored: StoredTask
  readonly unreadable: Error | undefined
  readonly settings: Settings
  /** The tasks of one worker in the order in which they were claimed. */
  readonly order: number
  /** When its attempt started, ms since 1970 on Redis' clock. Undefined before that. */
  startedAt: number | undefined
  /** How long the attempt ran that has ended, in ms. Undefined before that, and once it is counted. */
  ranMs: number | undefined
  state: ReportedState | undefined
  /** Redis' clock, ms since 1970, when the claim was made; then when its outcome was known. */
  now: number
}

/** Reads a record. Never throws: an unreadable one is replaced by a placeholder, and its error returned. */
export function readStored (text: string, now: number): { stored: StoredTask, unreadable: Error | undefined } {
  try {
    return { stored: decode(text), unreadable: undefined }
  } catch (error) {
    return { stored: placeholderRecord(now), unreadable: error as Error }
  }
}

/** Parameters one by one: this runs for each task. */
export function toClaimedTask (
  text: string, claim: ClaimRef, queue: string, settings: Settings, order: number, now: number
): ClaimedTask {
  const { stored: read, unreadable } = readStored(text, now)
  // A plain Bee-Queue's retry() queues a failed job and leaves its record as it was.
  const stored = read.status === 'failed' ? resetForRetry(read, now) : read
  const none = undefined // all properties from the start: it is quicker than to add one later
  return { claim, queue, text, stored, unreadable, settings, order, startedAt: none, ranMs: none, state: none, now }
}

/** What was reported last: by this attempt, or by one before it. */
export const stateOfReports = ({ state, stored: { stage = null, progress = null } }: ClaimedTask): ReportedState =>
  state ?? { stage, progress }

/** Too late for its first attempt. A task that retries has started in time. */
export const isExpired = ({ options, status }: StoredTask, now: number): boolean =>
  status === 'created' && options.expires !== undefined && options.expires <= now

/** How long it waited after it was due, in ms. Null for a retry, and if another producer wrote no time. */
export function waitedUntil (now: number, { status, options: { timestamp, delay } }: StoredTask): number | null {
  const due = delay ?? timestamp
  return status === 'created' && due > 0 ? Math.max(0, now - due) : null
}
