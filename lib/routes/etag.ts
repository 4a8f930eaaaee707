/**
 * The ETag of a record. Without its quotes it is the id of the record's event.
 */
import { hash } from 'node:crypto'
import type { TaskRecord } from '../types.ts'

/** It covers the whole record: everything in the answer. */
export const etagOf = (record: TaskRecord): string => `"${hash('sha1', JSON.stringify(record), 'base64url')}"`

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
 * Whether an If-None-Match has a record's tag (RFC 9110, 13.1.2 and 8.8.3.2): `*`, or the tag in a list, by weak
 * comparison. A proxy that compresses makes our tag weak, as nginx does, or adds the coding, as Apache: `"…-gzip"`.
 */
export function isInIfNoneMatch (header: string, record: TaskRecord): boolean {
  const own = etagOf(record).slice(1, -1)
  const isOwn = (tag: string): boolean => tag.startsWith(own) && /^(-{1,2}[a-z]+)?$/.test(tag.slice(own.length))
  return Array.from(header.matchAll(TAG)).some(([text, tag = text]) => text === '*' || isOwn(tag))
}
