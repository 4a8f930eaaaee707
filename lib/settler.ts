/**
 * Layer 2: writes outcomes, one tick's worth in one call, and does not give up while Redis is away.
 */
import type { Insist } from './insist.ts'
import type { Settlement, Verdict } from './queue.ts'
import type { Queue } from './store.ts'

/** Bounds one Lua call. */
const BATCH = 200

/** Called once it is written; with `lost` where the worker closed before Redis was back. */
export type Written = (verdict: Verdict) => void

export class Settler {
  readonly #queue: Queue
  readonly #insist: Insist
  #settlements: Settlement[] = []
  #callbacks: Written[] = []
  #scheduled = false
  #sending = 0
  #waiters: Array<() => void> = []
  readonly #onTickEnd = (): void => { if (this.#scheduled) this.flush() }

  constructor (queue: Queue, insist: Insist) {
    this.#queue = queue
    this.#insist = insist
  }

  settle (settlement: Settlement, written: Written): void {
    this.#settlements.push(settlement)
    this.#callbacks.push(written)
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(this.#onTickEnd)
  }

  /** Sends what waits now, without waiting for the tick's end. */
  flush (): void {
    this.#scheduled = false
    while (this.#settlements.length > 0) {
      const whole = this.#settlements.length <= BATCH
      const settlements = whole ? this.#settlements : this.#settlements.splice(0, BATCH)
      const callbacks = whole ? this.#callbacks : this.#callbacks.splice(0, BATCH)
      if (whole) {
        this.#settlements = []
        this.#callbacks = []
      }
      void this.#send(settlements, callbacks)
    }
  }

  async #send (settlements: Settlement[], callbacks: Written[]): Promise<void> {
    this.#sending++
    const verdicts = await this.#insist.until('settle', () => this.#queue.settle(settlements))
    callbacks.forEach((written, i) => written(verdicts?.[i] ?? 'lost'))
    this.#sending--
    if (this.#sending === 0 && this.#settlements.length === 0) for (const resolve of this.#waiters.splice(0)) resolve()
  }

  /** Resolves once all that was given is written. */
  async drained (): Promise<void> {
    this.flush()
    if (this.#sending > 0) await new Promise<void>(resolve => { this.#waiters.push(resolve) })
  }
}
