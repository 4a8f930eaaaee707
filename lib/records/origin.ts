/**
 * What of a request rides along with the tasks that it enqueues: its id and its W3C trace context
 * (https://www.w3.org/TR/trace-context/). All of it comes from clients and is written to records and logs: a malformed
 * value is ignored, and none is longer than its limit.
 */

/** Of a request, or of a task that enqueues another. What is not there is left out. */
export interface Origin {
  reqId?: string
  traceparent?: string
  /** Only beside a traceparent. */
  tracestate?: string
}

/** With Fastify's `requestIdHeader` a client chooses it. */
const MAX_REQUEST_ID = 256
/** What the specification asks to pass on, in characters and entries, and the length from which an entry goes first. */
const MAX_STATE = 512
const MAX_ENTRIES = 32
const LARGE_ENTRY = 128
/** Bounds the work: Node takes headers of up to 16 KiB. */
const LONGEST_HEADER = 16_384

const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-|$)/
const LENGTH = 55
const ENTRY = /^(?:[a-z0-9][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})=[ -+\--<>-~]{0,255}[!-+\--<>-~]$/

/** A request's id as it may be stored; undefined where it is none. */
export function requestIdOf (id: unknown): string | undefined {
  return typeof id === 'string' && id !== '' ? id.slice(0, MAX_REQUEST_ID) : undefined
}

/** The header's value; undefined where it is none. That of a later version, as the version 00 that we know. */
export function traceparentOf (header: unknown): string | undefined {
  if (typeof header !== 'string' || !TRACEPARENT.test(header)) return undefined
  if (header.startsWith('00')) return header.length === LENGTH ? header : undefined
  const sampled = parseInt(header.slice(53, LENGTH), 16) & 1
  return `00${header.slice(2, 53)}0${sampled}`
}

/** The header's list, within the limits; undefined where there is none, or where one entry is malformed. */
export function tracestateOf (header: unknown): string | undefined {
  if (typeof header !== 'string' || header.length > LONGEST_HEADER) return undefined
  const entries = header.split(',').map(entry => entry.replace(/^[ \t]+|[ \t]+$/g, '')).filter(entry => entry !== '')
  const keys = new Set(entries.map(entry => entry.slice(0, entry.indexOf('='))))
  if (entries.length === 0 || entries.length > MAX_ENTRIES || keys.size < entries.length) return undefined
  return entries.every(entry => ENTRY.test(entry)) ? shortened(entries) : undefined
}

/** Large entries go first, then the last ones: the first is that of the latest to write. */
function shortened (entries: string[]): string | undefined {
  const tooLong = (): boolean => entries.join(',').length > MAX_STATE
  for (let i = entries.length - 1; i >= 0 && tooLong(); i--) if (entries[i]!.length > LARGE_ENTRY) entries.splice(i, 1)
  while (tooLong()) entries.pop()
  return entries.length > 0 ? entries.join(',') : undefined
}

/** Takes out of a record what is malformed: any producer may have written it. */
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
  return { trace_id: traceparent.slice(3, 35), span_id: traceparent.slice(36, 52), trace_flags: traceparent.slice(53, LENGTH) }
}
