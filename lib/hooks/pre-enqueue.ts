/**
 * The hooks that see a task before it is enqueued.
 */
import { callHooks, type AnyHook } from './hook-lists.ts'
import type { EnqueueEntry } from '../types.ts'

/** Resolves with what the hooks have made of the entry. Rejects with what one of them throws. */
export function callPreEnqueue (hooks: AnyHook[], self: unknown, given: EnqueueEntry): Promise<EnqueueEntry> {
  const entry = { ...given, options: { ...given.options } } // those of the caller stay as they are
  Object.defineProperty(entry, 'name', { writable: false })
  return new Promise((resolve, reject) => {
    callHooks(hooks, self, [entry], failure => failure, failure => {
      if (failure) reject(failure.thrown)
      else resolve(entry)
    })
  })
}
