/**
 * A promise with a deadline.
 */

const rethrow = (error: unknown): never => { throw error }

/** Calls back after a turn of the event loop in which nothing was read, or when something has happened meanwhile. */
function whenAllIsRead (read: () => number, hasHappened: () => boolean, callback: () => void): void {
  const before = read()
  // The first immediate comes before the event loop reads, the second one after it.
  setImmediate(() => setImmediate(() => {
    if (hasHappened() || read() === before) callback()
    else whenAllIsRead(read, hasHappened, callback)
  }))
}

/**
 * Starts something and settles as it does. After `ms` it settles as `onLate`: with its value, or with what it throws.
 *
 * If something held the event loop past the deadline, the reply may be here, but not read yet. So the promise is late
 * only after a turn of the event loop in which nothing was read.
 * @param read how much was read so far from where the reply comes
 * @param onError as `onLate`, for a rejection. Default: the rejection. A `catch` behind this would cost a promise more
 */
export function withDeadline<T> (
  start: () => Promise<T>, ms: number, onLate: () => T, read: () => number = () => 0,
  onError: (error: unknown) => T = rethrow
): Promise<T> {
  return new Promise((resolve, reject) => {
    let settled = false
    const settle = (end: () => T): void => {
      if (settled) return
      settled = true
      clearTimeout(timer)
      try {
        resolve(end())
      } catch (error) {
        reject(error)
      }
    }
    const timer = setTimeout(() => whenAllIsRead(read, () => settled, () => settle(onLate)), ms)
    start().then(value => {
      settled = true
      clearTimeout(timer)
      resolve(value)
    }, error => settle(() => onError(error)))
  })
}
