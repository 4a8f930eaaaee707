/**
 * Reads the text format of Prometheus, as strictly as Prometheus does: a wrong line fails.
 */
export interface Series { name: string, labels: Record<string, string>, value: number }

export interface Parsed { series: Series[], types: Map<string, string> }

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (-?[\d.e+-]+|[+-]Inf|NaN)$/

export function parse (text: string): Parsed {
  if (text !== '' && !text.endsWith('\n')) throw new Error('the last line has no end')
  const series: Series[] = []
  const types = new Map<string, string>()
  const seen = new Set<string>()
  for (const line of text.split('\n').filter(line => line !== '')) {
    const [, typed, type] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? []
    if (typed !== undefined && types.has(typed)) throw new Error(`two families have the name ${typed}`)
    if (typed !== undefined) types.set(typed, type!)
    if (line.startsWith('#')) continue
    const [, name, labelText = '', value] = LINE.exec(line) ?? []
    if (name === undefined) throw new Error(`no line of the format: ${line}`)
    const key = line.slice(0, line.lastIndexOf(' '))
    if (seen.has(key)) throw new Error(`a series is there twice: ${key}`)
    seen.add(key)
    const labels = [...labelText.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, label, text]) => [label!, text!])
    if (!types.has(name.replace(/_(bucket|sum|count)$/, '')) && !types.has(name)) throw new Error(`no type: ${name}`)
    series.push({ name, labels: Object.fromEntries(labels), value: Number(value) })
  }
  return { series, types }
}

/** The value of a series of ours, by all of its labels. */
export function valueOf ({ series }: Parsed, name: string, labels: Record<string, string>): number | undefined {
  const wanted = JSON.stringify(Object.entries(labels).sort())
  return series.find(one => one.name === `fastify_tasks_${name}` &&
    JSON.stringify(Object.entries(one.labels).sort()) === wanted)?.value
}
