/**
 * Layer 2: the workers of `mode: 'memory'`: one for each queue in which a task waits, started by itself; with
 * `worker: false` only for as long as a test waits for what runs.
 */
import type { FastifyBaseLogger } from 'fastify'
import { toLoggableError, toFailure } from '../records/failure.ts'
import type { AppWorkers, Worker } from '../worker.ts'
import type { MemoryStore } from '../store/memory/store.ts'

export interface AutoWorkersOptions {
  store: MemoryStore
  /** All of the app, whoever started them: added to, so that they end with it. */
  workers: AppWorkers
  /** Whether one starts without being asked for. */
  automatic: boolean
  log: FastifyBaseLogger
}

export class AutoWorkers {
  readonly #options: AutoWorkersOptions
  /** The app is up, and not yet closed. */
  #open = false
  #closed = false
  /** While a call waits: what tells it that nobody here can run what waits. */
  #refuse: ((error: unknown) => void) | null = null
  #temporary: Worker[] = []

  constructor (options: AutoWorkersOptions) {
    this.#options = options
    options.store.onWaiting = queue => this.#onWaiting(queue)
  }

  /** From now on what waits runs; before, handlers would find half an app. */
  open (): void {
    this.#open = true
    this.#serveAll()
  }

  /** From now on none is started. */
  close (): void { this.#closed = true }

  /** Serves every queue in which a task waits, until `giveBack`. */
  startTemporary (refuse: (error: unknown) => void): void {
    this.#refuse = refuse
    this.#serveAll()
  }

  async stopTemporary (): Promise<void> {
    this.#refuse = null
    const lent = this.#temporary.splice(0)
    if (this.#options.automatic) return // they would be started again
    await Promise.all(lent.map(worker => this.#options.workers.remove(worker)))
  }

  #serveAll (): void {
    for (const queue of this.#options.store.queuesWaiting) this.#onWaiting(queue)
  }

  #onWaiting (queue: string): void {
    if (this.#closed || !(this.#refuse || (this.#options.automatic && this.#open))) return
    try {
      this.#serve(queue)
    } catch (error) {
      this.#refuse?.(error) // no handler: without a caller it waits, as it does in Redis
    }
  }

  /** Throws FST_TASKS_NO_HANDLERS. Not where somebody has started a worker for the queue: that one has the say. */
  #serve (queue: string): void {
    const { workers, log } = this.#options
    if (workers.serve(queue)) return
    // A test that closes its app waits for nothing that it left running: that is told through its signal, at once.
    const worker = workers.create({ queues: [queue], closeTimeout: 0 }, log)
    if (this.#refuse) this.#temporary.push(worker)
    worker.start().catch(error => log.fatal({ err: toLoggableError(toFailure(error)) }, 'The worker could not start'))
  }
}
