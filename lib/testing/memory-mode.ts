/**
 * `mode: 'memory'`: tasks are kept and run in this process, for tests. What the plugin does differently in this mode.
 */
import type { FastifyInstance } from 'fastify'
import { appRegistry } from '../boot/app-registry.ts'
import * as errors from '../errors.ts'
import { MemoryStore } from '../store/memory/store.ts'
import { AutoWorkers } from './auto-workers.ts'
import { MemoryClock } from './virtual-clock.ts'
import type { AppTasks } from '../tasks/app-tasks.ts'
import type { TasksOptions } from '../types.ts'
import type { AppWorkers } from '../worker.ts'
import type { TestClock } from './test-clock.ts'

export class MemoryMode {
  readonly store = new MemoryStore()
  readonly #fastify: FastifyInstance
  /** Whether workers start without being asked for: not if the app said whether a worker is to run. */
  readonly #automatic: boolean

  constructor (fastify: FastifyInstance, { worker }: TasksOptions) {
    this.#fastify = fastify
    this.#automatic = worker === undefined && !appRegistry(fastify).standalone
    if (process.env.NODE_ENV !== 'production') return
    const fields = { event: 'app.memory_mode' }
    fastify.log.warn(fields, 'mode "memory" is for tests: tasks run in this process, and are lost when it exits')
  }

  makeClock (registry: AppTasks, workers: AppWorkers): TestClock {
    const { log } = this.#fastify
    const autoWorkers = new AutoWorkers({ store: this.store, workers, automatic: this.#automatic, log })
    const clock = new MemoryClock(registry, this.store, autoWorkers, log)
    this.#fastify.addHook('onReady', async () => clock.open())
    return clock
  }

  async start (): Promise<null> { return null }
  async close (): Promise<void> {}
  async findQueues (): Promise<string[]> { return [] }
  checkServable (app: string): void { throw new errors.AppMemoryMode(app) }
}
