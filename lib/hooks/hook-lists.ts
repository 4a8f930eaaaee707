/**
 * The hooks of a task, and how a hook is called.
 */
import type { TaskHookName } from '../types.ts'

/** A hook. In callback style it takes one more argument, `done`. */
export type AnyHook = (...args: any[]) => unknown

export type HookLists = Partial<Record<TaskHookName, AnyHook[]>>

export const hooksOf = (given: AnyHook | AnyHook[] | undefined): AnyHook[] =>
  given === undefined ? [] : Array.isArray(given) ? given : [given]

/** Null if the hook ended well. */
export type HookFailure = { thrown: unknown } | null

/**
 * Calls a hook. `next` is called once: by the hook's `done`, inside of it, so that what follows is in the async context
 * of the caller of `done`; or when its promise is settled; or at once.
 */
export function callHook (hook: AnyHook, self: unknown, args: unknown[], next: (failure: HookFailure) => void): void {
  let ended = false
  const end = (failure: HookFailure): void => {
    if (ended) return
    ended = true
    next(failure)
  }
  const fail = (thrown: unknown): void => end({ thrown })
  const done = (error?: unknown): void => end(error ? { thrown: error } : null)
  let hasReturned = false
  try {
    const returned: any = hook.call(self, ...args, done)
    if (typeof returned?.then === 'function') returned.then(() => end(null), fail) // one of a library may throw here
    else hasReturned = hook.length <= args.length
  } catch (thrown) {
    fail(thrown)
  }
  if (hasReturned) end(null)
}

/**
 * Calls hooks one after the other, and `end` after the last.
 * @param onFailure returns what the others are to do after a failure: stop, with this failure; null: go on
 */
export function callHooks (
  hooks: readonly AnyHook[], self: unknown, args: unknown[], onFailure: (failure: HookFailure) => HookFailure,
  end: (failure: HookFailure) => void, index = 0
): void {
  const hook = hooks[index]
  if (!hook) return end(null)
  callHook(hook, self, args, failure => {
    const stop = onFailure(failure)
    if (stop) end(stop)
    else callHooks(hooks, self, args, onFailure, end, index + 1)
  })
}
