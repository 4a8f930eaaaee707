/**
 * A Map whose values come and go all the time, each with much behind it: running tasks.
 *
 * A plain Map gets a new table whenever it has grown or has had many deletions. Of an old Map the table before is old
 * garbage, which only a full collection frees: until then all that it names counts as alive, is copied by each
 * collection of young objects, and grows old itself. So values are in boxes here, which are emptied.
 */
export class ShortLived<Key, Value> {
  readonly #boxes = new Map<Key, { value: Value | undefined }>()

  get size (): number { return this.#boxes.size }

  get (key: Key): Value | undefined { return this.#boxes.get(key)?.value }

  set (key: Key, value: Value): void {
    const box = this.#boxes.get(key)
    if (box) box.value = value
    else this.#boxes.set(key, { value })
  }

  delete (key: Key): void {
    const box = this.#boxes.get(key)
    if (box) box.value = undefined
    this.#boxes.delete(key)
  }

  /** Those of now: also if some are deleted meanwhile. */
  values (): Value[] { return Array.from(this.#boxes.values(), ({ value }) => value!) }
}
