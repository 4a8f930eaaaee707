/**
 * Functions of the app whose answer is needed at once, such as the `key` of a limit.
 */
import { types } from 'node:util'

/** Whether it is a promise, of a library too: those are not all native ones. */
export const isThenable = (answer: unknown): boolean => typeof (answer as any)?.then === 'function'

/** The promise of an async one is no answer, and is refused as such. If it rejects too, the process must not end. */
export function syncAnswer<T> (answer: T): T {
  if (types.isPromise(answer)) answer.catch(() => {})
  return answer
}
