/**
 * Joins the registry of a Prometheus client: prom-client, @prometheus-io/client, @platformatic/prom-client. No client
 * is imported: a registry takes any object that has a metric's name, help, type and `get`.
 */
import { FAMILIES, fullName, type FamilyName } from './names.ts'
import { mergeSamples, type Sample, type SampleSource, type Samples } from './sample.ts'
import type { MetricRegistry } from '../types.ts'

/** What a registry asks of a metric. A registry for OpenMetrics changes the name of a counter. */
interface ClientMetric {
  name: string
  help: string
  type: string
  aggregator: string
  get (): Promise<{ name: string, help: string, type: string, aggregator: string, values: Sample[] }>
  reset (): void
}

interface Joined { sources: Set<SampleSource>, metrics: ClientMetric[] }

/** What is in each registry: plugin instances of one process share one, and a name can be there only once. */
const joined = new WeakMap<MetricRegistry, Joined>()

/**
 * Adds the metrics of a source to a registry. Returns a function that takes them out again.
 * @throws what the registry throws, if it has metrics of another copy of this package
 */
export function joinRegistry (registry: MetricRegistry, source: SampleSource): () => void {
  const { sources, metrics } = joined.get(registry) ?? makeJoined()
  for (const metric of metrics) registry.registerMetric(metric) // again: the app may have cleared the registry
  joined.set(registry, { sources, metrics })
  sources.add(source)
  return () => void sources.delete(source)
}

function makeJoined (): Joined {
  const sources = new Set<SampleSource>()
  return { sources, metrics: (Object.keys(FAMILIES) as FamilyName[]).map(name => clientMetric(name, sources)) }
}

function clientMetric (name: FamilyName, sources: ReadonlySet<SampleSource>): ClientMetric {
  const { help, type } = FAMILIES[name]
  return {
    name: fullName(name),
    help,
    type,
    aggregator: type === 'gauge' ? 'max' : 'sum',
    async get () {
      const values = (await collectAll(sources))[name] ?? []
      return { name: this.name, help, type, aggregator: this.aggregator, values }
    },
    reset () {} // the counts belong to the plugin
  }
}

/** The families of one scrape are asked for in one turn of the event loop: they are collected once. */
const collecting = new WeakMap<ReadonlySet<SampleSource>, Promise<Samples>>()

function collectAll (sources: ReadonlySet<SampleSource>): Promise<Samples> {
  const known = collecting.get(sources)
  if (known) return known
  const collected = Promise.all(Array.from(sources, source => source.collect())).then(mergeSamples)
  collecting.set(sources, collected)
  void collected.finally(() => collecting.delete(sources))
  return collected
}
