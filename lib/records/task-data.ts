/**
 * The name and the data of a task, as JSON.
 */
import { builtInName } from '../built-in.ts'
import * as errors from '../errors.ts'
import { sizeOver, toStorableJson } from './json.ts'

/** Name and data, as a record has them. Throws FST_TASKS_DATA_INVALID, FST_TASKS_DATA_TOO_LARGE. */
export function encodeNamed (name: string, data: unknown, maxDataSize: number): string {
  if (data === undefined) return `{"name":"${name}"}`
  const json = encodeData(name, data)
  const size = sizeOver(maxDataSize, json)
  if (size > 0) throw new errors.DataTooLarge(name, size, maxDataSize)
  return `{"name":"${name}","data":${json}}`
}

function encodeData (name: string, data: unknown): string {
  const toInvalid = (reason: string): Error => new errors.DataInvalid(name, reason)
  const json = toStorableJson(data, toInvalid)
  const lost = data === null ? undefined : lostBy(json, data)
  if (lost !== undefined) throw toInvalid(`it is ${lost}`)
  return json
}

/** What the data is, if its JSON has nothing of it: a promise that was not awaited, a Map, NaN. */
function lostBy (json: string, data: unknown): string | undefined {
  if (json === '{}') return builtInName(data as object)
  if (json !== 'null') return undefined
  if (typeof data === 'number') return String(data)
  return data instanceof Date ? 'an invalid Date' : undefined
}

/** A copy of the data, as `decode` will return it. Throws FST_TASKS_DATA_INVALID. */
export const jsonRoundTrip = (name: string, data: unknown): unknown =>
  data === undefined ? undefined : JSON.parse(encodeData(name, data))
