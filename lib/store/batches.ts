/**
 * How much one call to the store may carry: more would hold up Redis, and all its other clients.
 */

/** Redis needs about 2 ms to take a call, or to give a reply, of this size. */
export const MAX_CHARACTERS = 1_048_576

/**
 * Where the batch that begins at `start` ends: after `most` items, or before they are too large together. It has at
 * least one item, if there is one.
 * @param sizeOf in characters, or in bytes
 */
export function endOfBatch<T> (
  items: T[], start: number, most: number, sizeOf: (item: T) => number, maxSize = MAX_CHARACTERS
): number {
  const last = Math.min(items.length, start + most)
  let end = start
  let size = 0
  while (end < last && (end === start || size + sizeOf(items[end]!) <= maxSize)) size += sizeOf(items[end++]!)
  return end
}

/** Does work for all items, in batches: whoever waits for this process gets a turn between two of them. */
export async function inBatches<T, Result> (
  items: Iterable<T>, size: number, work: (item: T) => Promise<Result>
): Promise<Result[]> {
  const all = [...items]
  const results: Result[] = []
  for (let i = 0; i < all.length; i += size) results.push(...await Promise.all(all.slice(i, i + size).map(work)))
  return results
}
