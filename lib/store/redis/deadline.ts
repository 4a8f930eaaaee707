/**
 * A promise with a deadline.
 */

const rethrow = (error: unknown): never => { throw error }

/**
 * Starts something and settles as it does. After `ms` it settles as `onLate`: with its value, or with what it throws.
 * @param onError the same for a rejection. Default: the rejection. A `catch` behind this would cost a further promise
 */
export function withDeadline<T> (
  start: () => Promise<T>, ms: number, onLate: () => T, onError: (error: unknown) => T = rethrow
): Promise<T> {
  return new Promise((resolve, reject) => {
    const promise = start()
    const settle = (end: () => T): void => {
      clearTimeout(timer)
      try {
        resolve(end())
      } catch (error) {
        reject(error)
      }
    }
    const timer = setTimeout(settle, ms, onLate)
    promise.then(value => {
      clearTimeout(timer)
      resolve(value)
    }, error => settle(() => onError(error)))
  })
}
