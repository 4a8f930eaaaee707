/**
 * Depths of nested JSON, many of them near the depth at which JSON.stringify overflows the stack. The exact depth
 * depends on the size of the stack at the call.
 */
import fc from 'fast-check'

function fits (depth: number): boolean {
  try {
    JSON.stringify(JSON.parse('['.repeat(depth) + ']'.repeat(depth)))
    return true
  } catch {
    return false
  }
}

function findMaxDepth (): number {
  let [low, high] = [100, 100_000]
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (fits(middle)) low = middle
    else high = middle
  }
  return low
}

const maxDepth = findMaxDepth()

/** Number of levels: few, many, far too many, and about the maximum. */
export const depth = fc.oneof(
  fc.integer({ min: 1, max: 1_100 }),
  fc.constantFrom(10, 999, 1_000, 1_001, 2_000, 3_000, 8_000, 100_000),
  fc.integer({ min: maxDepth - 100, max: maxDepth + 20 })
)
