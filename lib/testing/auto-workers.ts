/**
 * The workers that start without being asked for, in `mode: 'memory'`: one for each queue in which a task waits. If the
 * app said `worker: false`, only while a test waits for what runs.
 */
import type { FastifyBaseLogger } from 'fastify'
import { logFailedStart, type AppWorkers, type Worker } from '../worker.ts'
import type { MemoryStore } from '../store/memory/store.ts'

export interface AutoWorkersOptions {
  store: MemoryStore
  /** All workers of the app. Ours are added, so that they close with it. */
  workers: AppWorkers
  /** Whether workers start as soon as a task waits. */
  automatic: boolean
  log: FastifyBaseLogger
}

export class AutoWorkers {
  readonly #options: AutoWorkersOptions
  /** The app is ready. */
  #open = false
  #closed = false
  /** Set while a call waits. It ends that call with an error: nobody here can run a waiting task. */
  #refuse: ((error: unknown) => void) | null = null
  #temporary: Worker[] = []

  constructor (options: AutoWorkersOptions) {
    this.#options = options
    options.store.onWaiting = queue => this.#onWaiting(queue)
  }

  /** From now on waiting tasks run. Before, their handlers would run in an app that is not ready. */
  open (): void {
    this.#open = true
    this.#serveAll()
  }

  /** From now on no worker is started. */
  close (): void { this.#closed = true }

  /** Serves every queue in which a task waits, until `stopTemporary`. `refuse` is called if a queue has no handler. */
  startTemporary (refuse: (error: unknown) => void): void {
    this.#refuse = refuse
    this.#serveAll()
  }

  async stopTemporary (): Promise<void> {
    this.#refuse = null
    const temporary = this.#temporary.splice(0)
    if (this.#options.automatic) return // they would be started again
    await Promise.all(temporary.map(worker => worker.close()))
  }

  #serveAll (): void {
    for (const queue of this.#options.store.queuesWaiting) this.#onWaiting(queue)
  }

  #onWaiting (queue: string): void {
    if (this.#closed || !(this.#refuse || (this.#options.automatic && this.#open))) return
    try {
      this.#serve(queue)
    } catch (error) {
      this.#refuse?.(error) // no handler. If no call waits, the task does, as in Redis
    }
  }

  /** Does nothing if the queue has a worker: the test may have started one. Throws FST_TASKS_NO_HANDLERS. */
  #serve (queue: string): void {
    const { workers, log } = this.#options
    if (workers.serve(queue)) return
    // A test that closes its app does not wait for what is still running: handlers are aborted at once.
    const worker = workers.create({ queues: [queue], closeTimeout: 0 }, log)
    if (this.#refuse) this.#temporary.push(worker)
    worker.start().catch(error => logFailedStart(log, error))
  }
}
