/**
 * What the app's own functions get of a failure.
 */
import { isA } from '../describe.ts'
import type { HookError } from '../types.ts'

export const toHookError = (thrown: unknown, message: string): HookError =>
  isA(thrown, Error) ? thrown : new Error(message, { cause: thrown })
