/**
 * The ETag of a record. Without its quotes it is the id of the record's event.
 */
import { hash } from 'node:crypto'
import type { TaskRecord } from '../types.ts'

/** It covers the whole record: everything in the answer, and nothing that is not. */
export const etagOf = (record: TaskRecord): string => `"${hash('sha1', valuesOf(record), 'base64url')}"`

/** All values of a record, in its order. No two lists of values give one text. JSON takes three times as long. */
function valuesOf (record: TaskRecord): string {
  let text = ''
  for (const value of Object.values(record)) {
    if (typeof value === 'string') text += `${value.length}:${value}`
    else text += value === null ? 'n' : `${JSON.stringify(value)},`
  }
  return text
}

const eventIds = new WeakMap<TaskRecord, string>()

/** Streams of one task send the same record. */
export function eventIdOf (record: TaskRecord): string {
  const id = eventIds.get(record) ?? etagOf(record).slice(1, -1)
  eventIds.set(record, id)
  return id
}

/** A tag in its quotes, or a word: `*`, or a tag whose quotes a client has lost. */
const TAG = /(?:W\/)?"([^"]*)"|[^\s,]+/gi

/**
 * Whether an If-None-Match has a tag of ours (RFC 9110, 13.1.2 and 8.8.3.2): `*`, or the tag in a list, by weak
 * comparison. A proxy that compresses makes our tag weak, as nginx does, or adds the coding, as Apache: `"…-gzip"`.
 */
export function isInIfNoneMatch (header: string | undefined, etag: string): boolean {
  if (!header) return false
  const own = etag.slice(1, -1)
  const isOwn = (tag: string): boolean => tag.startsWith(own) && /^(-{1,2}[a-z]+)?$/.test(tag.slice(own.length))
  return Array.from(header.matchAll(TAG)).some(([text, tag = text]) => text === '*' || isOwn(tag))
}
