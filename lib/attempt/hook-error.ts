/**
 * What the app's own functions get of a failure.
 */
import type { HookError } from '../types.ts'

export const toHookError = (thrown: unknown, message: string): HookError =>
  thrown instanceof Error ? thrown : new Error(message, { cause: thrown })
