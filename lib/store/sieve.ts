/**
 * Looks through records as both stores read them: see `QueueWalk.sift`.
 */
import type { QueueWalk, SiftOptions, Sifted } from './walk-contract.ts'

/** By records of which only the head is read, if they are large. */
export async function siftHeads (
  walk: Pick<QueueWalk, 'readHeads'>, ids: string[], options: SiftOptions
): Promise<Sifted> {
  const { tasks } = await walk.readHeads(ids, options.maxBytes)
  const sieve = new Sieve(options)
  sieve.add(ids, tasks.map(task => task && task.text))
  return sieve.result
}

/** Passes records to the caller until it has found enough. */
export class Sieve {
  readonly #options: SiftOptions
  readonly found: number[] = []
  lookedAt = 0
  bytes = 0

  constructor (options: SiftOptions) {
    this.#options = options
  }

  get isDone (): boolean { return this.found.length >= this.#options.most }

  /** Records in the order of the ids. Null for one that is gone. */
  add (ids: string[], texts: Array<string | null>): void {
    for (const text of texts) this.bytes += text?.length ?? 0
    for (const text of texts) {
      if (this.isDone) return
      const at = this.lookedAt++
      if (text !== null && this.#options.matches(text, ids[at]!)) this.found.push(at)
    }
  }

  get result (): Sifted { return { found: this.found, lookedAt: this.lookedAt, bytes: this.bytes } }
}
