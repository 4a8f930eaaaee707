/**
 * The lane of a task with a limit or a rate: tasks of one name and key share it.
 */
import { describeValue } from '../describe.ts'
import * as errors from '../errors.ts'
import { NO_LIMIT, type LaneRate } from '../store/lane-contract.ts'
import type { Definition } from './definition.ts'
import type { StoredOptions } from '../records/task-record.ts'
import type { RateOptions } from '../types.ts'

/** In characters. */
const MAX_KEY = 100

/**
 * Adds the lane to the options that are stored, if the task has a limit or a rate.
 * @param data as it is stored
 * @param queue the queue that the caller named, if any
 * @throws FST_TASKS_LIMIT_KEY_INVALID, FST_TASKS_LIMIT_KEYS_DIFFER, FST_TASKS_LIMIT_QUEUE, and what the key's function
 *   throws
 */
export function addLane (options: StoredOptions, definition: Definition, data: unknown, queue?: string): void {
  const { name, options: { limit, rate } } = definition
  if (limit === undefined && rate === undefined) return
  if (queue !== undefined && queue !== definition.queue) throw new errors.LimitQueue(name, definition.queue, queue)
  const toInvalid = (what: string): Error => new errors.LimitKeyInvalid(name, what)
  const keys = [limit ?? [], rate ?? []].flat().map(({ key }) => keyOf(key, data, toInvalid))
  const other = keys.find(key => key !== keys[0])
  if (other !== undefined) throw new errors.LimitKeysDiffer(name, describeValue(keys[0]), describeValue(other))
  options.lane = `${name} ${keys[0]}`
  if (limit?.ordered) options.ordered = true
  if (rate) options.rated = true
}

/** What the key's function says of a task. "" without one. Throws what it throws, and what `toInvalid` makes. */
export function keyOf (
  toKey: ((data: any) => string) | undefined, data: unknown, toInvalid: (what: string) => Error
): string {
  const key = toKey === undefined ? '' : toKey(data)
  if (typeof key !== 'string' || key.length > MAX_KEY) throw toInvalid(describeValue(key))
  return key
}

/** How many tasks of a lane may have started. */
export function maxOf ({ options: { limit } }: Definition): number {
  return limit === undefined ? NO_LIMIT : limit.ordered ? 1 : limit.max ?? 1
}

export const toLaneRates = (rate: Omit<RateOptions, 'key'> | Array<Omit<RateOptions, 'key'>> | undefined): LaneRate[] =>
  [rate ?? []].flat().map(({ max, timeWindow }) => ({ max, window: timeWindow }))
