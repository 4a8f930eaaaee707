/**
 * What schedules and flows store to make tasks of it later.
 */
import type { StoredOptions } from '../records/task-record.ts'

/** A task without its times. */
export interface TaskTemplate {
  name: string
  queue: string
  data: unknown
  options: Omit<StoredOptions, 'timestamp'>
  /** In ms from the enqueue. */
  delay?: number | undefined
  expires?: number | undefined
  /** Ms since 1970. */
  expiresAt?: number
}

/** Its name and data are encoded too, as a record has them. */
export type EncodedTemplate = TaskTemplate & { named: string }
