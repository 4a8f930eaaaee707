/**
 * The numbers of all queues, read for all viewers together, and only while somebody looks.
 */
import { clearInterval, setInterval, uptime } from '../timers.ts'
import type { PluginInstance } from '../boot/app-registry.ts'
import type { HistoryPoint, QueueCounts, WorkerInfo } from '../types.ts'

const EVERY_MS = 2_000
/** Nobody looks if no page was asked for in this time. The longest interval of a page is 15 s. */
const AWAY_MS = 20_000
/** How old the history may be. It has a point a minute. */
const HISTORY_MS = 20_000
/** The history of so many queues is read: each is 60 reads. */
const MAX_QUEUES = 50

/** Ten minutes. */
const KEPT = 300

export interface QueueNumbers {
  name: string
  counts: QueueCounts
  /** How long the first waiting task has been due. 0 if none waits. */
  oldestSeconds: number
  workers: WorkerInfo[]
}

export interface Sample {
  /** Ms since 1970. */
  at: number
  queues: QueueNumbers[]
  workers: WorkerInfo[]
}

/** What happened between two samples, in tasks per second. */
export interface Rate { at: number, ended: number, waiting: number }

const sum = (sample: Sample, states: Array<Exclude<keyof QueueCounts, 'paused' | 'pausedTasks'>>): number =>
  sample.queues.reduce((total, { counts }) => states.reduce((part, state) => part + counts[state], total), 0)

export class Sampler {
  readonly #instance: () => PluginInstance
  #timer: NodeJS.Timeout | null = null
  #lookedAt = 0
  #last: Sample | null = null
  #reading: Promise<Sample> | null = null
  #rates: Rate[] = []
  #history: Promise<readonly HistoryPoint[]> | null = null
  #historyAt = 0

  constructor (instance: () => PluginInstance) {
    this.#instance = instance
  }

  /** The last ten minutes, as far as somebody looked. */
  get rates (): readonly Rate[] { return this.#rates }

  /** The last hour, minute by minute, of all queues. Read once for all viewers. Empty if there is none to show. */
  async history (): Promise<readonly HistoryPoint[]> {
    const { tasks, knownQueues } = this.#instance()
    if (knownQueues().length > MAX_QUEUES) return []
    if (!this.#history || uptime() - this.#historyAt > HISTORY_MS) {
      this.#historyAt = uptime()
      this.#history = tasks.history()
      this.#history.catch(() => { this.#history = null })
    }
    return await this.#history
  }

  /** At most 2 s old. Throws FST_TASKS_REDIS_UNAVAILABLE. */
  async sample (): Promise<Sample> {
    this.#lookedAt = uptime()
    this.#timer ??= setInterval(() => this.#tick(), EVERY_MS).unref()
    if (this.#last && this.#lookedAt - this.#last.at < EVERY_MS) return this.#last
    return await this.#read()
  }

  /** Something was changed: the next page shows it. A read that is under way may be of the time before it. */
  forget (): void {
    this.#last = null
    this.#reading = null
  }

  #tick (): void {
    if (uptime() - this.#lookedAt > AWAY_MS) return this.close()
    this.#read().catch(() => {}) // a page that is asked for says so
  }

  /** One read at a time. */
  #read (): Promise<Sample> {
    if (this.#reading) return this.#reading
    const reading: Promise<Sample> = readSample(this.#instance())
      .then(sample => this.#reading === reading ? this.#keep(sample) : sample)
      .finally(() => { if (this.#reading === reading) this.#reading = null })
    this.#reading = reading
    return reading
  }

  #keep (sample: Sample): Sample {
    if (this.#last) this.#rates = [...this.#rates, rateOf(this.#last, sample)].slice(-KEPT)
    this.#last = sample
    return sample
  }

  close (): void {
    if (this.#timer) clearInterval(this.#timer)
    this.#timer = null
    this.#last = null
    this.#rates = []
  }
}

async function readSample ({ tasks, measure }: PluginInstance): Promise<Sample> {
  const [measured, workers] = await Promise.all([measure(), tasks.workers()])
  const queues = measured.map(({ queue, counts, oldestSeconds }) => ({
    name: queue,
    counts,
    oldestSeconds,
    workers: workers.filter(({ queues }) => queues.includes(queue))
  }))
  return { at: uptime(), queues, workers }
}

/** Records that expire between two samples make it a little too low. */
function rateOf (before: Sample, after: Sample): Rate {
  const ended = sum(after, ['succeeded', 'failed', 'cancelled', 'expired']) -
    sum(before, ['succeeded', 'failed', 'cancelled', 'expired'])
  const waiting = after.queues.reduce((total, { counts }) => total + counts.waiting, 0)
  const seconds = Math.max(0.001, (after.at - before.at) / 1_000)
  return { at: after.at, ended: Math.max(0, ended) / seconds, waiting }
}
