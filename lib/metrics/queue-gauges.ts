/**
 * What is read from the store for metrics: at most once in two seconds, however many scrapes there are. If the store
 * does not answer, its series are left out and `up` is 0.
 */
import { LIMITS } from './names.ts'
import { STATES } from '../records/states.ts'
import { inBatches } from '../store/batches.ts'
import { uptime } from '../timers.ts'
import type { MeasuredQueue } from '../boot/app-registry.ts'
import type { Queue, QueueMeasure } from '../store/contract.ts'
import type { BoundedCalls } from '../store/store-contract.ts'
import type { Sample, Samples } from './sample.ts'

/** How long a measurement is good, in ms. */
const MAX_AGE_MS = 2_000
/** How many schedules of a queue are read. */
const MAX_TICKS = 100
/** So many queues are read at once. Each is some 20 commands. */
const BATCH = 50
/** A task between two attempts is counted as delayed, or as waiting. */
const COUNTED = STATES.filter(state => state !== 'retrying')
const TRY_AGAIN = 'It changes nothing: try again.'

export class QueueGauges {
  readonly #queues: () => Iterable<Queue>
  readonly #calls: BoundedCalls
  #measuredAt = -Infinity
  #last: Promise<Samples> | null = null

  constructor (queues: () => Iterable<Queue>, calls: BoundedCalls) {
    this.#queues = queues
    this.#calls = calls
  }

  /** Never rejects. */
  samples (): Promise<Samples> {
    const now = uptime()
    if (!this.#last || now - this.#measuredAt >= MAX_AGE_MS) {
      this.#measuredAt = now
      this.#last = this.#measure()
    }
    return this.#last
  }

  async #measure (): Promise<Samples> {
    try {
      return toSamples(await measureQueues([...this.#queues()].slice(0, LIMITS.queues), this.#calls))
    } catch {
      return { up: [{ labels: {}, value: 0 }] }
    }
  }
}

/** With the ticks of its schedules that are next. */
type Measured = MeasuredQueue & Pick<QueueMeasure, 'ticks'>

/** @throws FST_TASKS_REDIS_UNAVAILABLE */
export function measureQueues (queues: Iterable<Queue>, calls: BoundedCalls): Promise<Measured[]> {
  return inBatches(queues, BATCH, async queue => {
    const measure = await calls.call('a measurement of a queue', TRY_AGAIN, () => queue.measure(MAX_TICKS))
    return { queue: queue.name, ...measure, oldestSeconds: oldestSeconds(measure) }
  })
}

function toSamples (measured: Measured[]): Samples {
  const states = measured.flatMap(({ queue, counts }) =>
    COUNTED.map((state): Sample => ({ labels: { queue, state }, value: counts[state] })))
  const ticks = measured.flatMap(({ ticks }) => ticks).slice(0, LIMITS.schedules)
  const ofQueue = (value: (measured: Measured) => number): Sample[] =>
    measured.map(one => ({ labels: { queue: one.queue }, value: value(one) }))
  return {
    queue_tasks: states,
    queue_oldest_waiting_seconds: ofQueue(one => one.oldestSeconds),
    queue_workers: ofQueue(({ workers }) => workers),
    queue_paused: ofQueue(({ counts }) => Number(counts.paused)),
    schedule_next_timestamp_seconds: ticks.map(({ id, due }) => ({ labels: { schedule: id }, value: due / 1_000 })),
    up: [{ labels: {}, value: 1 }]
  }
}

/**
 * How long the first task has been due. The text is the end of a record, or all of it: its options stand behind its
 * data, and the failures of a task that is retried by hand before its time. Other producers may write blanks between
 * the marks of JSON. 0 if no task waits, or if another program wrote no time.
 */
function oldestSeconds ({ oldest, now }: QueueMeasure): number {
  const options = oldest.slice(Math.max(0, oldest.lastIndexOf('"options"')))
  const [, enqueued = '0'] = /"timestamp"\s*:\s*(\d{1,15})/.exec(options) ?? []
  const [, delayedTo = '0'] = /"delay"\s*:\s*(\d{11,15})/.exec(options) ?? [] // that of a backoff is shorter
  const due = Math.max(Number(enqueued), Number(delayedTo))
  return due === 0 ? 0 : Math.max(0, now - due) / 1_000
}
