/**
 * The lane of a task with a limit: tasks of one name and key share it.
 */
import { describeValue } from '../describe.ts'
import * as errors from '../errors.ts'
import type { Definition } from './definition.ts'
import type { StoredOptions } from '../records/task-record.ts'

/** In characters. */
const MAX_KEY = 100

/**
 * Adds the lane to the options that are stored, if the task has a limit.
 * @param data as it is stored
 * @param queue the queue that the caller named, if any
 * @throws FST_TASKS_LIMIT_KEY_INVALID, FST_TASKS_LIMIT_QUEUE, and what the key's function throws
 */
export function addLane (options: StoredOptions, definition: Definition, data: unknown, queue?: string): void {
  const { name, options: { limit } } = definition
  if (limit === undefined) return
  if (queue !== undefined && queue !== definition.queue) throw new errors.LimitQueue(name, definition.queue, queue)
  const key = limit.key === undefined ? '' : limit.key(data)
  if (typeof key !== 'string' || key.length > MAX_KEY) throw new errors.LimitKeyInvalid(name, describeValue(key))
  options.lane = `${name} ${key}`
  if (limit.ordered) options.ordered = true
}

/** How many tasks of a lane may have started. */
export const maxOf = ({ options: { limit } }: Definition): number => limit?.ordered ? 1 : limit?.max ?? 1
