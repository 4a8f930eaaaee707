/**
 * The ETag of a record. Without its quotes it is the id of the record's event.
 */
import { hash } from 'node:crypto'
import type { TaskRecord } from '../types.ts'

export const etagOf = (record: TaskRecord): string => `"${hash('sha1', JSON.stringify(record), 'base64url')}"`

export const eventIdOf = (record: TaskRecord): string => etagOf(record).slice(1, -1)
