/**
 * What a handler returns and reports, as JSON that can be stored.
 */
import { describeValue } from '../describe.ts'
import * as errors from '../errors.ts'
import { sizeOver, toStorableJson, toWholeJson, type Serializer, type ToInvalid } from '../records/json.ts'

const resultInvalid = (reason: string): Error => new errors.ResultInvalid(reason)

/** @throws FST_TASKS_RESULT_INVALID, FST_TASKS_RESULT_TOO_LARGE */
export function serializeResult (value: unknown, serializer: Serializer | undefined, maxSize: number): string {
  const json = value === undefined ? 'null' : toStorableJson(value, resultInvalid, serializer)
  const size = sizeOver(maxSize, json)
  if (size > 0) throw new errors.ResultTooLarge(size, maxSize)
  return json
}

const MAX_STAGE = 256

/** @throws FST_TASKS_PROGRESS_INVALID */
export function checkStage (stage: unknown, invalid: ToInvalid): void {
  const isValid = typeof stage === 'string' && stage.length <= MAX_STAGE
  if (!isValid) throw invalid(`the stage is ${describeValue(stage)}`)
}

interface ProgressRules {
  serializer: Serializer | undefined
  maxProgressSize: number
  invalid: ToInvalid
}

/** @throws FST_TASKS_PROGRESS_INVALID */
export function serializeProgress (progress: unknown, { serializer, maxProgressSize, invalid }: ProgressRules): string {
  const json = progress === null ? 'null' : toWholeJson(progress, invalid, serializer, 'the progress')
  checkProgressSize(json, maxProgressSize, invalid)
  return json
}

/** @throws FST_TASKS_PROGRESS_INVALID */
export function checkProgressSize (json: string, maxSize: number, invalid: ToInvalid): void {
  const size = sizeOver(maxSize, json)
  if (size > 0) throw invalid(`the progress is ${size} bytes`)
}
