/**
 * Ids, each with a time, in the order of their times. Ids with the same time stay in the order in which they came.
 */
export class SortedIds {
  readonly #ids: string[] = []
  readonly #times = new Map<string, number>()

  get size (): number { return this.#ids.length }
  /** The earliest time. Null if there are no ids. */
  get first (): number | null { return this.#times.get(this.#ids[0]!) ?? null }

  ids (): string[] { return [...this.#ids] }
  has (id: string): boolean { return this.#times.has(id) }
  timeOf (id: string): number | undefined { return this.#times.get(id) }

  put (id: string, time: number): void {
    this.delete(id)
    this.#ids.splice(this.#indexAfter(time), 0, id)
    this.#times.set(id, time)
  }

  delete (id: string): boolean {
    const time = this.#times.get(id)
    if (time === undefined) return false
    this.#ids.splice(this.#ids.indexOf(id, this.#indexOf(time)), 1)
    return this.#times.delete(id)
  }

  /** Takes out the ids whose time is `now` or earlier, earliest first, at most `limit`. */
  takeUntil (now: number, limit = Infinity): string[] {
    const taken = this.#ids.splice(0, Math.min(limit, this.#indexAfter(now)))
    for (const id of taken) this.#times.delete(id)
    return taken
  }

  /** The index of the first id with this time or a later one. */
  #indexOf (time: number): number { return this.#search(other => other < time) }

  /** The index behind the last id with this time or an earlier one. */
  #indexAfter (time: number): number { return this.#search(other => other <= time) }

  /** Binary search for the first index whose time does not come before. */
  #search (comesBefore: (time: number) => boolean): number {
    let [low, high] = [0, this.#ids.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (comesBefore(this.#times.get(this.#ids[middle]!)!)) low = middle + 1
      else high = middle
    }
    return low
  }
}
