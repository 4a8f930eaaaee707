/**
 * Layer 2: writes outcomes, one tick's worth in one call, and does not give up while Redis is away.
 */
import type { PersistentCalls } from './persistent-call.ts'
import type { ClaimStatus, Queue, Settlement } from '../store/contract.ts'

/** Bounds one Lua call. */
const BATCH = 200

/** Called once it is written, with what was given beside it; with `lost` where the worker closed before Redis was back. */
export type OnSettled<Of> = (settlement: Settlement, of: Of, status: ClaimStatus) => void

export class SettlementBatcher<Of> {
  readonly #queue: Queue
  readonly #insist: PersistentCalls
  readonly #onSettled: OnSettled<Of>
  #settlements: Settlement[] = []
  #contexts: Of[] = []
  #scheduled = false
  #sending = 0
  #waiters: Array<() => void> = []
  readonly #onTickEnd = (): void => { if (this.#scheduled) this.flush() }

  constructor (queue: Queue, insist: PersistentCalls, written: OnSettled<Of>) {
    this.#queue = queue
    this.#insist = insist
    this.#onSettled = written
  }

  settle (settlement: Settlement, of: Of): void {
    this.#settlements.push(settlement)
    this.#contexts.push(of)
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
      const ofs = whole ? this.#contexts : this.#contexts.splice(0, BATCH)
      if (whole) {
        this.#settlements = []
        this.#contexts = []
      }
      void this.#send(settlements, ofs)
    }
  }

  async #send (settlements: Settlement[], ofs: Of[]): Promise<void> {
    this.#sending++
    const statuses = await this.#insist.retryUntilClosed('settle', () => this.#queue.settle(settlements))
    settlements.forEach((settlement, i) => this.#onSettled(settlement, ofs[i]!, statuses?.[i] ?? 'lost'))
    this.#sending--
    if (this.#sending === 0 && this.#settlements.length === 0) for (const resolve of this.#waiters.splice(0)) resolve()
  }

  /** Resolves once all that was given is written. */
  async drained (): Promise<void> {
    this.flush()
    if (this.#sending > 0) await new Promise<void>(resolve => { this.#waiters.push(resolve) })
  }
}
