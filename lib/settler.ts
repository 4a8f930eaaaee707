/**
 * Layer 2: writes outcomes, one tick's worth in one call, and does not give up while Redis is away.
 */
import type { Insist } from './insist.ts'
import type { Settlement, Verdict } from './queue.ts'
import type { Queue } from './store.ts'

/** Bounds one Lua call. */
const BATCH = 200

interface Pending { settlement: Settlement, resolve: (verdict: Verdict) => void }

export class Settler {
  readonly #queue: Queue
  readonly #insist: Insist
  #pending: Pending[] = []
  #scheduled = false
  #idle: Promise<unknown> = Promise.resolve()

  constructor (queue: Queue, insist: Insist) {
    this.#queue = queue
    this.#insist = insist
  }

  /** Resolves once it is written; as `lost` where the worker closed before Redis was back. */
  settle (settlement: Settlement): Promise<Verdict> {
    return new Promise(resolve => {
      this.#pending.push({ settlement, resolve })
      if (this.#scheduled) return
      this.#scheduled = true
      setImmediate(() => this.flush())
    })
  }

  /** Sends what waits now, without waiting for the tick's end. */
  flush (): void {
    this.#scheduled = false
    while (this.#pending.length > 0) {
      const batch = this.#pending.splice(0, BATCH)
      this.#idle = Promise.all([this.#idle, this.#send(batch)])
    }
  }

  async #send (batch: Pending[]): Promise<void> {
    const verdicts = await this.#insist.until('settle', () => this.#queue.settle(batch.map(one => one.settlement)))
    batch.forEach((one, i) => one.resolve(verdicts?.[i] ?? 'lost'))
  }

  /** Resolves once all that was given is written. */
  async drained (): Promise<void> {
    this.flush()
    await this.#idle
  }
}
