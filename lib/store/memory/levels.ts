/**
 * The high and the low tasks of one queue in this process: see enter.lua and claim.lua.
 */
import type { Level } from '../level.ts'

export class Levels {
  /** Oldest first. */
  readonly high = new Set<string>()
  readonly low = new Set<string>()
  readonly #levels = new Map<string, Level>()
  #claims = 0

  get size (): number { return this.high.size + this.low.size }

  set (id: string, level: Level | undefined): void {
    if (level === undefined) this.#levels.delete(id)
    else this.#levels.set(id, level)
  }

  /** Undefined for a normal task. */
  levelOf (id: string): Level | undefined { return this.#levels.get(id) }

  /** Undefined for a normal task. */
  listOf (id: string): Set<string> | undefined {
    const level = this.#levels.get(id)
    return level && this[level]
  }

  has (id: string): boolean { return this.high.has(id) || this.low.has(id) }

  unqueue (id: string): void {
    this.high.delete(id)
    this.low.delete(id)
  }

  /** The next one, as an array. Empty if there is none. */
  takeFirst (): string[] { return take(this.high.size > 0 ? this.high : this.low, 1) }

  /**
   * Takes ids out, by level, until `count` are free: those that are not are parked by the caller. After a list that
   * had none that is free it takes no other: the caller tries again. In one call of 16 a low and a normal task come
   * first.
   */
  take (waiting: Set<string>, count: number, isFree: (id: string) => boolean): string[] {
    const ids: string[] = []
    let free = 0
    const takeFrom = (list: Set<string>, most: number): void => {
      if (ids.length > 0 && free === 0) return
      const taken = take(list, Math.min(most, count - free))
      ids.push(...taken)
      free += taken.filter(isFree).length
    }
    if (++this.#claims % 16 === 0) for (const list of [this.low, waiting]) takeFrom(list, 1)
    takeFrom(waiting, this.#countHigh(waiting, count))
    for (const list of [this.high, waiting, this.low]) takeFrom(list, count)
    return ids
  }

  /** How many of the next ids are of high tasks: those that came when no other task waited. */
  #countHigh (waiting: Set<string>, most: number): number {
    let count = 0
    for (const id of waiting) {
      if (count >= most || this.#levels.get(id) !== 'high') break
      count++
    }
    return count
  }
}

/** Takes up to `count` ids out. */
export function take (ids: Set<string>, count: number): string[] {
  const found: string[] = []
  for (const id of ids) {
    if (found.length >= count) break
    found.push(id)
  }
  for (const id of found) ids.delete(id)
  return found
}
