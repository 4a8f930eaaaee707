/**
 * The record of a task, as JSON in Redis and as `status()` returns it.
 *
 * In Redis it has the shape of a Bee-Queue job: { data, options, status, progress }. A plain Bee-Queue writes these four
 * again when it works on a task, and drops what it does not know: so what must last stands in `options`, and what
 * is written at the end stands beside them.
 */
import sjson from 'secure-json-parse'
import { describeValue } from '../describe.ts'
import * as errors from '../errors.ts'
import { isTooDeep, MAX_DEPTH, sizeOver, toStorableJson } from './json.ts'
import { cleanOrigin, type Origin } from './origin.ts'
import { TERMINAL_STATES } from './states.ts'
import { MAX_DATE } from './time.ts'
import type { BackoffOptions, TaskErrorRecord, TaskRecord, TaskState, TerminalState } from '../types.ts'

export interface StoredOptions extends Origin {
  /** Ms since 1970 of the enqueue. */
  timestamp: number
  /** Newest first, as Bee-Queue keeps them. */
  stacktraces?: unknown[]
  /** Attempts that are left after the present one. */
  retries?: number
  backoff?: BackoffOptions
  timeout?: number
  delay?: number
  // From here on ours.
  /** Attempts in all. */
  attempts?: number
  /** Ms since 1970. */
  expires?: number
  /** How long the record stays after its end, in ms. */
  ttl?: number
  /** A plain Bee-Queue producer made it. */
  foreign?: boolean
  /** Tells two enqueues of one id apart. */
  nonce?: string
}

export interface StoredTask {
  data: { name: string, data?: unknown }
  options: StoredOptions
  status: 'created' | 'retrying' | TerminalState
  progress?: unknown
  stage?: string | null
  attempt?: number
  startedAt?: number
  finishedAt?: number
  result?: unknown
  error?: TaskErrorRecord
}

/** What is known of a task beside its record while it has not ended. */
export interface LiveState {
  /** When its claim was made, ms since 1970. */
  claimedAt?: number
  delayedTo?: number
  /** A plain Bee-Queue worker holds it. */
  held?: boolean
  progress?: { stage: string | null, progress: unknown }
}

const TERMINAL = new Set<string>(TERMINAL_STATES)

export const isTerminal = (state: string): state is TerminalState => TERMINAL.has(state)

/** Data and progress are parts of the record. */
const MAX_RECORD_DEPTH = MAX_DEPTH + 10

/** How the text of a new record of ours ends. */
const NEW_RECORD_TAIL = ',"status":"created","progress":null}'

/** Was it made by us, and has nobody written it since? */
export const isNewRecord = (text: string, { options }: StoredTask): boolean => text.endsWith(NEW_RECORD_TAIL) && options.foreign === undefined

/** The text of a fresh record once its task has ended: what it was made of stays as it is. `resultJson` as in `encode`. */
export function appendOutcome (text: string, { status, progress, stage, attempt, startedAt, finishedAt }: Omit<StoredTask, 'data' | 'options'>, resultJson?: string): string {
  const told = stage == null && progress == null ? '' : `,"progress":${JSON.stringify(progress ?? null)},"stage":${JSON.stringify(stage)}`
  const made = attempt === undefined ? '' : `,"attempt":${attempt}`
  const result = resultJson === undefined ? '}' : `,"result":${resultJson}}`
  return text.slice(0, -NEW_RECORD_TAIL.length) + told + made + endOf(status, startedAt, finishedAt) + result
}

let last = { status: '', startedAt: undefined as number | undefined, finishedAt: undefined as number | undefined, text: '' }

/** Tasks that were claimed together end in the same ms, many at a time: what they have in common is written once. */
function endOf (status: string, startedAt: number | undefined, finishedAt: number | undefined): string {
  if (status !== last.status || startedAt !== last.startedAt || finishedAt !== last.finishedAt) {
    const started = startedAt === undefined ? '' : `,"startedAt":${startedAt}`
    last = { status, startedAt, finishedAt, text: `,"status":"${status}"${started},"finishedAt":${finishedAt}` }
  }
  return last.text
}

/** Makes the text of a new record. Throws FST_TASKS_DATA_INVALID, FST_TASKS_DATA_TOO_LARGE. */
export function encodeNew (name: string, data: unknown, options: StoredOptions, maxDataSize: number): string {
  const json = encodeData(name, data)
  const size = sizeOver(maxDataSize, json)
  if (size > 0) throw new errors.DataTooLarge(name, size, maxDataSize)
  const envelope = data === undefined ? `{"name":"${name}"}` : `{"name":"${name}","data":${json}}`
  return `{"data":${envelope},"options":${JSON.stringify(options)}${NEW_RECORD_TAIL}`
}

function encodeData (name: string, data: unknown): string {
  return data === undefined ? '' : toStorableJson(data, reason => new errors.DataInvalid(name, reason))
}

/** A copy of data as JSON carries it. Throws FST_TASKS_DATA_INVALID. */
export function jsonRoundTrip (name: string, data: unknown): unknown {
  return data === undefined ? undefined : JSON.parse(encodeData(name, data))
}

/** The text of a record that changed. `resultJson` is the result as it was serialised. */
export function encode (stored: StoredTask, resultJson?: string): string {
  const text = JSON.stringify(stored)
  return resultJson === undefined ? text : `${text.slice(0, -1)},"result":${resultJson}}`
}

/** Reads a record. Throws FST_TASKS_RECORD_INVALID where the text is not one. */
export function decode (text: string): StoredTask {
  let stored: any
  if (isTooDeep(text, MAX_RECORD_DEPTH)) throw new errors.RecordInvalid(`it is nested deeper than ${MAX_DEPTH} levels`)
  try {
    stored = sjson.parse(text, { protoAction: 'remove', constructorAction: 'remove' })
  } catch (error) {
    throw new errors.RecordInvalid((error as Error).message)
  }
  const name = stored?.data?.name
  if (typeof name !== 'string' || name.length === 0) throw new errors.RecordInvalid(`data.name is ${describeValue(name)}`)
  if (typeof stored.options !== 'object' || stored.options === null) throw new errors.RecordInvalid(`options is ${describeValue(stored.options)}`)
  return sanitize(stored)
}

const integerOr = (value: unknown, otherwise: number | undefined): any => Number.isSafeInteger(value) && (value as number) >= 0 ? value : otherwise

const isErrorRecord = (error: any): boolean =>
  typeof error?.name === 'string' && typeof error.message === 'string' && (error.code === null || typeof error.code === 'string')

const SPANS = ['timeout', 'expires', 'ttl'] as const
const TIMES = ['attempt', 'startedAt', 'finishedAt'] as const

/** A record may come from any producer: numbers that are none would break what computes with them. */
function sanitize (stored: StoredTask): StoredTask {
  const { options } = stored
  options.timestamp = integerOr(options.timestamp, 0)
  if (options.timestamp > MAX_DATE) options.timestamp = 0
  options.retries = integerOr(options.retries, 0)
  if (!Number.isSafeInteger(options.attempts)) options.foreign = true
  options.attempts = Math.max(integerOr(options.attempts, 1), 1 + options.retries!)
  // What is not there is not added: each property more is memory for every task that runs.
  for (const key of SPANS) if (options[key] !== undefined) options[key] = integerOr(options[key], undefined)
  if (typeof options.backoff !== 'object' || options.backoff === null) delete options.backoff
  cleanOrigin(options)
  if (options.stacktraces !== undefined && !Array.isArray(options.stacktraces)) options.stacktraces = []
  if (stored.status !== 'retrying' && !isTerminal(stored.status)) stored.status = 'created'
  for (const key of TIMES) if (key in stored) stored[key] = integerOr(stored[key], undefined)
  if (typeof stored.stage !== 'string') delete stored.stage
  if (!isErrorRecord(stored.error)) delete stored.error
  return stored
}

/** A record for an id whose own cannot be read, so that its failure can be told. */
export function placeholderRecord (now: number): StoredTask {
  return { data: { name: 'unknown' }, options: { timestamp: now, attempts: 1, retries: 0 }, status: 'created' }
}

/** The record of a failed task as it is queued again: counters clean. */
export function resetForRetry ({ data, options: { expires, delay, ...options } }: StoredTask): StoredTask {
  return { data, options: { ...options, retries: options.attempts! - 1, stacktraces: [] }, status: 'created', progress: null }
}

/** How many attempts have ended. Bee-Queue counts down what is left. */
export const attemptsMade = ({ options }: StoredTask): number => Math.max(0, (options.attempts ?? 1) - 1 - (options.retries ?? 0))

function stateOf (stored: StoredTask, live: LiveState): TaskState {
  if (isTerminal(stored.status)) return stored.status
  if (live.claimedAt !== undefined || live.held) return 'active'
  if (stored.status === 'retrying') return 'retrying'
  return live.delayedTo === undefined ? 'waiting' : 'delayed'
}

function attemptOf (stored: StoredTask, state: TaskState): number {
  if (stored.attempt !== undefined) return stored.attempt
  const made = attemptsMade(stored)
  return state === 'active' || state === 'succeeded' || state === 'failed' ? made + 1 : made
}

// Ms since 1970 that no Date can hold came from a producer's mistake: null is kinder than a throw.
const time = (ms: number | undefined): string | null => ms === undefined || !(Math.abs(ms) <= MAX_DATE) ? null : new Date(ms).toISOString()

/** Where a plain Bee-Queue ended the task, its newest stack is all there is. */
function errorOf (stored: StoredTask, state: TaskState, exposeStack: boolean): TaskErrorRecord | null {
  if (state !== 'failed' && state !== 'retrying' && !stored.error) return null
  const newest = stored.options.stacktraces?.[0]
  const stack = typeof newest === 'string' ? newest : ''
  const { name, message, code } = stored.error ?? { name: 'Error', message: stack.split('\n', 1)[0]!, code: null }
  return exposeStack && stack !== '' ? { name, message, code, stack } : { name, message, code }
}

/** The record as people read it. */
export function toTaskRecord (id: string, queue: string, stored: StoredTask, live: LiveState, exposeStack: boolean): TaskRecord<any, any> {
  const state = stateOf(stored, live)
  return {
    id,
    name: stored.data.name,
    queue,
    state,
    stage: live.progress?.stage ?? stored.stage ?? null,
    progress: live.progress?.progress ?? stored.progress ?? null,
    attempt: attemptOf(stored, state),
    attempts: stored.options.attempts!,
    enqueuedAt: time(stored.options.timestamp)!,
    startedAt: time(live.claimedAt ?? stored.startedAt),
    finishedAt: time(stored.finishedAt),
    result: stored.result ?? null,
    error: errorOf(stored, state, exposeStack)
  }
}
