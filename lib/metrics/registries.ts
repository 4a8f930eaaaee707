/**
 * Joins the registry of a Prometheus client: prom-client, @prometheus-io/client, @platformatic/prom-client. No client
 * is imported: a registry takes any object that has a metric's name, help, type and `get`.
 */
import { FAMILIES, fullName, type FamilyName } from './names.ts'
import { combinationOf, mergeSamples, type Sample, type SampleSource, type Samples } from './sample.ts'
import type { MetricRegistry } from '../types.ts'

/** What a registry asks of a metric. A registry for OpenMetrics changes the name of a counter at each scrape. */
interface ClientMetric {
  name: string
  help: string
  type: string
  aggregator: string
  get (): Promise<{ name: string, help: string, type: string, aggregator: string, values: Sample[] }>
  reset (): void
}

interface Joined { sources: Set<SampleSource>, metrics: Map<FamilyName, ClientMetric> }

/** What is in each registry: plugin instances of one process share one, and a name can be there only once. */
const joined = new WeakMap<MetricRegistry, Joined>()

/**
 * Adds the metrics of a source to a registry. Returns a function that takes them out again.
 * @throws what the registry throws, if it has metrics of another copy of this package. Then none of ours is in it
 */
export function joinRegistry (registry: MetricRegistry, source: SampleSource): () => void {
  const { sources, metrics } = joined.get(registry) ?? makeJoined()
  const registered: string[] = []
  try {
    for (const [name, metric] of metrics) { // again, if it has them: the app may have cleared the registry
      register(registry, name, metric)
      registered.push(metric.name)
    }
  } catch (error) {
    // Whole or not at all: a family without its values would look like one that has none.
    if (!joined.has(registry)) for (const name of registered) registry.removeSingleMetric?.(name)
    throw error
  }
  joined.set(registry, { sources, metrics })
  sources.add(source)
  return () => void sources.delete(source)
}

/** Under the name that it had at first: a registry keeps a metric by it. */
function register (registry: MetricRegistry, name: FamilyName, metric: ClientMetric): void {
  metric.name = fullName(name)
  registry.registerMetric(metric)
}

function makeJoined (): Joined {
  const sources = new Set<SampleSource>()
  const names = Object.keys(FAMILIES) as FamilyName[]
  return { sources, metrics: new Map(names.map(name => [name, clientMetric(name, sources)])) }
}

function clientMetric (name: FamilyName, sources: ReadonlySet<SampleSource>): ClientMetric {
  const { help, type } = FAMILIES[name]
  return {
    name: fullName(name),
    help,
    type,
    aggregator: combinationOf(name),
    async get () {
      const { name: asked, aggregator } = this
      const values = (await collectAll(sources))[name] ?? []
      return { name: asked, help, type, aggregator, values: values.map(copyOf) }
    },
    reset () {} // the counts belong to the plugin
  }
}

/** A registry with default labels writes them into what it is given. */
const copyOf = (sample: Sample): Sample => ({ ...sample, labels: { ...sample.labels } })

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
