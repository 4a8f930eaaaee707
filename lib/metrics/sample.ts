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

const IS_READ = /^(queue_|schedule_)/

function mergeFamily (name: FamilyName, samples: Sample[]): Sample[] {
  const series = new Map<string, Sample>()
  for (const sample of samples) {
    const key = JSON.stringify([sample.metricName, sample.labels])
    const known = series.get(key)
    series.set(key, known ? { ...known, value: combine(name, known.value, sample.value) } : sample)
  }
  return [...series.values()]
}

function combine (name: FamilyName, one: number, other: number): number {
  if (name === 'up') return Math.min(one, other)
  return IS_READ.test(name) || name === 'longest_running_seconds' ? Math.max(one, other) : one + other
}
