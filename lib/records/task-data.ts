/**
 * The name and the data of a task, as JSON.
 */
import * as errors from '../errors.ts'
import { sizeOver, toWholeJson } from './json.ts'

/** Name and data, as a record has them. Throws FST_TASKS_DATA_INVALID, FST_TASKS_DATA_TOO_LARGE. */
export function encodeNamed (name: string, data: unknown, maxDataSize: number): string {
  if (data === undefined) return `{"name":"${name}"}`
  const json = encodeData(name, data)
  const size = sizeOver(maxDataSize, json)
  if (size > 0) throw new errors.DataTooLarge(name, size, maxDataSize)
  return `{"name":"${name}","data":${json}}`
}

const encodeData = (name: string, data: unknown): string =>
  toWholeJson(data, reason => new errors.DataInvalid(name, reason))

/** A copy of the data, as `decode` will return it. Throws FST_TASKS_DATA_INVALID. */
export const jsonRoundTrip = (name: string, data: unknown): unknown =>
  data === undefined ? undefined : JSON.parse(encodeData(name, data))
