/** Numbers that look random and follow from a seed (mulberry32). One generator for each role, so that roles do not disturb each other. */
export class Random {
  #state: number

  constructor (seed: number) {
    this.#state = seed >>> 0
  }

  /** From 0 to below 1. */
  next (): number {
    this.#state = (this.#state + 0x6D2B79F5) >>> 0
    let t = this.#state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }

  /** A whole number, both ends included. */
  int (min: number, max: number): number { return min + Math.floor(this.next() * (max - min + 1)) }

  chance (probability: number): boolean { return this.next() < probability }

  pick<T> (list: readonly T[]): T { return list[this.int(0, list.length - 1)]! }
}
