/**
 * A promise with a deadline.
 */
import { clearTimeout, setImmediate, setTimeout, uptime } from '../../timers.ts'

/** A timer that fires so many ms late: something held the event loop. */
const HELD_MS = 20

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

/** Calls back after `ms`. If something held the event loop, after as long once more. Returns what stops it. */
function afterTurning (ms: number, callback: () => void): () => void {
  const due = uptime() + ms
  let timer = setTimeout(() => {
    const held = uptime() - due
    if (held < HELD_MS) callback()
    else timer = setTimeout(callback, Math.min(held, ms))
  }, ms)
  return () => clearTimeout(timer)
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
 * If something held the event loop past the deadline, the reply may be here, but not read yet; or the call is sent only
 * now, at the end of the turn. So it gets as long as the event loop was held, at most `ms` once more, and is late only
 * after a turn in which nothing was read.
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
      stop()
      open?.delete(pass)
      try {
        resolve(end())
      } catch (error) {
        reject(error)
      }
    }
    const pass = (): void => settle(onLate)
    const promise = start()
    const stop = afterTurning(ms, () => whenAllIsRead(read, () => settled, pass))
    open?.add(pass)
    promise.then(value => settle(() => value), error => settle(() => onError(error)))
  })
}
