/**
 * A worker: one consumer for each of its queues, its connections, its heartbeat, and how it ends. Embedded and
 * standalone workers are this same code.
 */
import { randomBytes } from 'node:crypto'
import type { FastifyBaseLogger } from 'fastify'
import * as errors from './errors.ts'
import { reportIfCutShort } from './worker/cut-short.ts'
import { QueueConsumer } from './worker/consumer.ts'
import { Heartbeat } from './worker/heartbeat.ts'
import { PersistentCalls } from './worker/persistent-call.ts'
import { queueFinder } from './flows/queue-finder.ts'
import { within } from './within.ts'
import { toLoggable } from './records/failure.ts'
import { steadyLog } from './steady-log.ts'
import { workerSettings, type WorkerSettings } from './options.ts'
import { listDefinitions, servedQueues } from './tasks/definition.ts'
import type { ThreadPool } from './attempt/thread-pool.ts'
import type { WorkerLoad } from './metrics/app-metrics.ts'
import type { StoreConnection } from './store/contract.ts'
import type { AppTasks } from './tasks/app-tasks.ts'
import type { ConsumerContext } from './worker/consumer-context.ts'
import type { TaskWorker, WorkerOptions } from './types.ts'

/** What a worker needs of the tasks of its app. */
export type WorkerTasks = Pick<
  AppTasks,
  'instanceId' | 'settings' | 'store' | 'clock' | 'pubSub' | 'definitions' | 'meter' | 'queue' | 'queues' |
  'outside' | 'template'
>

/** Beyond closeTimeout, for the grace of aborted handlers and the last calls to Redis, in ms. */
const CLOSE_MARGIN_MS = 2_000
/** How often a worker that waits for Redis says so, in ms. */
const WAIT_NOTICE_MS = 10_000

export class Worker implements TaskWorker {
  readonly id = randomBytes(6).toString('hex')
  readonly queues: readonly string[]
  readonly concurrency: number
  readonly #tasks: WorkerTasks
  readonly #threads: ThreadPool
  readonly #settings: WorkerSettings
  readonly #log: FastifyBaseLogger
  /** For calls that are made once, at the start. The consumers have their own. */
  readonly #calls: PersistentCalls
  readonly #connections: StoreConnection[] = []
  #onHeldUp: () => void = () => {}
  /** Resolves if its start has to wait: Redis is unavailable, or refuses a call. That may be for ever. */
  readonly heldUp = new Promise<void>(resolve => { this.#onHeldUp = resolve })
  #consumers: QueueConsumer[] = []
  #heartbeat: Heartbeat | null = null
  #closing: Promise<void> | null = null
  /** Called when it has closed. */
  onClosed: () => void = () => {}

  /** Throws FST_TASKS_*_OPTION_*, FST_TASKS_QUEUE_UNKNOWN, FST_TASKS_NO_HANDLERS. Connects at `start`. */
  constructor (tasks: WorkerTasks, threads: ThreadPool, options: WorkerOptions, log: FastifyBaseLogger) {
    this.#tasks = tasks
    this.#threads = threads
    this.#settings = workerSettings(options, servedQueues(tasks.definitions.values(), tasks.settings.queues))
    this.queues = this.#settings.queues
    this.concurrency = this.#settings.concurrency
    const ownLog = log.child({ worker: this.id })
    this.#log = steadyLog(() => ownLog)
    const onCallFailed = (): void => this.#onHeldUp()
    this.#calls = new PersistentCalls(this.#log, { instance: tasks.instanceId, worker: this.id, onCallFailed })
    for (const queue of this.queues) tasks.queue(queue)
    this.#checkHandlers()
  }

  #checkHandlers (): void {
    const definitions = [...this.#tasks.definitions.values()]
    const served = definitions.filter(({ queue }) => this.queues.includes(queue))
    // Any task may be enqueued to a queue of the `queues` option.
    const isOpen = this.queues.some(queue => this.#tasks.settings.queues.includes(queue))
    const mayRun = isOpen ? definitions : served
    if (!mayRun.some(({ hasHandler }) => hasHandler)) {
      const where = this.queues.length > 0 ? `the queues ${this.queues.join(', ')}` : 'any queue'
      throw new errors.NoHandlers(`no task with a handler in ${where}; defined: ${listDefinitions(definitions)}`)
    }
    const tasks = served.filter(({ hasHandler }) => !hasHandler).map(({ name }) => name)
    if (tasks.length === 0) return
    const fields = { event: 'worker.handlers_missing', tasks }
    this.#log.warn(fields, 'worker has no handler for some tasks of its queues: it defers them for other workers')
  }

  /**
   * Waits for Redis as long as it takes, then works. If it cannot start it closes: one of its queues may run already.
   * @throws FST_TASKS_STALL_INTERVAL_CLASH, FST_TASKS_REDIS_REFUSED, FST_TASKS_CLOSED
   */
  async start (): Promise<void> {
    const { signal } = this.#calls
    await new Promise<void>((resolve, reject) => {
      // What it waits for may never come, not even an error: a connection that is dialling rejects nothing.
      const onClose = (): void => reject(new errors.Closed('the start of a worker', 'It claims nothing.'))
      signal.addEventListener('abort', onClose)
      const started = this.#tasks.outside(() => this.#begin())
      started.finally(() => signal.removeEventListener('abort', onClose)).then(resolve, error => {
        reject(error)
        this.close().catch(() => {}) // the close of the app waits for it
      })
    })
  }

  async #begin (): Promise<void> {
    const connection = this.#connect('worker')
    await this.#waitForRedis(connection)
    if (this.#closing) return
    await this.#calls.retryUntilClosed('reading of its clock', () => this.#tasks.clock.synchronise())
    if (this.#closing) return
    const context = this.#context()
    this.#consumers = this.queues.map(name => new QueueConsumer({
      context,
      queue: this.#tasks.queue(name),
      connection,
      blockingConnection: this.#connect(`wait:${name}`)
    }))
    await Promise.all(this.#consumers.map(consumer => consumer.start()))
    if (this.#closing) return
    this.#startHeartbeat(connection)
    const fields = { event: 'worker.started', queues: this.queues, concurrency: this.concurrency }
    this.#log.info(fields, 'worker started')
  }

  #context (): ConsumerContext {
    const { instanceId, settings, definitions, clock, pubSub } = this.#tasks
    const { id, concurrency } = this
    return {
      worker: id,
      instance: instanceId,
      meter: this.#tasks.meter,
      concurrency,
      settings,
      definitions,
      clock,
      pubSub,
      access: this.#tasks.store.access(),
      onCallFailed: () => this.#onHeldUp(),
      queueOf: queueFinder(this.#tasks.store, this.#tasks.queues),
      templates: this.#tasks,
      outside: this.#tasks.outside,
      log: this.#log,
      runInThread: (file, attempt, filters) => this.#threads.run(file, attempt, filters)
    }
  }

  #startHeartbeat (connection: StoreConnection): void {
    this.#heartbeat = new Heartbeat({
      id: this.id,
      connection,
      concurrency: this.concurrency,
      queues: this.#consumers.map((consumer, i) => ({
        queue: this.#tasks.queue(this.queues[i]!).over(connection),
        running: () => consumer.runningTasks()
      })),
      now: () => this.#tasks.clock.now(),
      log: this.#log
    })
    this.#heartbeat.start()
  }

  #connect (label: string): StoreConnection {
    const connection = this.#tasks.store.connect(label)
    this.#connections.push(connection)
    return connection
  }

  async #waitForRedis (connection: StoreConnection): Promise<void> {
    const { store } = this.#tasks
    let ms = 1_000
    while (!this.#closing && !await store.untilReady(connection, ms, this.#calls.signal)) {
      this.#onHeldUp()
      const fields = { event: 'redis.awaited', address: store.address, connection: connection.status }
      this.#log.warn(fields, 'worker waits for Redis: it does not answer')
      ms = WAIT_NOTICE_MS
    }
  }

  /** What runs in each of its queues. */
  load (): WorkerLoad[] {
    const slots = this.concurrency
    return this.#consumers.map((consumer, i) => ({ queue: this.queues[i]!, slots, running: consumer.runningTasks() }))
  }

  /** It serves its queues, or is about to. */
  get isOpen (): boolean { return this.#closing === null }

  close (): Promise<void> {
    this.#closing ??= reportIfCutShort(() => this.#reportCutShort(), this.#close()).finally(() => this.onClosed())
    return this.#closing
  }

  async #close (): Promise<void> {
    this.#calls.close()
    for (const consumer of this.#consumers) consumer.stop()
    this.#heartbeat?.drain()
    const all = (step: (consumer: QueueConsumer) => Promise<void>): Promise<unknown> =>
      Promise.allSettled(this.#consumers.map(step))
    await within(this.#settings.closeTimeout, all(consumer => consumer.idle()))
    await within(CLOSE_MARGIN_MS, all(consumer => consumer.handBack()))
    await Promise.all(this.#consumers.map(consumer => consumer.close()))
    this.#heartbeat?.stop()
    await Promise.all(this.#connections.map(connection => this.#tasks.store.close(connection)))
    this.#log.info({ event: 'worker.closed' }, 'worker closed')
  }

  #reportCutShort (): void {
    const tasks = this.#consumers.flatMap(consumer => consumer.runningTasks()).map(({ id }) => id)
    if (tasks.length === 0) return
    const { closeTimeout } = this.#settings
    const fields = { event: 'worker.cut_short', tasks, closeTimeout }
    this.#log.error(fields, 'process exits before its worker has closed: these tasks stay active until their leases ' +
      'expire. Allow the close more time than closeTimeout: fastify start --close-grace-delay 15000')
  }
}

/** The workers of one plugin instance, and the threads that they share. All end with the app. */
export class AppWorkers {
  readonly #tasks: WorkerTasks
  readonly #threads: ThreadPool
  readonly #workers = new Set<Worker>()
  #closed = false

  constructor (tasks: WorkerTasks, threads: ThreadPool) {
    this.#tasks = tasks
    this.#threads = threads
  }

  /** Makes a worker. Throws FST_TASKS_CLOSED, and as its constructor does. */
  create (options: WorkerOptions, log: FastifyBaseLogger): Worker {
    if (this.#closed) throw new errors.Closed('the start of a worker', 'It claims nothing.')
    const worker = new Worker(this.#tasks, this.#threads, options, log)
    this.#workers.add(worker)
    worker.onClosed = () => this.#workers.delete(worker)
    return worker
  }

  /** Whether a worker serves the queue. */
  serve (queue: string): boolean {
    return [...this.#workers].some(worker => worker.isOpen && worker.queues.includes(queue))
  }

  load (): WorkerLoad[] { return [...this.#workers].filter(({ isOpen }) => isOpen).flatMap(worker => worker.load()) }

  async close (): Promise<void> {
    this.#closed = true
    await Promise.all(Array.from(this.#workers, worker => worker.close()))
    await this.#threads.close()
  }
}

/** A worker that is closed before it has started is no failure. */
export function logFailedStart (given: FastifyBaseLogger, error: unknown): void {
  if (error instanceof errors.Closed) return
  const log = steadyLog(() => given)
  log.fatal({ event: 'worker.start_failed', err: toLoggable(error) }, 'worker could not start')
}
