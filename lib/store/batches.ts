/**
 * How much one call to the store may carry: more would hold up Redis, and all its other clients.
 */

/** Redis needs about 2 ms to take a call of this size. */
const MAX_CHARACTERS = 1_048_576

/**
 * Where the batch that begins at `start` ends: after `most` items, or before they are too large together. It has at
 * least one item.
 * @param sizeOf in characters
 */
export function endOfBatch<T> (items: T[], start: number, most: number, sizeOf: (item: T) => number): number {
  const last = Math.min(items.length, start + most)
  let end = start
  let size = 0
  do size += sizeOf(items[end++]!)
  while (end < last && size + sizeOf(items[end]!) <= MAX_CHARACTERS)
  return end
}
