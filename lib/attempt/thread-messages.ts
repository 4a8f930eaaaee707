/**
 * The messages between the app and a thread about one attempt. Structured clone carries them.
 */
import { inspect, types } from 'node:util'
import type { MessagePort } from 'node:worker_threads'
import { isA } from '../describe.ts'
import { toLoggableError, toFailure, type Failure } from '../records/failure.ts'
import type { ScheduledTick } from '../types.ts'

/** What the handler's `task` knows from the start. */
export interface TaskMeta {
  id: string
  name: string
  queue: string
  attempt: number
  attempts: number
  requestId: string | null
  traceparent: string | null
  tracestate: string | null
  schedule: ScheduledTick | null
  /** The logger's level, and the levels that it writes. Lines of other levels are not sent. */
  level: string
  levels: string[]
  /** Bytes of JSON. Null if a schema of the result removes fields before its size counts. */
  maxResultSize: number | null
  maxProgressSize: number
  /** A schema of the progress removes fields before its size counts. */
  isProgressFiltered: boolean
}

export interface ThreadJob {
  file: string
  data: unknown
  meta: TaskMeta
  port: MessagePort
}

/** How the handler ended. The result as JSON; undefined stays undefined. */
export type ThreadAnswer = { json: string | undefined } | { failure: Failure }

export type FromThread =
  | { kind: 'started' }
  /** With a stage it is `updateState`. The progress as JSON. */
  | { kind: 'report', call: number, stage?: unknown, json?: string }
  /** What came before it in its flow. */
  | { kind: 'ask', call: number, what: 'previous' | 'results' }
  | { kind: 'log', level: string, bindings: SerializedLogArg[], args: SerializedLogArg[] }

export type ToThread =
  | { kind: 'abort', reason: Failure }
  /** The reply to a report, or to a question. */
  | { kind: 'reported', call: number, failure: Failure | null, value?: unknown }

/** A value on its way to a logger: errors keep their code, and stay errors. */
export type SerializedLogArg = { failure: Failure } | { fields: Record<string, SerializedLogArg> } | { value: unknown }

export const LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const

/** An Error with all that `toFailure` reads of one. */
export function reviveError (failure: Failure): Error {
  return Object.assign(toLoggableError(failure), failure.retryAfter === null ? {} : { retryAfter: failure.retryAfter })
}

/** A DOMException is no native error in Node 20. */
const isError = (value: unknown): boolean => types.isNativeError(value) || isA(value, Error)

/** @param clonable makes a value that structured clone accepts */
export function serializeLogArg (value: unknown, clonable = (value: unknown): unknown => value): SerializedLogArg {
  if (isError(value)) return { failure: toFailure(value) }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { value: clonable(value) }
  const serialize = (field: unknown): SerializedLogArg =>
    isError(field) ? serializeLogArg(field) : { value: clonable(field) }
  return { fields: Object.fromEntries(Object.entries(value).map(([key, field]) => [key, serialize(field)])) }
}

/** A function, a symbol, a socket and the like as text: structured clone refuses them. */
export function asText (value: unknown): unknown {
  const isText = typeof value !== 'object' && typeof value !== 'function' && typeof value !== 'symbol'
  return isText ? value : inspect(value, { depth: 2, breakLength: Infinity })
}

export function deserializeLogArg (serialized: SerializedLogArg): unknown {
  if ('failure' in serialized) return toLoggableError(serialized.failure)
  if ('value' in serialized) return serialized.value
  return Object.fromEntries(Object.entries(serialized.fields).map(([key, field]) => [key, deserializeLogArg(field)]))
}
