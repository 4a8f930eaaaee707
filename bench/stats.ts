/** Medians, percentiles, ratios. */

const ascending = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b)

export function median (values: readonly number[]): number {
  const sorted = ascending(values)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** @param share 0.99 for the 99th percentile: the smallest value that this share of all does not exceed. */
export function percentile (values: readonly number[], share: number): number {
  const sorted = ascending(values)
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)]!
}

/**
 * How many times `ours` is `theirs`: the median of the rounds' own ratios, since what disturbs a round disturbs both; of
 * the medians where one had fewer rounds.
 */
export function ratio (ours: readonly number[], theirs: readonly number[]): number {
  if (ours.length !== theirs.length) return median(ours) / median(theirs)
  return median(ours.map((value, round) => value / theirs[round]!))
}

/** The same list, begun one further at each round: who goes first changes. */
export function rotated<T> (list: readonly T[], round: number): T[] {
  const start = list.length === 0 ? 0 : round % list.length
  return [...list.slice(start), ...list.slice(0, start)]
}
