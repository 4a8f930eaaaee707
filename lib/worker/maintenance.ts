/**
 * Looks after the finished tasks of one queue, together with every other worker of it:
 *
 * 1. removes records that are past their resultTtl;
 * 2. gives an expiry to what plain Bee-Queue workers finished: they would leave it for ever;
 * 3. frees the slots of limits that such a worker, or a removal by hand, has left.
 */
import type { FastifyBaseLogger } from 'fastify'
import { Repeater } from './repeater.ts'
import type { StoreConnection } from '../store/contract.ts'
import type { QueueUpkeep } from '../store/upkeep-contract.ts'
import type { Settings } from '../options.ts'

export interface MaintenanceOptions {
  upkeep: QueueUpkeep
  connection: StoreConnection
  settings: Settings
  log: FastifyBaseLogger
}

/** Bounds one Lua call. */
const PRUNE_LIMIT = 500

export class Maintenance {
  readonly #options: MaintenanceOptions
  readonly #repeater: Repeater
  readonly #cursors = { succeeded: '0', failed: '0' }

  constructor (options: MaintenanceOptions) {
    this.#options = options
    this.#repeater = new Repeater(options.connection, options.log)
  }

  start (): void {
    const { resultTtl } = this.#options.settings
    this.#repeater.every(Math.min(5_000, Math.max(250, resultTtl / 2)), () => this.#look())
  }

  /** Each is a turn of its own: one that fails does not keep the others from their work. */
  async #look (): Promise<void> {
    const { upkeep } = this.#options
    await this.#repeater.turn('removal of old records', () => this.#prune())
    await this.#repeater.turn('check of limits', () => upkeep.sweepLanes())
    await this.#repeater.turn('check of unique keys', () => upkeep.sweepUnique())
    await this.#repeater.turn('expiry of tasks of plain workers', () => this.#expireForeign())
  }

  async #prune (): Promise<void> {
    while (await this.#options.upkeep.prune(PRUNE_LIMIT) > 0);
  }

  async #expireForeign (): Promise<void> {
    const { upkeep, settings: { resultTtl } } = this.#options
    for (const state of ['succeeded', 'failed'] as const) {
      this.#cursors[state] = await upkeep.expireForeign(state, this.#cursors[state], resultTtl)
    }
  }

  stop (): void { this.#repeater.stop() }
}
