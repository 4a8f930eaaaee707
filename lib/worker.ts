/**
 * Layer 2: a worker: the run loops of its queues, their connections, and how it ends. Embedded and standalone workers
 * are this same code.
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyBaseLogger } from 'fastify'
import * as errors from './errors.ts'
import { Heartbeat } from './worker/heartbeat.ts'
import { PersistentCalls } from './worker/persistent-call.ts'
import { QueueConsumer } from './worker/consumer.ts'
import { workerSettings, type WorkerSettings } from './options.ts'
import type { StoreConnection } from './store/contract.ts'
import type { TaskRegistry } from './tasks/registry.ts'
import type { TaskWorker, WorkerOptions } from './types.ts'

/** For the grace of aborted handlers and the last words to Redis, beyond closeTimeout, in ms. */
const CLOSE_MARGIN_MS = 2_000
/** How often it is said that Redis is waited for, in ms. */
const WAIT_NOTICE_MS = 10_000

export class Worker implements TaskWorker {
  readonly id = randomBytes(6).toString('hex')
  readonly queues: readonly string[]
  readonly concurrency: number
  readonly #registry: TaskRegistry
  readonly #settings: WorkerSettings
  readonly #log: FastifyBaseLogger
  /** For what is done once, at the start; the loops have their own. */
  readonly #calls: PersistentCalls
  readonly #connections: StoreConnection[] = []
  #consumers: QueueConsumer[] = []
  #heartbeat: Heartbeat | null = null
  #closing: Promise<void> | null = null

  /** Throws FST_TASKS_*_OPTION_*, FST_TASKS_QUEUE_UNKNOWN, FST_TASKS_NO_HANDLERS. Connects at `start`. */
  constructor (registry: TaskRegistry, options: WorkerOptions, log: FastifyBaseLogger) {
    this.#registry = registry
    this.#settings = workerSettings(options, queuesWithHandlers(registry))
    this.queues = this.#settings.queues
    this.concurrency = this.#settings.concurrency
    this.#log = log.child({ worker: this.id })
    this.#calls = new PersistentCalls(this.#log)
    for (const queue of this.queues) registry.queue(queue)
    this.#checkHandlers()
  }

  #checkHandlers (): void {
    const definitions = [...this.#registry.definitions.values()]
    const served = definitions.filter(one => this.queues.includes(one.queue))
    // Any task may be enqueued to a queue of the `queues` option.
    const open = this.queues.some(queue => this.#registry.settings.queues.includes(queue)) && definitions.some(one => one.handler)
    if (!open && !served.some(one => one.handler)) {
      const found = definitions.map(one => `${one.name} (queue ${one.queue}${one.handler ? '' : ', no handler'})`).join(', ')
      throw new errors.NoHandlers(`no task with a handler in ${this.queues.length > 0 ? `the queues ${this.queues.join(', ')}` : 'any queue'}; defined: ${found || 'none'}`)
    }
    const without = served.filter(one => !one.handler).map(one => one.name)
    if (without.length > 0) this.#log.warn(`No handler here for ${without.join(', ')}: this worker hands such tasks back for others`)
  }

  /** Waits for Redis for as long as it takes, then works. Throws FST_TASKS_STALL_INTERVAL_CLASH, FST_TASKS_REDIS_REFUSED. */
  async start (): Promise<void> {
    const client = this.#open('worker')
    await this.#waitForRedis(client)
    if (this.#closing) return
    await this.#calls.retryUntilClosed('reading of its clock', () => this.#registry.clock.synchronise())
    if (this.#closing) return
    this.#consumers = this.queues.map(name => new QueueConsumer({
      registry: this.#registry,
      queue: this.#registry.queue(name),
      connection: client,
      blockingConnection: this.#open(`wait:${name}`),
      workerId: this.id,
      concurrency: this.concurrency,
      log: this.#log
    }))
    await Promise.all(this.#consumers.map(consumer => consumer.start()))
    this.#startHeartbeat(client)
    this.#log.info({ queues: this.queues, concurrency: this.concurrency }, 'worker started')
  }

  #startHeartbeat (client: StoreConnection): void {
    if (this.#closing) return
    this.#heartbeat = new Heartbeat({
      id: this.id,
      connection: client,
      concurrency: this.concurrency,
      queues: this.#consumers.map((consumer, i) => ({ queue: this.#registry.queue(this.queues[i]!).over(client), running: () => consumer.runningTasks() })),
      now: () => this.#registry.clock.now(),
      log: this.#log
    })
    this.#heartbeat.start()
  }

  #open (label: string): StoreConnection {
    const client = this.#registry.store.connect(label)
    this.#connections.push(client)
    return client
  }

  async #waitForRedis (client: StoreConnection): Promise<void> {
    const { store } = this.#registry
    let ms = 1_000
    while (!this.#closing && !await store.untilReady(client, ms, this.#calls.signal)) {
      this.#log.warn(`Waiting for Redis at ${store.address}: it does not answer (connection: ${client.status})`)
      ms = WAIT_NOTICE_MS
    }
  }

  /** It serves its queues, or is about to. */
  get isOpen (): boolean { return this.#closing === null }

  close (): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close (): Promise<void> {
    this.#calls.close()
    for (const consumer of this.#consumers) consumer.stop()
    this.#heartbeat?.drain()
    await within(this.#settings.closeTimeout, this.#consumers.map(consumer => consumer.idle()))
    await within(CLOSE_MARGIN_MS, this.#consumers.map(consumer => consumer.handBack()))
    for (const consumer of this.#consumers) consumer.close()
    this.#heartbeat?.stop()
    await Promise.all(this.#connections.map(client => this.#registry.store.close(client)))
    this.#log.info('worker closed')
  }
}

function queuesWithHandlers ({ definitions, settings }: TaskRegistry): string[] {
  const queues = [...definitions.values()].filter(one => one.handler).map(one => one.queue)
  return queues.length === 0 ? [] : [...new Set([...queues, ...settings.queues])]
}

/** Waits for all, but not for longer than `ms`. */
async function within (ms: number, work: Array<Promise<unknown>>): Promise<void> {
  const timer = new AbortController()
  await Promise.race([Promise.allSettled(work), sleep(ms, undefined, { signal: timer.signal }).catch(() => {})])
  timer.abort()
}
