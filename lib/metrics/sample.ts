/**
 * One number of a metric, in the shape that Prometheus clients for Node know.
 */
import type { FamilyName } from './names.ts'

export interface Sample {
  /** Another name than that of its family: the parts of a histogram have one. */
  metricName?: string
  labels: Record<string, string>
  value: number
}

/** All that is known at one moment. A family without samples is left out. */
export type Samples = Partial<Record<FamilyName, Sample[]>>

/** Something that has metrics. Never rejects. */
export interface SampleSource {
  collect (): Promise<Samples>
}

/**
 * Samples of several sources as one. Equal series are added up: two plugin instances in one process count together.
 * Of gauges that two sources read at the same place the larger one counts.
 */
export function mergeSamples (all: Samples[]): Samples {
  if (all.length === 1) return all[0]!
  const merged: Samples = {}
  for (const name of new Set(all.flatMap(samples => Object.keys(samples) as FamilyName[]))) {
    merged[name] = mergeFamily(name, all.flatMap(samples => samples[name] ?? []))
  }
  return merged
}

/** How one value is made of the values that several sources, or several processes, have of a series. */
export type Combination = 'sum' | 'max' | 'min'

const IS_READ = /^(queue_|schedule_)/

export function combinationOf (name: FamilyName): Combination {
  if (name === 'up') return 'min'
  return IS_READ.test(name) || name === 'longest_running_seconds' ? 'max' : 'sum'
}

const COMBINE: Record<Combination, (one: number, other: number) => number> = {
  sum: (one, other) => one + other, max: Math.max, min: Math.min
}

function mergeFamily (name: FamilyName, samples: Sample[]): Sample[] {
  const series = new Map<string, Sample>()
  const combine = COMBINE[combinationOf(name)]
  for (const sample of samples) {
    const key = JSON.stringify([sample.metricName, sample.labels])
    const known = series.get(key)
    series.set(key, known ? { ...known, value: combine(known.value, sample.value) } : sample)
  }
  return [...series.values()]
}
