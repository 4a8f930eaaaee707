/**
 * What the result of an attempt means for its task: the next state, the record, and how long that lasts.
 */
import { isA } from '../describe.ts'
import * as errors from '../errors.ts'
import { backoffMs } from './backoff.ts'
import { hasAttemptLeft, toFailure, type Failure } from '../records/failure.ts'
import { addFailedAttempt, type StoredFailedAttempt } from '../records/failed-attempts.ts'
import { afterRetry, beforeRetries } from '../records/stored-backoff.ts'
import { appendOutcome, attemptsMade, encode, isNewRecord, ttlOf, type StoredTask } from '../records/task-record.ts'
import { stateOfReports, type ClaimedTask } from '../attempt/claimed-task.ts'
import { workerOf } from '../store/claim-token.ts'
import type { AttemptResult } from '../attempt/attempt-result.ts'
import type { Settlement } from '../store/contract.ts'
import type { TerminalState } from '../types.ts'

/** Stacks that a record keeps, newest first. */
const MAX_STACKS = 5

/** Null if nothing is written: the claim was lost, or the task is released. */
export function settlementOf (result: AttemptResult, task: ClaimedTask): Settlement | null {
  switch (result.kind) {
    case 'succeeded': return finish('succeeded', task, result.json)
    case 'cancelled': return finish('cancelled', task)
    case 'failed': return afterFailure(result.failure, result.thrown, task)
    case 'snoozed': return putOff(result, task)
    case 'released':
    case 'lost': return null
    default: return result satisfies never
  }
}

/**
 * The task ends.
 * @param json the result
 * @param made attempts made. Default: those before, and this one if it has started
 */
export function finish (
  state: TerminalState, task: ClaimedTask, json?: string, failure?: Failure, made?: number
): Settlement {
  const { claim: { id, token }, stored, settings } = task
  const text = finishedRecord(state, task, json, failure, made)
  const ms = ttlOf(stored.options, settings.resultTtl)
  const event = beeEvent(id, stored, state, json ?? (failure ? JSON.stringify(failure.error.message) : undefined))
  return { id, token, outcome: state, text, ms, event }
}

function finishedRecord (
  state: TerminalState, task: ClaimedTask, json?: string, failure?: Failure, made?: number
): string {
  const { stored, text, startedAt = stored.startedAt, now } = task
  const attempt = made ?? attemptsMade(stored) + (task.startedAt === undefined ? 0 : 1)
  const { progress, stage = null } = task.state ?? stored
  if (!failure && isNewRecord(text, stored)) {
    // `attempt: 1` is left out for successes: most records are such, and it saves bytes.
    const told = state === 'succeeded' && attempt === 1 ? undefined : attempt
    return appendOutcome(text, { status: state, progress, stage, attempt: told, startedAt, finishedAt: now }, json)
  }
  // After a retry by hand these are those of the earlier life.
  const { result, error, ...rest } = withFailure(task, failure, outcomeOf(failure))
  const outcome = { status: state, progress, stage, attempt, startedAt, finishedAt: now }
  return encode({ ...rest, ...outcome, ...(failure ? { error: failure.error } : {}) }, json)
}

/** Fails a task that was never started. */
export function failWith (error: Error, task: ClaimedTask): Settlement {
  return finish('failed', task, undefined, toFailure(error))
}

/** Fails a task that stalled more often than maxStalls allows. */
export function failStalled (stalls: number, task: ClaimedTask): Settlement {
  const failure = toFailure(new errors.TaskStalled(stalls, task.settings.maxStalls))
  return finish('failed', task, undefined, failure, attemptsMade(task.stored) + 1)
}

function afterFailure (failure: Failure, thrown: unknown, task: ClaimedTask): Settlement {
  const { claim: { id, token }, stored, settings } = task
  if (!hasAttemptLeft(failure, stored.options)) return finish('failed', task, undefined, failure)
  const retriesLeft = stored.options.retries!
  const error = isA(thrown, Error) ? thrown : new Error(failure.error.message)
  const made = attemptsMade(stored)
  const backoff = beforeRetries(stored.options.backoff ?? { strategy: 'immediate' }, made)
  const wait = backoffMs(made + 1, backoff, settings.backoffStrategies, error)
  const ms = Math.max(wait, failure.retryAfter ?? 0)
  const event = beeEvent(id, stored, 'retrying', JSON.stringify(failure.error.message))
  return { id, token, outcome: 'retry', text: encode(retryingRecord(failure, retriesLeft, task)), ms, event }
}

function retryingRecord (failure: Failure, retriesLeft: number, task: ClaimedTask): StoredTask {
  const { startedAt } = task
  const next: StoredTask = {
    ...withFailure(task, failure, 'retrying'),
    status: 'retrying',
    error: failure.error,
    ...stateOfReports(task),
    startedAt
  }
  next.options = { ...next.options, retries: retriesLeft - 1 }
  if (startedAt !== undefined) next.options.firstStart ??= startedAt
  if (next.options.backoff) next.options.backoff = afterRetry(next.options.backoff)
  delete next.options.delay
  return next
}

interface PutOff { ms: number, limited: boolean }

/** It comes back as it was, with what it reported. If it was limited, the lane that it has waits with it. */
function putOff ({ ms, limited }: PutOff, task: ClaimedTask): Settlement {
  const { claim: { id, token }, stored, now } = task
  const holdsLane = limited && stored.options.lane !== undefined
  const options = { ...stored.options, ...!holdsLane && { delay: now + ms } }
  const text = encode({ ...stored, options, ...stateOfReports(task) })
  return { id, token, outcome: holdsLane ? 'limited' : 'retry', text, ms }
}

const outcomeOf = (failure: Failure | undefined): FailureOutcome =>
  failure?.error.code === 'FST_TASKS_STALLED' ? 'stalled' : 'failed'

type FailureOutcome = StoredFailedAttempt['outcome']

/** The record with the stack of the failure, and the attempt among the failed ones. A failure of no attempt is none. */
function withFailure (task: ClaimedTask, failure: Failure | undefined, outcome: FailureOutcome): StoredTask {
  const { stored, claim, startedAt: start = null, now: end } = task
  if (!failure) return stored
  const { options } = stored
  const stacktraces = [failure.stack, ...options.stacktraces ?? []].slice(0, MAX_STACKS)
  if (start === null && outcome !== 'stalled') return { ...stored, options: { ...options, stacktraces } }
  const worker = start === null ? null : workerOf(claim.token)
  const failed = { attempt: attemptsMade(stored) + 1, start, end, worker, outcome }
  const failures = addFailedAttempt(options.failures, failed, failure.error)
  return { ...stored, options: { ...options, stacktraces, failures } }
}

/** A plain Bee-Queue producer may listen to what happens to its job. Our own producers read the record. */
export function beeEvent (id: string, stored: StoredTask, event: string, json = 'null'): string {
  return !stored.options.foreign ? '' : `{"id":${JSON.stringify(id)},"event":"${event}","data":${json}}`
}
