/**
 * The last failed attempts of a task, as they are stored in its record. A task that succeeds at once stores nothing.
 */
import { toUSVString } from 'node:util'
import { MAX_DATE } from './time.ts'
import type { FailedAttempt, TaskErrorRecord } from '../types.ts'

/** Times in ms since 1970. */
export interface StoredFailedAttempt {
  attempt: number
  start: number | null
  end: number
  worker: string | null
  outcome: FailedAttempt['outcome']
  error: { name: string, message: string, code: string | null }
}

/** How many are kept. */
const MAX_ATTEMPTS = 10
const MAX_MESSAGE = 500
const MAX_NAME = 100

const cut = (text: string, length: number): string =>
  toUSVString(text.length > length ? `${text.slice(0, length - 1)}…` : text)

/** The newest last. */
export function addFailedAttempt (
  before: StoredFailedAttempt[] | undefined, failed: Omit<StoredFailedAttempt, 'error'>, error: TaskErrorRecord
): StoredFailedAttempt[] {
  const { name, message, code } = error
  const short = { name: cut(name, MAX_NAME), message: cut(message, MAX_MESSAGE), code: code && cut(code, MAX_NAME) }
  return [...before ?? [], { ...failed, error: short }].slice(-MAX_ATTEMPTS)
}

const isTime = (value: unknown): boolean => Number.isSafeInteger(value) && Math.abs(value as number) <= MAX_DATE
const isText = (value: unknown): boolean => typeof value === 'string'
const orNull = (is: (value: unknown) => boolean) => (value: unknown): boolean => value === null || is(value)

/** What any producer may have written, without what is no failed attempt. */
export function cleanFailedAttempts (stored: unknown): StoredFailedAttempt[] {
  return Array.isArray(stored) ? stored.filter(isFailedAttempt).slice(-MAX_ATTEMPTS) : []
}

function isFailedAttempt (one: any): boolean {
  const { attempt, start, end, worker, outcome, error } = one ?? {}
  return Number.isSafeInteger(attempt) && orNull(isTime)(start) && isTime(end) && orNull(isText)(worker) &&
    ['retrying', 'failed', 'stalled'].includes(outcome) && isText(error?.name) && isText(error.message) &&
    orNull(isText)(error.code)
}

const iso = (ms: number): string => new Date(ms).toISOString()

/** As the record shows it. */
export function toFailedAttempt ({ attempt, start, end, worker, outcome, error }: StoredFailedAttempt): FailedAttempt {
  const { name, message, code } = error
  const startedAt = start === null ? null : iso(start)
  return { attempt, startedAt, finishedAt: iso(end), worker, outcome, error: { name, message, code } }
}
