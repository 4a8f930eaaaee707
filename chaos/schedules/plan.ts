/** The schedules of a run: many are due at one time, and their tasks overlap in each of the three ways. */
import type { StoredSpec } from '../../lib/schedules/stored-spec.ts'

export const PREFIX = 'chaos'
export const QUEUE = 'chaos'
export const EVERY_MS = 200

/** So many groups, each of which is due at a time of its own. */
const GROUPS = 4
const OVERLAPS = ['allow', 'skip', 'queue'] as const

export interface Size {
  schedules: number
  /** Processes that look for ticks all the time, and apps with workers. */
  tickers: number
  workers: number
  ticks: number
  /** The run is given up after so many ms. */
  limit: number
}

export const idOf = (i: number): string => `s${i}`

/** The first planned time. */
export const firstOf = (i: number, start: number): number => start + i % GROUPS

export function specOf (i: number, start: number): StoredSpec {
  const overlap = OVERLAPS[i % OVERLAPS.length]!
  return {
    timing: { every: EVERY_MS, startAt: firstOf(i, start) },
    overlap,
    catchUpWindow: 0,
    jitter: 0,
    maxRuns: null,
    template: { name: overlap === 'allow' ? 'quick' : 'slow', queue: QUEUE, data: i, options: { attempts: 1 } }
  }
}
