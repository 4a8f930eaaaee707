/**
 * What is open for a short time, such as calls in flight. It enters and leaves without garbage: of a Set that has
 * lived long V8 keeps outgrown tables, with all that was in them, until the next full collection (see short-lived.ts).
 */

/** A place in a list. It has a value until it is closed. */
export interface Place<Value> {
  value: Value | null
  before: Place<Value> | null
  after: Place<Value> | null
}

export class OpenList<Value> {
  #first: Place<Value> | null = null

  get isEmpty (): boolean { return this.#first === null }

  add (value: Value): Place<Value> {
    const place: Place<Value> = { value, before: null, after: this.#first }
    if (this.#first) this.#first.before = place
    this.#first = place
    return place
  }

  /** False if it was closed before. What is closed points at nothing: an old place would keep a young one alive. */
  close (place: Place<Value>): boolean {
    if (place.value === null) return false
    const { before, after } = place
    if (before) before.after = after
    else this.#first = after
    if (after) after.before = before
    place.value = place.before = place.after = null
    return true
  }

  /** Those of now, also if some are closed meanwhile. The newest first. */
  values (): Value[] {
    const values: Value[] = []
    for (let place = this.#first; place; place = place.after) values.push(place.value!)
    return values
  }
}
