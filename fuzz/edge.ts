/**
 * How deep JSON may be nested here before JSON.stringify overflows the stack: near that, whether it does depends on who
 * calls it.
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

function deepest (): number {
  let [low, high] = [100, 100_000]
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (fits(middle)) low = middle
    else high = middle
  }
  return low
}

const edge = deepest()

/** Levels: few, many, far too many, and about as many as there is room for. */
export const depth = fc.oneof(
  fc.integer({ min: 1, max: 1_100 }),
  fc.constantFrom(10, 999, 1_000, 1_001, 2_000, 3_000, 8_000, 100_000),
  fc.integer({ min: edge - 100, max: edge + 20 })
)
