/**
 * The ETag of a record. Without its quotes it is the id of the record's event.
 */
import { hash } from 'node:crypto'
import { version } from '../version.ts'
import type { StoredOptions } from '../records/task-record.ts'
import type { FoundTask } from '../tasks/found-task.ts'
import type { TaskRecord } from '../types.ts'

type Shown = Pick<FoundTask, 'raw' | 'live' | 'record'> & { stored: { options: Pick<StoredOptions, 'graph'> } }

/** Another version may show the same task with other fields. */
const FORM = hash('sha1', version, 'base64url').slice(0, 4)

/** It covers everything in the answer. */
export const etagOf = (found: Shown): string =>
  `"${FORM}${shownBy(found.record)}${hash('sha1', sourceOf(found), 'base64url')}"`

/** What a record has only if an option says so. */
const shownBy = (record: TaskRecord): string =>
  `${'data' in record ? 'd' : ''}${record.error?.stack === undefined ? '' : 's'}`

/** What the record is made of, which is at hand: encoding the record costs as much as reading it. A flow's has more. */
function sourceOf ({ raw, live, record, stored }: Shown): string | Buffer {
  if (stored.options.graph) return JSON.stringify(record)
  return Object.keys(live).length === 0 ? raw : `${raw}${JSON.stringify(live)}`
}

const eventIds = new WeakMap<TaskRecord, string>()

/** Streams of one task send the same record. */
export function eventIdOf (found: Shown): string {
  const id = eventIds.get(found.record) ?? etagOf(found).slice(1, -1)
  eventIds.set(found.record, id)
  return id
}

/** A tag in its quotes, or a word: `*`, or a tag whose quotes a client has lost. */
const TAG = /(?:W\/)?"([^"]*)"|[^\s,]+/gi

/**
 * Whether an If-None-Match has a record's tag (RFC 9110, 13.1.2 and 8.8.3.2): `*`, or the tag in a list, by weak
 * comparison. A proxy that compresses makes our tag weak, as nginx does, or adds the coding, as Apache: `"…-gzip"`.
 */
export function isInIfNoneMatch (header: string | undefined, etag: string): boolean {
  if (!header) return false
  const own = etag.slice(1, -1)
  const isOwn = (tag: string): boolean => tag.startsWith(own) && /^(-{1,2}[a-z]+)?$/.test(tag.slice(own.length))
  return Array.from(header.matchAll(TAG)).some(([text, tag = text]) => text === '*' || isOwn(tag))
}
