/**
 * Promises with a deadline.
 */
import { OpenList, type OpenEntry } from '../../open-list.ts'
import { clearTimeout, setImmediate, setTimeout, uptime } from '../../timers.ts'

/** A timer that fires so many ms late: something held the event loop. */
const HELD_MS = 20

const rethrow = (error: unknown): never => { throw error }
const notKnown = (): number => 0

/** Calls back after a turn of the event loop in which nothing was read, or when something has happened meanwhile. */
function whenAllIsRead (read: () => number, hasHappened: () => boolean, callback: () => void): void {
  const before = read()
  // The first immediate comes before the event loop reads, the second one after it.
  setImmediate(() => setImmediate(() => {
    if (hasHappened() || read() === before) callback()
    else whenAllIsRead(read, hasHappened, callback)
  }))
}

export interface DeadlineOptions<T> {
  /** How much was read so far from where the reply comes. Default: not known. */
  read?: () => number
  /** As `onLate`, for a rejection. Default: the rejection. A `catch` behind the promise would cost a promise more. */
  onError?: (error: unknown) => T
}

/** What has not settled. */
interface Open {
  due: number
  readonly ms: number
  readonly read: () => number
  /** Makes the deadline pass now. */
  readonly pass: () => void
  /** Something held the event loop when it was due: `due` is the second time. */
  isSecond: boolean
  hasSettled: boolean
}

/** Many promises with deadlines, which share a timer: nearly all settle long before, and a timer of each is costly. */
export class Deadlines {
  readonly #open = new OpenList<Open>()
  #timer: NodeJS.Timeout | undefined
  /** When the timer fires. */
  #next = Infinity

  /**
   * Starts something and settles as it does. After `ms` it settles as `onLate`: with its value, or with what it throws.
   *
   * If something held the event loop past the deadline, the reply may be here, but not read yet; or the call is sent
   * only now, at the end of the turn. So it gets as long as the event loop was held, at most `ms` once more, and is
   * late only after a turn in which nothing was read.
   */
  run<T> (
    start: () => Promise<T>, ms: number, onLate: () => T,
    { read = notKnown, onError = rethrow }: DeadlineOptions<T> = {}
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const settle = (end: (error: unknown) => T, error: unknown): void => {
        if (!this.#close(entry)) return
        try {
          resolve(end(error))
        } catch (thrown) {
          reject(thrown)
        }
      }
      const promise = start()
      const entry = this.#add(ms, read, () => settle(onLate, null))
      promise.then(value => { if (this.#close(entry)) resolve(value) }, error => settle(onError, error))
    })
  }

  /** Makes all deadlines pass now. */
  passAll (): void { for (const { pass } of this.#open.values()) pass() }

  #add (ms: number, read: () => number, pass: () => void): OpenEntry<Open> {
    const due = uptime() + ms
    this.#wakeAt(due)
    return this.#open.add({ due, ms, read, pass, isSecond: false, hasSettled: false })
  }

  /** False if it has settled. */
  #close (entry: OpenEntry<Open>): boolean {
    const open = entry.value
    if (!open) return false
    open.hasSettled = true
    this.#open.close(entry)
    if (this.#open.isEmpty) this.#stop()
    return true
  }

  #stop (): void {
    clearTimeout(this.#timer)
    this.#next = Infinity
  }

  /** In whole ms: Node keeps a list of timers for each duration. */
  #wakeAt (due: number): void {
    if (due >= this.#next) return
    clearTimeout(this.#timer)
    this.#next = due
    this.#timer = setTimeout(() => this.#passDue(), Math.max(1, Math.ceil(due - uptime())))
  }

  #passDue (): void {
    this.#next = Infinity
    const now = uptime()
    let next = Infinity
    for (const open of this.#open.values()) {
      if (open.due <= now) this.#onDue(open, now)
      next = Math.min(next, open.due)
    }
    this.#wakeAt(next)
  }

  /** If something held the event loop, it gets as long once more. */
  #onDue (open: Open, now: number): void {
    const held = now - open.due
    const isLate = open.isSecond || held < HELD_MS
    open.due = isLate ? Infinity : now + Math.min(held, open.ms)
    open.isSecond = true
    if (isLate) whenAllIsRead(open.read, () => open.hasSettled, open.pass)
  }
}

/** One promise with a deadline: see `Deadlines.run`. */
export const withDeadline = <T>(
  start: () => Promise<T>, ms: number, onLate: () => T, options?: DeadlineOptions<T>
): Promise<T> => new Deadlines().run(start, ms, onLate, options)
