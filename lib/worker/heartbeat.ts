/**
 * Layer 2: a worker tells of itself every few seconds, while it lives: where it is, what it runs, how late its event
 * loop is. Costs one call for each queue, on the connection that the worker has.
 */
import { hostname } from 'node:os'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { FastifyBaseLogger } from 'fastify'
import { loggable, toFailure } from '../records/failure.ts'
import { version } from '../version.ts'
import { encodeVitals, type Runs, type Vitals } from '../records/worker-info.ts'
import type { Link, Queue } from '../store/contract.ts'

export interface HeartOptions {
  id: string
  client: Link
  concurrency: number
  queues: Array<{ queue: Queue, runs: () => Runs[] }>
  /** Redis' clock: ms since 1970. */
  now: () => number
  log: FastifyBaseLogger
}

/** How often it tells, in ms. */
const BEAT = 5_000
/** How long that holds, in ms: a worker that was killed is listed for that long. */
const LIFETIME = 15_000
/** How often the event loop is looked at, in ms. */
const RESOLUTION = 20

export class Heart {
  readonly #options: HeartOptions
  readonly #startedAt: number
  readonly #delay = monitorEventLoopDelay({ resolution: RESOLUTION })
  #timer: NodeJS.Timeout | undefined
  #beating = false
  #draining = false

  constructor (options: HeartOptions) {
    this.#options = options
    this.#startedAt = options.now()
  }

  start (): void {
    this.#delay.enable()
    this.#options.client.on('ready', this.#beat) // a Redis that was restarted may have forgotten
    this.#timer = setInterval(this.#beat, BEAT * (0.9 + Math.random() * 0.1)).unref()
    void this.#beat()
  }

  /** From now on it tells that it claims no more. */
  drain (): void {
    this.#draining = true
    void this.#beat()
  }

  readonly #beat = async (): Promise<void> => {
    const { client, log } = this.#options
    if (this.#beating || client.status !== 'ready') return
    this.#beating = true
    // A Redis that is out of memory refuses it: the worker is not listed until there is room, and works all the same.
    await this.#tell().catch(error => log.debug({ err: loggable(toFailure(error)) }, 'Redis did not take what the worker tells of itself'))
    this.#beating = false
  }

  async #tell (): Promise<void> {
    const { id, queues } = this.#options
    const vitals = this.#vitals()
    await Promise.all(queues.map(({ queue, runs }) => queue.beat(id, encodeVitals(vitals, runs()), LIFETIME)))
  }

  #vitals (): Vitals {
    const { queues, concurrency, now } = this.#options
    return {
      host: hostname(),
      pid: process.pid,
      version,
      queues: queues.map(one => one.queue.name),
      concurrency,
      startedAt: this.#startedAt,
      seenAt: now(),
      draining: this.#draining,
      lag: this.#lag()
    }
  }

  /** Since the beat before. What is measured is the time between two looks. */
  #lag (): Vitals['lag'] {
    const late = (ns: number): number => Number.isFinite(ns) ? Math.max(0, Math.round(ns / 1e5 - RESOLUTION * 10) / 10) : 0
    const { count, mean, max } = this.#delay
    this.#delay.reset()
    return count === 0 ? { mean: 0, max: 0 } : { mean: late(mean), max: late(max) }
  }

  /** It leaves the list. Not waited for: what is sent next on the connection comes after it. */
  stop (): void {
    const { id, client, queues } = this.#options
    clearInterval(this.#timer)
    this.#delay.disable()
    client.off('ready', this.#beat)
    if (client.status !== 'ready') return
    for (const { queue } of queues) queue.beat(id, '', LIFETIME).catch(() => {}) // it goes by itself
  }
}
