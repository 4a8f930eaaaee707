/**
 * The tags of a task, as they are stored in its record and in the index of its queue.
 */
import { isFullArray } from '../own.ts'

/** What the index of tags needs of a task. */
export interface Tags {
  /** When the task was enqueued, ms since 1970: the newest comes first. */
  at: number
  names: string[]
}

export const MAX_TAGS = 10

/** Visible ASCII: in the index a blank ends a tag. */
export const isTag = (value: unknown): value is string => typeof value === 'string' && /^[!-~]{1,64}$/.test(value)

/** Any producer may have written something else. */
export const isTags = (value: unknown): value is string[] =>
  isFullArray(value) && value.length <= MAX_TAGS && value.every(isTag)

/** As the property of a new job. Nothing if the task has none. */
export const tagsOf = ({ timestamp, tags }: { timestamp: number, tags?: string[] }): { tags?: Tags } =>
  tags === undefined ? {} : { tags: { at: timestamp, names: tags } }

/** The time, of one length, so that texts are in the order of times. */
export const tagTime = (at: number): string => String(at).padStart(16, '0')
