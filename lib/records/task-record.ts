/**
 * The record of a task: encodes it as JSON for Redis, decodes it, and makes the public record of `status()`.
 *
 * In Redis it has the shape of a Bee-Queue job: { data, options, status, progress }. A plain Bee-Queue that works on a
 * task writes these four keys again and drops all others. So values that must survive are stored in `options`; values
 * that are written when the task ends are stored beside the four keys.
 */
import sjson from 'secure-json-parse'
import { describeValue } from '../describe.ts'
import * as errors from '../errors.ts'
import { blockedBy, isLane } from './blocked-by.ts'
import { cleanFailedAttempts, toFailedAttempt, type StoredFailedAttempt } from './failed-attempts.ts'
import { isTooDeep, MAX_DEPTH } from './json.ts'
import { isGraph, isMembership, toMembership, type StoredGraph, type StoredMembership } from './membership.ts'
import { cleanOrigin, type Origin } from './origin.ts'
import type { LiveState } from './live-state.ts'
import { beforeRetries } from './stored-backoff.ts'
import { isTick, toScheduledTick, type StoredTick } from './scheduled-tick.ts'
import { TERMINAL_STATES } from './states.ts'
import { isTags } from './tags.ts'
import { encodeNamed } from './task-data.ts'
import { MAX_DATE, toIsoTime } from './time.ts'
import type { BackoffOptions, Priority, TaskErrorRecord, TaskRecord, TaskState, TerminalState } from '../types.ts'

export interface StoredOptions extends Origin {
  /** Time of the enqueue, ms since 1970. */
  timestamp: number
  /** Newest first, as Bee-Queue keeps them. */
  stacktraces?: unknown[]
  /** Attempts that are left after the current one. */
  retries?: number
  backoff?: BackoffOptions
  timeout?: number
  delay?: number
  // Bee-Queue does not know the options from here on.
  /** The largest number of attempts. */
  attempts?: number
  /** The task is not started after this time, ms since 1970. */
  expires?: number
  /** When its first attempt started, if that failed, ms since 1970. A retry by hand begins again. */
  firstStart?: number
  /** How long the record is kept after the task has ended, in ms. */
  ttl?: number
  /** A plain Bee-Queue producer enqueued it. */
  foreign?: boolean
  /** One span enqueued it together with others: see the option `telemetry`. */
  batch?: boolean
  /** Distinguishes two enqueues with the same id. */
  nonce?: string
  /** The tick of a schedule that enqueued it. */
  schedule?: StoredTick
  /** The flow that it is a member of. */
  flow?: StoredMembership
  /** It is the record of a flow, which is in no list and never runs. */
  graph?: StoredGraph
  /** The lane of a task with a limit or a rate: "<name> <key>"; whether it keeps the order of its tasks, has a rate. */
  lane?: string
  ordered?: boolean
  rated?: boolean
  /** Unless it is normal. */
  priority?: 'high' | 'low'
  /** Its key, if it is enqueued once for a key: "<name> <key>". */
  unique?: string
  tags?: string[]
  /** The last failed attempts, the newest last. */
  failures?: StoredFailedAttempt[]
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

export type { LiveState }
const TERMINAL = new Set<string>(TERMINAL_STATES)
export const isTerminal = (state: string): state is TerminalState => TERMINAL.has(state)

/** Data and progress are nested a few levels deep in the record. */
const MAX_RECORD_DEPTH = MAX_DEPTH + 10

/** The end of the text that `encodeNew` makes. */
export const NEW_RECORD_TAIL = ',"status":"created","progress":null}'

/** Whether `encodeNew` made the text, and the record was not written again since. */
export const isNewRecord = (text: string, { options }: StoredTask): boolean =>
  text.endsWith(NEW_RECORD_TAIL) && options.foreign === undefined

export type Outcome = Omit<StoredTask, 'data' | 'options'>

/** The text of a new record after its task has ended: data and options are not encoded again. */
export function appendOutcome (
  text: string, { status, progress, stage, attempt, startedAt, finishedAt }: Outcome, resultJson?: string
): string {
  const reported = stage == null && progress == null ? '' : reportedJson(stage, progress)
  const made = attempt === undefined ? '' : `,"attempt":${attempt}`
  const result = resultJson === undefined ? '}' : `,"result":${resultJson}}`
  return text.slice(0, -NEW_RECORD_TAIL.length) + reported + made + endOf(status, startedAt, finishedAt) + result
}

const reportedJson = (stage: string | null | undefined, progress: unknown): string =>
  `,"progress":${JSON.stringify(progress ?? null)},"stage":${JSON.stringify(stage ?? null)}`

interface EndJson { status: string, startedAt: number | undefined, finishedAt: number | undefined, text: string }
let last: EndJson = { status: '', startedAt: undefined, finishedAt: undefined, text: '' }

/** Many tasks that were claimed together also end in the same ms: the text of the previous task is used again. */
function endOf (status: string, startedAt: number | undefined, finishedAt: number | undefined): string {
  if (status !== last.status || startedAt !== last.startedAt || finishedAt !== last.finishedAt) {
    const started = startedAt === undefined ? '' : `,"startedAt":${startedAt}`
    last = { status, startedAt, finishedAt, text: `,"status":"${status}"${started},"finishedAt":${finishedAt}` }
  }
  return last.text
}

/** Makes the text of a new record. Throws FST_TASKS_DATA_INVALID, FST_TASKS_DATA_TOO_LARGE. */
export function encodeNew (name: string, data: unknown, options: StoredOptions, maxDataSize: number): string {
  return `{"data":${encodeNamed(name, data, maxDataSize)},"options":${JSON.stringify(options)}${NEW_RECORD_TAIL}`
}

/** The text of a record. `resultJson` is the JSON of the result, made by the serializer of its schema. */
export function encode (stored: StoredTask, resultJson?: string): string {
  const text = JSON.stringify(stored)
  return resultJson === undefined ? text : `${text.slice(0, -1)},"result":${resultJson}}`
}

/** Parses a record. Throws FST_TASKS_RECORD_INVALID if the text is no record. */
export function decode (text: string): StoredTask {
  let stored: any
  if (isTooDeep(text, MAX_RECORD_DEPTH)) throw new errors.RecordInvalid(`it is nested deeper than ${MAX_DEPTH} levels`)
  try {
    stored = sjson.parse(text, { protoAction: 'remove', constructorAction: 'remove' })
  } catch {
    throw new errors.RecordInvalid('it is not JSON') // the parser's own words quote it
  }
  const { data, options } = stored ?? {}
  const name = data?.name
  if (typeof name !== 'string' || name === '') throw new errors.RecordInvalid(`data.name is ${describeValue(name)}`)
  if (typeof options !== 'object' || options === null) {
    throw new errors.RecordInvalid(`options is ${describeValue(options)}`)
  }
  return sanitize(stored)
}

const integerOr = (value: unknown, otherwise: number | undefined): any =>
  Number.isSafeInteger(value) && (value as number) >= 0 ? value : otherwise

function isErrorRecord (error: any): boolean {
  if (typeof error?.name !== 'string' || typeof error.message !== 'string') return false
  return error.code === null || typeof error.code === 'string'
}

/** Spans, and the time at which a delay ends. */
const SPANS = ['timeout', 'expires', 'ttl', 'delay', 'firstStart'] as const
const NAMES = ['nonce', 'unique'] as const
const TIMES = ['attempt', 'startedAt', 'finishedAt'] as const

/** Repairs a record that any producer may have written: wrong values would break calculations with them. */
function sanitize (stored: StoredTask): StoredTask {
  const { options } = stored
  options.timestamp = integerOr(options.timestamp, 0)
  if (options.timestamp > MAX_DATE) options.timestamp = 0
  options.retries = integerOr(options.retries, 0)
  if (!Number.isSafeInteger(options.attempts)) options.foreign = true
  options.attempts = Math.max(integerOr(options.attempts, 1), 1 + options.retries!)
  // A missing option is not added: each property costs memory for each running task.
  for (const key of SPANS) if (options[key] !== undefined) options[key] = integerOr(options[key], undefined)
  cleanOrigin(options)
  if (options.stacktraces !== undefined && !Array.isArray(options.stacktraces)) options.stacktraces = []
  if (stored.status !== 'retrying' && !isTerminal(stored.status)) stored.status = 'created'
  if (options.failures !== undefined) options.failures = cleanFailedAttempts(options.failures)
  dropInvalid(options)
  for (const key of TIMES) if (key in stored) stored[key] = integerOr(stored[key], undefined)
  if (stored.stage !== undefined && typeof stored.stage !== 'string') delete stored.stage
  if (stored.error !== undefined && !isErrorRecord(stored.error)) delete stored.error
  return stored
}

/** Deletes no property that is not there: for each task that would cost more than all of these checks. */
function dropInvalid (options: StoredOptions): void {
  const { backoff, lane, tags, schedule, flow, graph } = options
  if (backoff !== undefined && (typeof backoff !== 'object' || backoff === null)) delete options.backoff
  for (const key of NAMES) if (options[key] !== undefined && typeof options[key] !== 'string') delete options[key]
  if (lane !== undefined && !isLane(lane)) delete options.lane
  if (tags !== undefined && !isTags(tags)) delete options.tags
  if (schedule !== undefined && !isTick(schedule)) delete options.schedule
  if (flow !== undefined && !isMembership(flow)) delete options.flow
  if (graph !== undefined && !isGraph(graph)) delete options.graph
}

/** How long the record of a task stays when it ends, in ms: that of a member at least until its flow has ended. */
export const ttlOf = ({ flow, ttl }: StoredOptions, resultTtl: number): number => flow?.keep ?? ttl ?? resultTtl

/** Replaces a record that cannot be read, so that the task can fail with an error. */
export function placeholderRecord (now: number): StoredTask {
  return { data: { name: 'unknown' }, options: { timestamp: now, attempts: 1, retries: 0 }, status: 'created' }
}

/** The record of a task with nothing in it but what names the task, for one whose own cannot be written. */
export function bareRecord ({ data: { name }, options: { timestamp, nonce } }: StoredTask): StoredTask {
  const options = { timestamp, attempts: 1, retries: 0, ...(nonce === undefined ? {} : { nonce }) }
  return { data: { name }, options, status: 'created' }
}

/** The record of a failed task that is enqueued again: all attempts are left, and it is due since `now`. */
export function resetForRetry (stored: StoredTask, now: number): StoredTask {
  const { data, options: { expires, firstStart, ...kept } } = stored
  const options: StoredOptions = { ...kept, retries: kept.attempts! - 1, stacktraces: [], delay: now }
  if (kept.backoff) options.backoff = beforeRetries(kept.backoff, attemptsMade(stored))
  return { data, options, status: 'created', progress: null }
}

/** Tells the tasks apart that have the same id and queue, one after the other. A retry by hand is the same task. */
export const lifeOf = ({ timestamp, nonce }: StoredOptions): string => `${timestamp} ${nonce ?? ''}`

/** Whether the task was made with an id of ours, which no other task has. */
export const hasUniqueId = ({ nonce, foreign }: StoredOptions): boolean => nonce === undefined && foreign === undefined

/** How many attempts have ended. Bee-Queue stores how many are left. */
export const attemptsMade = ({ options }: StoredTask): number =>
  Math.max(0, (options.attempts ?? 1) - 1 - (options.retries ?? 0))

export function stateOf (stored: StoredTask, live: LiveState): TaskState {
  if (isTerminal(stored.status)) return stored.status
  if (live.claimedAt !== undefined || live.held) return 'active'
  if (stored.status === 'retrying') return 'retrying'
  return live.delayedTo === undefined ? 'waiting' : 'delayed'
}

/** How often it was started. */
export function attemptOf (stored: StoredTask, state: TaskState): number {
  if (stored.attempt !== undefined) return stored.attempt
  const made = attemptsMade(stored)
  return state === 'active' || state === 'succeeded' || state === 'failed' ? made + 1 : made
}

/** A plain Bee-Queue stores no error, only stacks: then the newest stack gives the message. */
function errorOf (stored: StoredTask, state: TaskState, exposeStack: boolean): TaskErrorRecord | null {
  if (state !== 'failed' && state !== 'retrying' && !stored.error) return null
  const newest = stored.options.stacktraces?.[0]
  const stack = typeof newest === 'string' ? newest : ''
  const { name, message, code } = stored.error ?? { name: 'Error', message: stack.split('\n', 1)[0]!, code: null }
  return { name, message, code, ...exposeStack && stack !== '' && { stack } }
}

const priorityOf = ({ priority }: StoredOptions): Priority =>
  priority === 'high' || priority === 'low' ? priority : 'normal'

/** What a task belongs to. */
const belongings = ({ schedule, flow, tags }: StoredOptions): Pick<TaskRecord, 'schedule' | 'flow' | 'tags'> =>
  ({ schedule: toScheduledTick(schedule), flow: toMembership(flow), tags: tags ?? [] })

/** The record as `status()` returns it. */
export function toTaskRecord (
  id: string, queue: string, stored: StoredTask, live: LiveState, exposeStack: boolean
): TaskRecord<any, any> {
  const state = stateOf(stored, live)
  return {
    id,
    name: stored.data.name,
    queue,
    state,
    stage: live.progress?.stage ?? stored.stage ?? null,
    progress: (live.progress ? live.progress.progress : stored.progress) ?? null,
    attempt: attemptOf(stored, state),
    attempts: stored.options.attempts!,
    priority: priorityOf(stored.options),
    enqueuedAt: toIsoTime(stored.options.timestamp)!,
    dueAt: state === 'delayed' || state === 'retrying' ? toIsoTime(live.delayedTo) : null,
    blockedBy: blockedBy(queue, stored.data.name, state, live, stored.options.lane),
    startedAt: toIsoTime(live.claimedAt ?? stored.startedAt),
    finishedAt: toIsoTime(stored.finishedAt),
    ...belongings(stored.options),
    result: stored.result ?? null,
    error: errorOf(stored, state, exposeStack),
    failedAttempts: stored.options.failures?.map(toFailedAttempt) ?? []
  }
}
