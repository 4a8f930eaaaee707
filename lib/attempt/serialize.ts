/**
 * What a handler returns and reports, as JSON that can be stored.
 */
import { describeValue } from '../describe.ts'
import * as errors from '../errors.ts'
import { toFailure } from '../records/failure.ts'
import { isTooDeep, MAX_DEPTH } from '../records/task-record.ts'

type Serializer = (value: any) => string

/** @throws FST_TASKS_RESULT_INVALID, FST_TASKS_RESULT_TOO_LARGE */
export function serializeResult (value: unknown, serializer: Serializer | undefined, maxSize: number): string {
  let json: string | undefined
  try {
    json = value === undefined ? 'null' : (serializer ?? JSON.stringify)(value)
  } catch (error) {
    throw new errors.ResultInvalid(toFailure(error).error.message)
  }
  if (json === undefined) throw new errors.ResultInvalid(`it is ${describeValue(value)}`)
  if (isTooDeep(json)) throw new errors.ResultInvalid(`it is nested deeper than ${MAX_DEPTH} levels`)
  const size = json.length * 3 > maxSize ? Buffer.byteLength(json) : 0
  if (size > maxSize) throw new errors.ResultTooLarge(size, maxSize)
  return json
}

const MAX_STAGE = 256

/** @throws FST_TASKS_PROGRESS_INVALID */
export function checkStage (stage: unknown, invalid: (reason: string) => Error): void {
  const isValid = typeof stage === 'string' && stage.length <= MAX_STAGE
  if (!isValid) throw invalid(`the stage is ${describeValue(stage)}`)
}

interface ProgressRules {
  serializer: Serializer | undefined
  maxProgressSize: number
  invalid: (reason: string) => Error
}

/** @throws FST_TASKS_PROGRESS_INVALID */
export function serializeProgress (progress: unknown, { serializer, maxProgressSize, invalid }: ProgressRules): string {
  let json: string | undefined
  try {
    json = progress === null ? 'null' : (serializer ?? JSON.stringify)(progress)
  } catch (error) {
    throw invalid(toFailure(error).error.message)
  }
  if (json === undefined) throw invalid(`the progress is ${describeValue(progress)}`)
  if (isTooDeep(json)) throw invalid(`the progress is nested deeper than ${MAX_DEPTH} levels`)
  const size = Buffer.byteLength(json)
  if (size > maxProgressSize) throw invalid(`the progress is ${size} bytes`)
  return json
}
