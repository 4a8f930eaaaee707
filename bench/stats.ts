/** Medians, percentiles, ratios. */

const ascending = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b)

export const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

export function median (values: readonly number[]): number {
  const sorted = ascending(values)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** The smallest value that is no less than this share of all values. @param share 0.99 for the 99th percentile */
export function percentile (values: readonly number[], share: number): number {
  const sorted = ascending(values)
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)]!
}

/**
 * `ours` as a multiple of `theirs`: the median of the rounds' ratios, because a disturbance of a round slows both.
 * If they have different numbers of rounds, the ratio of the medians.
 */
export function ratio (ours: readonly number[], theirs: readonly number[]): number {
  if (ours.length !== theirs.length) return median(ours) / median(theirs)
  return median(ours.map((value, round) => value / theirs[round]!))
}

/** The list, starting one element later each round. */
export function rotated<T> (list: readonly T[], round: number): T[] {
  const start = list.length === 0 ? 0 : round % list.length
  return [...list.slice(start), ...list.slice(0, start)]
}
