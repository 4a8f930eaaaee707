/**
 * The workers that wait for a task of one queue.
 */
import { SortedIds } from './sorted-ids.ts'

/** How a wait ended. */
export type WaitEnd = 'woken' | 'cancelled'

/** How long a cancelled token is remembered, in ms. The store in Redis does the same: no wait lasts that long there. */
const REMEMBER_MS = 60_000

export class Waits {
  readonly #waiting = new Map<string, Array<(end: WaitEnd) => void>>()
  readonly #cancelled = new SortedIds()

  /** Without a timer: it resolves when it is woken or cancelled. */
  wait (token: string): Promise<WaitEnd> {
    return new Promise(resolve => {
      const waits = this.#waiting.get(token) ?? []
      this.#waiting.set(token, [...waits, resolve])
    })
  }

  wakeAll (): void {
    for (const token of [...this.#waiting.keys()]) this.#end(token, 'woken')
  }

  /** Ends the wait of a token. From now on the token is cancelled. */
  cancel (token: string, now: number): void {
    this.#cancelled.takeUntil(now)
    this.#cancelled.put(token, now + REMEMBER_MS)
    this.#end(token, 'cancelled')
  }

  isCancelled (token: string): boolean { return this.#cancelled.has(token) }

  #end (token: string, end: WaitEnd): void {
    const waits = this.#waiting.get(token) ?? []
    this.#waiting.delete(token)
    for (const resolve of waits) resolve(end)
  }
}
