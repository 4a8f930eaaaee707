/**
 * Layer 0: what the app and its threads say to each other about one attempt. Structured clone carries it.
 */
import { inspect, types } from 'node:util'
import type { MessagePort } from 'node:worker_threads'
import { toLoggableError, toFailure, type Failure } from '../records/failure.ts'

/** What `task` has in the thread from the start. */
export interface TaskMeta {
  id: string
  name: string
  queue: string
  attempt: number
  attempts: number
  requestId: string | null
  traceparent: string | null
  tracestate: string | null
  /** The logger's level, and the levels that it writes: what is below them is not sent. */
  level: string
  levels: string[]
  /** Bytes of JSON; null where a schema has yet to take out what does not leave. */
  maxResultSize: number | null
  maxProgressSize: number
}

export interface ThreadJob {
  file: string
  data: unknown
  meta: TaskMeta
  port: MessagePort
}

/** How it ended. The result as JSON; undefined is undefined. */
export type ThreadAnswer = { json: string | undefined } | { failure: Failure }

export type FromThread =
  | { kind: 'begun' }
  /** With a stage it is `updateState`. The progress as JSON. */
  | { kind: 'report', call: number, stage?: unknown, json?: string }
  | { kind: 'log', level: string, bindings: SerializedLogArg[], args: SerializedLogArg[] }

export type ToThread =
  | { kind: 'abort', reason: Failure }
  | { kind: 'reported', call: number, failure: Failure | null }

/** A value on its way to a logger: errors keep their code, and stay errors. */
export type SerializedLogArg = { failure: Failure } | { fields: Record<string, SerializedLogArg> } | { value: unknown }

export const LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const

/** An error of ours with all that `toFailure` reads of one. */
export function reviveError (failure: Failure): Error {
  return Object.assign(toLoggableError(failure), failure.retryAfter === null ? {} : { retryAfter: failure.retryAfter })
}

/** @param clonable makes of a value one that can be cloned */
export function serializeLogArg (value: unknown, clonable = (value: unknown): unknown => value): SerializedLogArg {
  if (types.isNativeError(value)) return { failure: toFailure(value) }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { value: clonable(value) }
  const fields = Object.entries(value).map(([key, one]) => [key, types.isNativeError(one) ? serializeLogArg(one) : { value: clonable(one) }])
  return { fields: Object.fromEntries(fields) }
}

/** For what cannot be cloned (functions, sockets): as text. */
export const asText = (value: unknown): unknown => typeof value === 'object' || typeof value === 'function' ? inspect(value, { depth: 2, breakLength: Infinity }) : value

export function deserializeLogArg (packed: SerializedLogArg): unknown {
  if ('failure' in packed) return toLoggableError(packed.failure)
  if ('value' in packed) return packed.value
  return Object.fromEntries(Object.entries(packed.fields).map(([key, one]) => [key, deserializeLogArg(one)]))
}
