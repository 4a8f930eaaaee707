/**
 * Functions of the app whose answer is needed at once, such as the `key` of a limit.
 */
import { types } from 'node:util'

/** The promise of an async one is no answer, and is refused as such. If it rejects too, the process must not end. */
export function syncAnswer<T> (answer: T): T {
  if (types.isPromise(answer)) answer.catch(() => {})
  return answer
}
