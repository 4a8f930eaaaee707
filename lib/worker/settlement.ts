/**
 * Layer 2: what an outcome means for the task: its next state, its record, and for how long.
 */
import * as errors from '../errors.ts'
import { backoffMs } from './backoff.ts'
import { toFailure, type Failure } from '../records/failure.ts'
import type { Settings } from '../options.ts'
import { attemptsMade, encode, appendOutcome, isNewRecord, type StoredTask } from '../records/task-record.ts'
import type { Outcome, Reported } from '../attempt/attempt.ts'
import type { TerminalState } from '../types.ts'
import type { ClaimRef, Settlement } from '../store/contract.ts'

/** A claimed task, and what is known of its attempt. */
export interface ClaimedTask {
  held: ClaimRef
  queue: string
  /** The record as it was claimed, and as it is read. */
  text: string | null
  stored: StoredTask
  startedAt: number | undefined
  state: Reported | undefined
  settings: Settings
  /** Ms since 1970, by Redis' clock. */
  now: number
}

/** Stacks that a record keeps, newest first. */
const MAX_STACKS = 5

/** How an attempt's outcome is written. Null for one that is not: lost, or to be released. */
export function settlementOf (outcome: Outcome, settling: ClaimedTask): Settlement | null {
  switch (outcome.kind) {
    case 'succeeded': return finish('succeeded', settling, outcome.json)
    case 'cancelled': return finish('cancelled', settling)
    case 'failed': return afterFailure(outcome.failure, outcome.thrown, settling)
    case 'released':
    case 'lost': return null
    default: return outcome satisfies never
  }
}

/** The task ends. */
export function finish (state: TerminalState, settling: ClaimedTask, json?: string, failure?: Failure, attempt?: number): Settlement {
  const { held, stored, settings } = settling
  return {
    id: held.id,
    token: held.token,
    outcome: state,
    text: endText(state, settling, json, failure, attempt),
    ms: stored.options.ttl ?? settings.resultTtl,
    event: beeEvent(held.id, stored, state, json ?? (failure ? JSON.stringify(failure.error.message) : undefined))
  }
}

function endText (state: TerminalState, settling: ClaimedTask, json?: string, failure?: Failure, made?: number): string {
  const { stored, text, startedAt = stored.startedAt, now } = settling
  const attempt = made ?? attemptsMade(stored) + (settling.startedAt === undefined ? 0 : 1)
  const progress = settling.state?.progress ?? stored.progress
  const stage = settling.state?.stage ?? stored.stage ?? null
  if (!failure && text !== null && isNewRecord(text, stored)) {
    // The first attempt of one that succeeded goes without saying: fresh records are the many.
    return appendOutcome(text, { status: state, progress, stage, attempt: state === 'succeeded' && attempt === 1 ? undefined : attempt, startedAt, finishedAt: now }, json)
  }
  const { result, error, ...rest } = withStack(stored, failure) // a retry of the app's own: the old one's
  return encode({ ...rest, status: state, progress, stage, attempt, startedAt, finishedAt: now, ...(failure ? { error: failure.error } : {}) }, json)
}

/** It never was started, or its worker went away: failed without an attempt's end. */
export function failWith (error: Error, settling: ClaimedTask): Settlement {
  return finish('failed', settling, undefined, toFailure(error))
}

/** Aborted too often by workers that went away. */
export function failStalled (stalls: number, settling: ClaimedTask): Settlement {
  const failure = toFailure(new errors.TaskStalled(stalls, settling.settings.maxStalls))
  return finish('failed', settling, undefined, failure, attemptsMade(settling.stored) + 1)
}

function afterFailure (failure: Failure, thrown: unknown, settling: ClaimedTask): Settlement {
  const { held, stored, settings } = settling
  const left = stored.options.retries!
  if (!failure.retryable || left <= 0) return finish('failed', settling, undefined, failure)
  const error = thrown instanceof Error ? thrown : new Error(failure.error.message)
  const attempt = attemptsMade(stored) + 1
  const wait = Math.max(backoffMs(attempt, stored.options.backoff ?? { strategy: 'immediate' }, settings.backoffStrategies, error), failure.retryAfter ?? 0)
  const next: StoredTask = {
    ...withStack(stored, failure),
    status: 'retrying',
    error: failure.error,
    progress: settling.state?.progress ?? stored.progress,
    stage: settling.state?.stage ?? stored.stage ?? null,
    startedAt: settling.startedAt
  }
  next.options = { ...next.options, retries: left - 1 }
  delete next.options.delay
  return { ...held, outcome: 'retry', text: encode(next), ms: wait, event: beeEvent(held.id, stored, 'retrying', JSON.stringify(failure.error.message)) }
}

function withStack (stored: StoredTask, failure: Failure | undefined): StoredTask {
  if (!failure) return stored
  const stacktraces = [failure.stack, ...stored.options.stacktraces ?? []].slice(0, MAX_STACKS)
  return { ...stored, options: { ...stored.options, stacktraces } }
}

/** A plain Bee-Queue producer may listen for the end of its job; our own producers read the record. */
function beeEvent (id: string, stored: StoredTask, event: string, json = 'null'): string {
  return !stored.options.foreign ? '' : `{"id":${JSON.stringify(id)},"event":"${event}","data":${json}}`
}
