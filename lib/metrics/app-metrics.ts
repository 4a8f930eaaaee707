/**
 * The metrics of one plugin instance: what this process counted, what it runs now, and what the store says.
 */
import type { FastifyInstance } from 'fastify'
import { joinRegistry } from './registries.ts'
import { LIMITS, OTHER } from './names.ts'
import { QueueGauges } from './queue-gauges.ts'
import { TaskCounts, type KnownNames } from './task-counts.ts'
import { toText } from './exposition.ts'
import { toLoggable } from '../records/failure.ts'
import type { MetricsOptions, MetricRegistry } from '../types.ts'
import type { Queue } from '../store/contract.ts'
import type { BoundedCalls, StoreClock } from '../store/store-contract.ts'
import type { Sample, SampleSource, Samples } from './sample.ts'

/** One queue of one worker of this process. */
export interface WorkerLoad {
  queue: string
  slots: number
  /** Times as ms since 1970 on the store's clock. */
  running: Array<{ name: string, startedAt: number }>
}

/** What metrics need of the tasks of an app. */
export interface MetricsOwner {
  readonly queues: ReadonlyMap<string, Queue>
  readonly definitions: ReadonlyMap<string, unknown>
  readonly calls: BoundedCalls
  readonly clock: StoreClock
  /** Runs work in the async context of `register`. */
  readonly outside: <T>(work: () => T) => T
  /** @throws FST_TASKS_QUEUE_UNKNOWN */
  queue (name: string): Queue
}

type CountsOwner = Pick<MetricsOwner, 'queues' | 'definitions' | 'calls' | 'clock'>

export class AppMetrics implements SampleSource {
  readonly counts: TaskCounts
  readonly #owner: Pick<MetricsOwner, 'clock'>
  readonly #known: KnownNames
  readonly #gauges: QueueGauges | null
  #load: () => WorkerLoad[] = () => []
  #leave: () => void = () => {}

  constructor (owner: CountsOwner, options: true | MetricsOptions) {
    const { queues = true } = options === true ? {} : options
    this.#owner = owner
    this.#known = { isQueue: name => owner.queues.has(name), isTask: name => owner.definitions.has(name) }
    this.counts = new TaskCounts(this.#known)
    this.#gauges = queues ? new QueueGauges(() => owner.queues.values(), owner.calls) : null
  }

  /** @param load the workers of this process */
  setLoad (load: () => WorkerLoad[]): void { this.#load = load }

  /**
   * Joins a registry when the app is ready: the one that was named, or that of fastify-metrics if the app has it. If
   * that is refused, the app starts all the same.
   */
  joinWhenReady (app: FastifyInstance, registry: MetricRegistry | undefined): void {
    app.addHook('onReady', async () => {
      const found = registry ?? registryOfFastifyMetrics(app)
      if (!found) return
      try {
        this.#leave = joinRegistry(found, this)
      } catch (error) {
        const fields = { event: 'app.metrics_refused', err: toLoggable(error) }
        app.log.warn(fields, 'metrics could not join the registry: it has metrics of the same name')
      }
    })
  }

  async text (): Promise<string> { return toText(await this.collect()) }

  /** Never rejects. */
  async collect (): Promise<Samples> {
    return { ...this.counts.samples(), ...this.#loadSamples(), ...await this.#gauges?.samples() }
  }

  #loadSamples (): Samples {
    const loads = this.#load()
    const queues = queuesOf(loads).slice(0, LIMITS.queues)
    const sum = (value: (load: WorkerLoad) => number): Sample[] => queues.map(queue => {
      const values = loads.filter(load => load.queue === queue).map(value)
      return { labels: { queue }, value: values.reduce((total, one) => total + one, 0) }
    })
    const running = sum(load => load.running.length)
    return { running, slots: sum(load => load.slots), longest_running_seconds: this.#longest(loads) }
  }

  #longest (loads: WorkerLoad[]): Sample[] {
    const oldest = new Map<string, Sample>()
    const now = this.#owner.clock.now()
    const queues = new Set(queuesOf(loads).slice(0, LIMITS.queues))
    for (const load of loads) {
      const queue = queues.has(load.queue) ? load.queue : OTHER
      for (const { name, startedAt } of load.running) {
        const task = this.#known.isTask(name) && oldest.size < LIMITS.tasks ? name : OTHER
        const value = Math.max(0, now - startedAt) / 1_000
        const key = `${queue} ${task}`
        if (value >= (oldest.get(key)?.value ?? 0)) oldest.set(key, { labels: { queue, task }, value })
      }
    }
    return [...oldest.values()]
  }

  /** A registry that the app shares with others does not show its metrics any more. */
  close (): void { this.#leave() }
}

const queuesOf = (loads: WorkerLoad[]): string[] => [...new Set(loads.map(({ queue }) => queue))]

/** fastify-metrics puts its client on the app. */
function registryOfFastifyMetrics (app: FastifyInstance): MetricRegistry | undefined {
  const metrics = app.hasDecorator('metrics') ? (app as any).metrics : undefined
  const registry = metrics?.client?.register
  return typeof registry?.registerMetric === 'function' ? registry : undefined
}
