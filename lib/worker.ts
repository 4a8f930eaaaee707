/**
 * Layer 2: a worker: the run loops of its queues, their connections, and how it ends. Embedded and standalone workers
 * are this same code.
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyBaseLogger } from 'fastify'
import * as errors from './errors.ts'
import { Heart } from './worker/heartbeat.ts'
import { Insist } from './worker/persistent-call.ts'
import { QueueLoop } from './worker/consumer.ts'
import { workerSettings, type WorkerSettings } from './options.ts'
import type { Link } from './store/contract.ts'
import type { TaskRegistry } from './tasks/registry.ts'
import type { TaskWorker, WorkerOptions } from './types.ts'

/** For the grace of aborted handlers and the last words to Redis, beyond closeTimeout, in ms. */
const CLOSE_MARGIN = 2_000
/** How often it is said that Redis is waited for, in ms. */
const WAIT_NOTICE = 10_000

export class Worker implements TaskWorker {
  readonly id = randomBytes(6).toString('hex')
  readonly queues: readonly string[]
  readonly concurrency: number
  readonly #registry: TaskRegistry
  readonly #settings: WorkerSettings
  readonly #log: FastifyBaseLogger
  /** For what is done once, at the start; the loops have their own. */
  readonly #insist: Insist
  readonly #clients: Link[] = []
  #loops: QueueLoop[] = []
  #heart: Heart | null = null
  #closing: Promise<void> | null = null

  /** Throws TASKS_OPTION_*, TASK_QUEUE_UNKNOWN, TASKS_NO_HANDLERS. Connects at `start`. */
  constructor (registry: TaskRegistry, options: WorkerOptions, log: FastifyBaseLogger) {
    this.#registry = registry
    this.#settings = workerSettings(options, queuesWithHandlers(registry))
    this.queues = this.#settings.queues
    this.concurrency = this.#settings.concurrency
    this.#log = log.child({ worker: this.id })
    this.#insist = new Insist(this.#log)
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

  /** Waits for Redis for as long as it takes, then works. Throws TASKS_STALL_INTERVAL_CLASH, TASKS_REDIS_REFUSED. */
  async start (): Promise<void> {
    const client = this.#open('worker')
    await this.#waitForRedis(client)
    if (this.#closing) return
    await this.#insist.until('reading of its clock', () => this.#registry.availability.synchronise())
    if (this.#closing) return
    this.#loops = this.queues.map(name => new QueueLoop({
      registry: this.#registry,
      queue: this.#registry.queue(name),
      client,
      blocker: this.#open(`wait:${name}`),
      workerId: this.id,
      concurrency: this.concurrency,
      log: this.#log
    }))
    await Promise.all(this.#loops.map(loop => loop.start()))
    this.#tellOfItself(client)
    this.#log.info({ queues: this.queues, concurrency: this.concurrency }, 'worker started')
  }

  #tellOfItself (client: Link): void {
    if (this.#closing) return
    this.#heart = new Heart({
      id: this.id,
      client,
      concurrency: this.concurrency,
      queues: this.#loops.map((loop, i) => ({ queue: this.#registry.queue(this.queues[i]!).over(client), runs: () => loop.runs() })),
      now: () => this.#registry.availability.now(),
      log: this.#log
    })
    this.#heart.start()
  }

  #open (label: string): Link {
    const client = this.#registry.store.open(label)
    this.#clients.push(client)
    return client
  }

  async #waitForRedis (client: Link): Promise<void> {
    const { store } = this.#registry
    let ms = 1_000
    while (!this.#closing && !await store.untilReady(client, ms, this.#insist.signal)) {
      this.#log.warn(`Waiting for Redis at ${store.address}: it does not answer (connection: ${client.status})`)
      ms = WAIT_NOTICE
    }
  }

  /** It serves its queues, or is about to. */
  get open (): boolean { return this.#closing === null }

  close (): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close (): Promise<void> {
    this.#insist.close()
    for (const loop of this.#loops) loop.stop()
    this.#heart?.drain()
    await within(this.#settings.closeTimeout, this.#loops.map(loop => loop.idle()))
    await within(CLOSE_MARGIN, this.#loops.map(loop => loop.handBack()))
    for (const loop of this.#loops) loop.close()
    this.#heart?.stop()
    await Promise.all(this.#clients.map(client => this.#registry.store.shut(client)))
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
