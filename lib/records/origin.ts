/**
 * The origin of a task: the id and the W3C trace context (https://www.w3.org/TR/trace-context/) of the request that
 * enqueued it. Clients choose these values, and they are written to records and logs: malformed values are ignored,
 * long ones are cut or ignored.
 */
import type { ThreadTask } from '../types.ts'

/** Comes from a request, or from a task that enqueues another task. A missing value is left out. */
export interface Origin {
  reqId?: string
  traceparent?: string
  /** Only together with a traceparent. */
  tracestate?: string
}

/** What the tasks that a task enqueues are told of the request. */
export function originOf (
  { requestId, traceparent, tracestate }: Pick<ThreadTask, 'requestId' | 'traceparent' | 'tracestate'>
): Origin | undefined {
  if (requestId === null && traceparent === null) return undefined
  return { reqId: requestId ?? undefined, traceparent: traceparent ?? undefined, tracestate: tracestate ?? undefined }
}

/** Longest request id. With Fastify's `requestIdHeader` a client chooses the id. */
const MAX_REQUEST_ID = 256
/** Limits of the specification: characters, entries. Entries longer than LARGE_ENTRY are dropped first. */
const MAX_STATE = 512
const MAX_ENTRIES = 32
const LARGE_ENTRY = 128
/** Limits the work of parsing: Node accepts headers of up to 16 KiB. */
const LONGEST_HEADER = 16_384

const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-|$)/
const LENGTH = 55
/** An entry of tracestate, `key=value` or `tenant@system=value`. */
const ENTRY = /^(?:[a-z0-9][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})=[ -+\--<>-~]{0,255}[!-+\--<>-~]$/

/** A request's id as it is stored; undefined if it is not a text. */
export function requestIdOf (id: unknown): string | undefined {
  return typeof id === 'string' && id !== '' ? id.slice(0, MAX_REQUEST_ID) : undefined
}

/** The traceparent; undefined if it is malformed. A later version is read as version 00. */
export function traceparentOf (header: unknown): string | undefined {
  if (typeof header !== 'string' || !TRACEPARENT.test(header)) return undefined
  if (header.startsWith('00')) return header.length === LENGTH ? header : undefined
  const sampled = parseInt(header.slice(53, LENGTH), 16) & 1
  return `00${header.slice(2, 53)}0${sampled}`
}

/** The tracestate, cut to the limits; undefined if it is missing or one entry is malformed. */
export function tracestateOf (header: unknown): string | undefined {
  if (typeof header !== 'string' || header.length > LONGEST_HEADER) return undefined
  const entries = header.split(',').map(withoutBlanks).filter(entry => entry !== '')
  const keys = new Set(entries.map(entry => entry.slice(0, entry.indexOf('='))))
  if (entries.length === 0 || entries.length > MAX_ENTRIES || keys.size < entries.length) return undefined
  return entries.every(entry => ENTRY.test(entry)) ? shortened(entries) : undefined
}

/** Not by an expression: it would try each row of blanks inside, from each of them. */
function withoutBlanks (entry: string): string {
  let [start, end] = [0, entry.length]
  while (start < end && isBlank(entry[start]!)) start++
  while (end > start && isBlank(entry[end - 1]!)) end--
  return entry.slice(start, end)
}

const isBlank = (character: string): boolean => character === ' ' || character === '\t'

/** Drops large entries first, then the last entries: the first entry is the newest. */
function shortened (entries: string[]): string | undefined {
  const tooLong = (): boolean => entries.join(',').length > MAX_STATE
  for (let i = entries.length - 1; i >= 0 && tooLong(); i--) if (entries[i]!.length > LARGE_ENTRY) entries.splice(i, 1)
  while (tooLong()) entries.pop()
  return entries.length > 0 ? entries.join(',') : undefined
}

/** Removes malformed values from a record: any producer may have written it. */
export function cleanOrigin (stored: Origin): void {
  if (stored.reqId !== undefined) set(stored, 'reqId', requestIdOf(stored.reqId))
  if (stored.traceparent !== undefined) set(stored, 'traceparent', traceparentOf(stored.traceparent))
  if (stored.tracestate !== undefined) set(stored, 'tracestate', stored.traceparent && tracestateOf(stored.tracestate))
}

function set (stored: Origin, key: keyof Origin, value: string | undefined): void {
  if (value === undefined) delete stored[key]
  else stored[key] = value
}

/** Fields of a log line, named as OpenTelemetry's instrumentation of pino names them. */
export function traceFields (traceparent: string): { trace_id: string, span_id: string, trace_flags: string } {
  return {
    trace_id: traceparent.slice(3, 35),
    span_id: traceparent.slice(36, 52),
    trace_flags: traceparent.slice(53, LENGTH)
  }
}
