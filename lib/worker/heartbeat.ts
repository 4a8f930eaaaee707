/**
 * Every few seconds a worker stores what is known of it: where it is, what it runs, how late its event loop is. That
 * costs one call for each queue, on the worker's own connection.
 */
import { hostname } from 'node:os'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { FastifyBaseLogger } from 'fastify'
import { toLoggable } from '../records/failure.ts'
import { version } from '../version.ts'
import { encodeWorkerInfo, type RunningTaskInfo, type StoredWorkerInfo } from '../records/worker-info.ts'
import { clearInterval, setInterval } from '../timers.ts'
import type { Attempt } from '../attempt/attempt.ts'
import type { StoreConnection, Queue } from '../store/contract.ts'

export interface HeartbeatOptions {
  id: string
  connection: StoreConnection
  concurrency: number
  queues: Array<{ queue: Queue, running: () => RunningTaskInfo[] }>
  /** Redis' clock: ms since 1970. */
  now: () => number
  log: FastifyBaseLogger
}

/** How often it is sent, in ms. */
const INTERVAL_MS = 5_000
/** How long it counts, in ms: a worker that was killed is listed for that long. */
const LIFETIME_MS = 15_000
/** How often the lag of the event loop is measured, in ms. */
const LAG_RESOLUTION_MS = 20

/** What a heartbeat says of a running task. */
export const runningTask = ({ id, name, attempt, task }: Attempt): RunningTaskInfo =>
  ({ id, name, attempt, startedAt: task.startedAt! })

export class Heartbeat {
  readonly #options: HeartbeatOptions
  readonly #startedAt: number
  readonly #delay = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS })
  #timer: NodeJS.Timeout | undefined
  #sending = false
  #draining = false

  constructor (options: HeartbeatOptions) {
    this.#options = options
    this.#startedAt = options.now()
  }

  start (): void {
    this.#delay.enable()
    this.#options.connection.on('ready', this.#send) // after a restart Redis may have forgotten it
    this.#timer = setInterval(this.#send, INTERVAL_MS * (0.9 + Math.random() * 0.1)).unref()
    void this.#send()
  }

  /** From now on it says that the worker claims no more. */
  drain (): void {
    this.#draining = true
    void this.#send()
  }

  readonly #send = async (): Promise<void> => {
    const { connection, log } = this.#options
    if (this.#sending || connection.status !== 'ready') return
    this.#sending = true
    // A Redis that is out of memory refuses it. The worker is not listed until there is room, but it works.
    await this.#sendToQueues().catch(error => {
      log.debug({ event: 'worker.heartbeat_failed', err: toLoggable(error) }, 'worker heartbeat failed')
    })
    this.#sending = false
  }

  async #sendToQueues (): Promise<void> {
    const { id, queues } = this.#options
    const info = this.#workerInfo()
    const sent = queues.map(({ queue, running }) => queue.heartbeat(id, encodeWorkerInfo(info, running()), LIFETIME_MS))
    await Promise.all(sent)
  }

  #workerInfo (): StoredWorkerInfo {
    const { queues, concurrency, now } = this.#options
    return {
      host: hostname(),
      pid: process.pid,
      version,
      queues: queues.map(({ queue }) => queue.name),
      concurrency,
      startedAt: this.#startedAt,
      seenAt: now(),
      draining: this.#draining,
      lag: this.#lag()
    }
  }

  /** Since the heartbeat before. */
  #lag (): StoredWorkerInfo['lag'] {
    const { count, mean, max } = this.#delay
    this.#delay.reset()
    return count === 0 ? { mean: 0, max: 0 } : { mean: lagOf(mean), max: lagOf(max) }
  }

  /** The worker leaves the list. Not awaited: what is sent next on the connection comes after it. */
  stop (): void {
    const { id, connection, queues } = this.#options
    clearInterval(this.#timer)
    this.#delay.disable()
    connection.off('ready', this.#send)
    if (connection.status !== 'ready') return
    for (const { queue } of queues) queue.heartbeat(id, '', LIFETIME_MS).catch(() => {}) // else it expires
  }
}

/** The delay that is measured is the time between two checks. In ms, with one decimal. */
function lagOf (ns: number): number {
  return Number.isFinite(ns) ? Math.max(0, Math.round(ns / 1e5 - LAG_RESOLUTION_MS * 10) / 10) : 0
}
