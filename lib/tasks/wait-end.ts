/**
 * What ends a wait early: signals, and a time. AbortSignal.any and AbortSignal.timeout would leave an entry in a signal
 * that lives long (in Node 20 for ever), and a timer that runs on: here nothing stays.
 */
import { clearTimeout, setTimeout } from '../timers.ts'

export interface WaitEndOptions {
  signals: Array<AbortSignal | undefined>
  /** How long the wait may take, in ms. Undefined: no limit. */
  ms?: number | undefined
}

/** The waits that a signal ends. It has one listener for all of them, as Node warns of more than ten. */
const followers = new WeakMap<AbortSignal, Set<WaitEnd>>()

export class WaitEnd {
  readonly #controller = new AbortController()
  readonly #followed: AbortSignal[] = []
  readonly #timer: NodeJS.Timeout | undefined
  /** Whether the time was over first. */
  isLate = false

  constructor ({ signals, ms }: WaitEndOptions) {
    for (const signal of signals) if (signal) this.#follow(signal)
    if (ms !== undefined) this.#timer = setTimeout(() => this.#onLate(), ms).unref()
  }

  get signal (): AbortSignal { return this.#controller.signal }

  #follow (signal: AbortSignal): void {
    if (signal.aborted) return this.#controller.abort(signal.reason)
    const waits = followers.get(signal) ?? new Set()
    if (waits.size === 0) signal.addEventListener('abort', endAll)
    followers.set(signal, waits.add(this))
    this.#followed.push(signal)
  }

  /** Ends the wait for a reason. */
  abort (reason: unknown): void { this.#controller.abort(reason) }

  #onLate (): void {
    this.isLate = !this.#controller.signal.aborted
    this.#controller.abort()
  }

  /** Call it when the wait has ended. */
  dispose (): void {
    clearTimeout(this.#timer)
    for (const signal of this.#followed) {
      const waits = followers.get(signal)
      waits?.delete(this)
      if (waits?.size === 0) signal.removeEventListener('abort', endAll)
    }
  }
}

function endAll (this: AbortSignal): void {
  for (const wait of followers.get(this) ?? []) wait.abort(this.reason)
}
