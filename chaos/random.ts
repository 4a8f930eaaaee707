/**
 * Pseudo-random numbers from a seed (mulberry32). Each role has a generator of its own, so that no role changes the
 * numbers of another.
 */
export class Random {
  #state: number

  constructor (seed: number) {
    this.#state = seed >>> 0
  }

  /** A number from 0 to below 1. */
  next (): number {
    this.#state = (this.#state + 0x6D2B79F5) >>> 0
    let t = this.#state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }

  /** A whole number from min to max, both included. */
  int (min: number, max: number): number { return min + Math.floor(this.next() * (max - min + 1)) }

  chance (probability: number): boolean { return this.next() < probability }

  pick<T> (list: readonly T[]): T { return list[this.int(0, list.length - 1)]! }
}
