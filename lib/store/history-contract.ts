/**
 * What a store keeps of the past: numbers for each minute of the last 8 hours, and for each hour of the last 7 days.
 */

export type HistoryUnit = 'minute' | 'hour'

export const UNIT_MS: Record<HistoryUnit, number> = { minute: 60_000, hour: 3_600_000 }

/** How long a unit is kept, in ms. */
export const KEPT_MS: Record<HistoryUnit, number> = { minute: 8 * 3_600_000, hour: 7 * 86_400_000 }

/** How many names a minute or an hour may have. Those that are too many are added to the name `other`. */
export const MAX_NAMES = 300

/** The numbers of each task, by its name. What they mean, and their order, is no matter of the store. */
export type HistoryCounts = Record<string, number[]>

/** Adds numbers to sums, which may be fewer. */
export function addNumbers (sums: number[], numbers: number[]): void {
  for (const [i, number] of numbers.entries()) sums[i] = (sums[i] ?? 0) + number
}

export interface QueueHistory {
  /** Adds to the unit at this time, in ms since 1970. A repeated call adds again. */
  add (unit: HistoryUnit, time: number, counts: HistoryCounts): Promise<void>
  /** The numbers of the units at these times, which are empty if nothing was counted. */
  read (unit: HistoryUnit, times: number[]): Promise<HistoryCounts[]>
}
