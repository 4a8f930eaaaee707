/**
 * The list of hooks.
 */
import type { TaskHookName } from '../types.ts'

/** Each hook, and how many arguments it gets besides `done`. The compiler refuses this table if a hook is missing. */
export const HOOK_ARITY: Readonly<Record<TaskHookName, number>> = {
  preEnqueue: 1,
  preHandler: 1,
  onSuccess: 2,
  onError: 2,
  onFailed: 2,
  onAttemptEnd: 2,
  onStalled: 2
}

export const HOOK_NAMES = Object.keys(HOOK_ARITY) as TaskHookName[]
