/**
 * A promise with a deadline.
 */
import { clearTimeout, setImmediate, setTimeout } from '../../timers.ts'

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

/** Deadlines that have not passed. Each function makes its deadline pass now. */
export type OpenDeadlines = Set<() => void>

export interface DeadlineOptions<T> {
  /** How much was read so far from where the reply comes. Default: not known. */
  read?: () => number
  /** As `onLate`, for a rejection. Default: the rejection. A `catch` behind the promise would cost a promise more. */
  onError?: (error: unknown) => T
  /** Has this deadline until the promise settles. */
  open?: OpenDeadlines
}

/**
 * Starts something and settles as it does. After `ms` it settles as `onLate`: with its value, or with what it throws.
 *
 * If something held the event loop past the deadline, the reply may be here, but not read yet. So the promise is late
 * only after a turn of the event loop in which nothing was read.
 */
export function withDeadline<T> (
  start: () => Promise<T>, ms: number, onLate: () => T,
  { read = () => 0, onError = rethrow, open }: DeadlineOptions<T> = {}
): Promise<T> {
  return new Promise((resolve, reject) => {
    let settled = false
    const settle = (end: () => T): void => {
      if (settled) return
      settled = true
      clearTimeout(timer)
      open?.delete(pass)
      try {
        resolve(end())
      } catch (error) {
        reject(error)
      }
    }
    const pass = (): void => settle(onLate)
    const promise = start()
    const timer = setTimeout(() => whenAllIsRead(read, () => settled, pass), ms)
    open?.add(pass)
    promise.then(value => settle(() => value), error => settle(() => onError(error)))
  })
}
