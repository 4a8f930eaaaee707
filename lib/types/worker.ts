/**
 * Workers, as the process that starts them and as other processes see them.
 */

/** A worker that was started in this process. */
export interface TaskWorker {
  readonly id: string
  readonly queues: readonly string[]
  /** Tasks that it runs at once, for each queue. */
  readonly concurrency: number
  /**
   * Stops claiming, waits for running tasks, and releases those that do not finish in time. Returns within
   * `closeTimeout` + 3 s. A second call returns the same promise.
   */
  close (): Promise<void>
}

/** A task that is running in a worker. */
export interface RunningTask {
  id: string
  name: string
  queue: string
  attempt: number
  /** ISO 8601. */
  startedAt: string
  /** Its attempt has ended (timeout, cancel, lost claim), but its handler goes on and holds its slot. */
  overdue: boolean
}

/** A running worker of any process, as it last reported. Times are ISO 8601. */
export interface WorkerInfo {
  id: string
  host: string
  pid: number
  /** The version of fastify-tasks that it runs. */
  version: string
  queues: string[]
  /** Tasks that it runs at once, for each queue. */
  concurrency: number
  startedAt: string
  /** When it last reported. It reports every 5 seconds. */
  seenAt: string
  /** It is closing: it claims no more tasks and waits for those that are running. */
  draining: boolean
  /** How late its event loop was since the report before, in ms. */
  lag: { mean: number, max: number }
  /** How many tasks it is running, in the queues that are known here. */
  active: number
  /** These tasks, oldest first, at most 100 of each queue. */
  running: RunningTask[]
}
