/**
 * What is open for a short time, such as calls in flight. It enters and leaves without garbage: of a Set that has
 * lived long V8 keeps outgrown tables, with all that was in them, until the next full collection (see short-lived.ts).
 */

/** It has a value until it is closed. */
export interface OpenEntry<Value> {
  value: Value | null
  before: OpenEntry<Value> | null
  after: OpenEntry<Value> | null
}

export class OpenList<Value> {
  #first: OpenEntry<Value> | null = null

  get isEmpty (): boolean { return this.#first === null }

  add (value: Value): OpenEntry<Value> {
    const entry: OpenEntry<Value> = { value, before: null, after: this.#first }
    if (this.#first) this.#first.before = entry
    this.#first = entry
    return entry
  }

  /** False if it was closed before. What is closed points at nothing: an old one would keep a young one alive. */
  close (entry: OpenEntry<Value>): boolean {
    if (entry.value === null) return false
    const { before, after } = entry
    if (before) before.after = after
    else this.#first = after
    if (after) after.before = before
    entry.value = entry.before = entry.after = null
    return true
  }

  /** Those of now, also if some are closed meanwhile. The newest first. */
  values (): Value[] {
    const values: Value[] = []
    for (let entry = this.#first; entry; entry = entry.after) values.push(entry.value!)
    return values
  }
}
