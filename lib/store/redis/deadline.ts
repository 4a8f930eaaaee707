/**
 * A promise with a deadline.
 */
import { clearTimeout, setTimeout } from '../../timers.ts'

const rethrow = (error: unknown): never => { throw error }

/** Deadlines that have not passed. Each function makes its deadline pass now. */
export type OpenDeadlines = Set<() => void>

/**
 * Starts something and settles as it does. After `ms` it settles as `onLate`: with its value, or with what it throws.
 * @param onError the same for a rejection. Default: the rejection. A `catch` behind this would cost a further promise
 * @param open has this deadline until the promise settles
 */
export function withDeadline<T> (
  start: () => Promise<T>, ms: number, onLate: () => T, onError: (error: unknown) => T = rethrow, open?: OpenDeadlines
): Promise<T> {
  return new Promise((resolve, reject) => {
    const promise = start()
    const clear = (): void => {
      clearTimeout(timer)
      open?.delete(pass)
    }
    const settle = (end: () => T): void => {
      clear()
      try {
        resolve(end())
      } catch (error) {
        reject(error)
      }
    }
    const pass = (): void => settle(onLate)
    const timer = setTimeout(pass, ms)
    open?.add(pass)
    promise.then(value => {
      clear()
      resolve(value)
    }, error => settle(() => onError(error)))
  })
}
