/**
 * Metrics as text, in the format that Prometheus reads (0.0.4).
 */
import { FAMILIES, fullName, type FamilyName } from './names.ts'
import type { Sample, Samples } from './sample.ts'

export const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

export function toText (samples: Samples): string {
  const names = Object.keys(FAMILIES) as FamilyName[]
  return names.filter(name => samples[name]?.length).map(name => familyText(name, samples[name]!)).join('')
}

function familyText (name: FamilyName, samples: Sample[]): string {
  const { help, type } = FAMILIES[name]
  const full = fullName(name)
  const lines = samples.map(sample => `${sample.metricName ?? full}${labelText(sample.labels)} ${sample.value}`)
  return [`# HELP ${full} ${help}`, `# TYPE ${full} ${type}`, ...lines, ''].join('\n')
}

function labelText (labels: Record<string, string>): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${escape(value)}"`)
  return parts.length === 0 ? '' : `{${parts.join(',')}}`
}

const escape = (value: string): string =>
  value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
