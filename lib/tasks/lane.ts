/**
 * The lane of a task with a limit or a rate: tasks of one name and key share it.
 */
import { describeValue } from '../describe.ts'
import * as errors from '../errors.ts'
import { refuseSameWindow } from '../options.ts'
import { syncAnswer } from '../sync-answer.ts'
import { NO_LIMIT, type LaneMax, type LaneRate } from '../store/lane-contract.ts'
import type { Definition } from './definition.ts'
import type { StoredOptions } from '../records/task-record.ts'
import type { RateChange } from '../types.ts'

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
  const functions = [limit ?? [], rate ?? []].flat().flatMap(({ key }) => key ?? [])
  const [first = '', ...others] = functions.map(key => keyOf(key, data, toInvalid))
  const other = others.find(key => key !== first)
  if (other !== undefined) throw new errors.LimitKeysDiffer(name, describeValue(first), describeValue(other))
  options.lane = `${name} ${first}`
  if (limit?.ordered) options.ordered = true
  if (rate) options.rated = true
}

/** What the key's function says of a task. "" without one. Throws what it throws, and what `toInvalid` makes. */
export function keyOf (
  toKey: ((data: any) => string) | undefined, data: unknown, toInvalid: (what: string) => Error
): string {
  const key = toKey === undefined ? '' : syncAnswer(toKey(data))
  if (typeof key !== 'string' || key.length > MAX_KEY) throw toInvalid(describeValue(key))
  return Buffer.from(key).toString() // half of a surrogate pair is no text that Redis could compare
}

/** Whether some of its limit and rates are by key and some are not: these are those of the task as a whole. */
export function hasCommonLane ({ options: { limit, rate } }: Definition): boolean {
  return new Set([limit ?? [], rate ?? []].flat().map(({ key }) => key !== undefined)).size > 1
}

/** How many tasks may have started. */
export function maxOf (definition: Definition): LaneMax {
  const { limit } = definition.options
  if (limit === undefined) return NO_LIMIT
  return toLaneMax(limit.ordered ? 1 : limit.max ?? 1, definition)
}

/** @param max of the definition's limit */
export const toLaneMax = (max: number, definition: Definition): LaneMax =>
  definition.options.limit?.key === undefined && hasCommonLane(definition) ? { common: max } : max

export function ratesOf (definition: Definition): LaneRate[] {
  const isMixed = hasCommonLane(definition)
  return [definition.options.rate ?? []].flat().map(({ max, timeWindow, key }) =>
    ({ max, window: timeWindow, ...isMixed && key === undefined && { isCommon: true } }))
}

/** @throws FST_TASKS_LIMIT_SCOPE if it cannot be known whether a rate is that of each key, FST_TASKS_OPTION_CLASH */
export function toLaneRates (rates: RateChange[], definition: Definition): LaneRate[] {
  const { name, options: { limit, rate } } = definition
  const inCode = [rate ?? limit ?? []].flat().map(({ key }) => key === undefined ? 'task' : 'key')
  const hasKeys = hasCommonLane(definition) || inCode.includes('key')
  const usual = new Set(inCode).size === 1 ? inCode[0] : undefined
  const laneRates = rates.map(({ max, timeWindow: window, scope = usual }): LaneRate => {
    if (scope === undefined) throw new errors.LimitScope(name)
    return { max, window, ...hasKeys && scope === 'task' && { isCommon: true } }
  })
  refuseSameWindow(laneRates.map(({ window, isCommon = false }) => `${window} ${isCommon}`))
  return laneRates
}
