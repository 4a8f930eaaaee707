/**
 * Layer 0: ids in the order of a time that each has; those of one time in the order in which they came.
 */
export class SortedIds {
  readonly #ids: string[] = []
  readonly #times = new Map<string, number>()

  get size (): number { return this.#ids.length }
  /** The earliest time; null where there is none. */
  get first (): number | null { return this.#times.get(this.#ids[0]!) ?? null }

  ids (): string[] { return [...this.#ids] }
  has (id: string): boolean { return this.#times.has(id) }
  timeOf (id: string): number | undefined { return this.#times.get(id) }

  put (id: string, time: number): void {
    this.delete(id)
    this.#ids.splice(this.#place(time, (one, other) => one <= other), 0, id)
    this.#times.set(id, time)
  }

  delete (id: string): boolean {
    const time = this.#times.get(id)
    if (time === undefined) return false
    this.#ids.splice(this.#ids.indexOf(id, this.#place(time, (one, other) => one < other)), 1)
    return this.#times.delete(id)
  }

  /** Takes out what has its time at `now` or before it, earliest first, `limit` at the most. */
  takeUntil (now: number, limit = Infinity): string[] {
    const taken = this.#ids.splice(0, Math.min(limit, this.#place(now, (one, other) => one <= other)))
    for (const id of taken) this.#times.delete(id)
    return taken
  }

  /** The first place whose time does not come `before` this one. */
  #place (time: number, before: (one: number, other: number) => boolean): number {
    let [low, high] = [0, this.#ids.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (before(this.#times.get(this.#ids[middle]!)!, time)) low = middle + 1
      else high = middle
    }
    return low
  }
}
