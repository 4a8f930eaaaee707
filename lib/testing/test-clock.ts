/**
 * What tests do with time: `fastify.tasks.drain` and `fastify.tasks.advance`. In Redis there is no clock to move.
 */
import * as errors from '../errors.ts'
import type { AdvanceOptions, Drained, DrainOptions } from '../types.ts'

export interface TestClock {
  /** See `FastifyTasks.drain`. */
  drain (options: DrainOptions): Promise<Drained>
  /** See `FastifyTasks.advance`. */
  advance (ms: number, options: AdvanceOptions): Promise<Drained>
  /** Ends the calls that wait. */
  close (): void
}

/** Throws FST_TASKS_NOT_MEMORY_MODE. */
export class RealClock implements TestClock {
  readonly #name: string

  /** @param name the plugin instance, for the error */
  constructor (name: string) {
    this.#name = name
  }

  async drain (): Promise<never> { throw new errors.NotMemoryMode(this.#name, 'drain') }
  async advance (): Promise<never> { throw new errors.NotMemoryMode(this.#name, 'advance') }
  close (): void {}
}
