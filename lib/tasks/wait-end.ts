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

export class WaitEnd {
  readonly #controller = new AbortController()
  readonly #listeners: Array<[AbortSignal, () => void]> = []
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
    const onAbort = (): void => this.#controller.abort(signal.reason)
    signal.addEventListener('abort', onAbort)
    this.#listeners.push([signal, onAbort])
  }

  #onLate (): void {
    this.isLate = !this.#controller.signal.aborted
    this.#controller.abort()
  }

  /** Call it when the wait has ended. */
  dispose (): void {
    clearTimeout(this.#timer)
    for (const [signal, onAbort] of this.#listeners) signal.removeEventListener('abort', onAbort)
  }
}
