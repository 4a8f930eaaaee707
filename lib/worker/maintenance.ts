/**
 * Looks after one queue, together with every other worker of it:
 *
 * 1. takes back tasks whose lease expired;
 * 2. removes records that are past their resultTtl;
 * 3. gives an expiry to what plain Bee-Queue workers finished: they would leave it for ever.
 */
import type { FastifyBaseLogger } from 'fastify'
import { Repeater } from './repeater.ts'
import * as telemetry from '../telemetry.ts'
import type { LeaseRenewer } from './lease-renewer.ts'
import type { ExhaustedTask, QueueUpkeep, StoreConnection } from '../store/contract.ts'
import type { Settings } from '../options.ts'

export interface MaintenanceOptions {
  queue: string
  upkeep: QueueUpkeep
  connection: StoreConnection
  settings: Settings
  log: FastifyBaseLogger
  instance: string
  worker: string
  leases: LeaseRenewer
  /** Makes a fresh claim token. */
  token: () => string
  /** Called when tasks were queued again. */
  onRequeued: () => void
  /** Settles a task that is claimed by `token`: it stalled too often, or was cancelled while its worker died. */
  onExhausted: (task: ExhaustedTask, token: string) => void
}

/** Bounds one Lua call. */
const PRUNE_LIMIT = 1_000

export class Maintenance {
  readonly #options: MaintenanceOptions
  readonly #repeater: Repeater
  readonly #cursors = { succeeded: '0', failed: '0' }

  constructor (options: MaintenanceOptions) {
    this.#options = options
    this.#repeater = new Repeater(options.connection, options.log)
  }

  /** Takes back at once what a worker before this one left. */
  async start (): Promise<void> {
    const { stallInterval, resultTtl } = this.#options.settings
    const recover = (): Promise<void> => this.#repeater.turn('check for stalled tasks', () => this.#recover())
    this.#repeater.every(stallInterval / 2, recover)
    const prune = (): Promise<void> => this.#repeater.turn('removal of old records', () => this.#prune())
    this.#repeater.every(Math.min(5_000, Math.max(250, resultTtl / 2)), prune)
    await recover()
  }

  async #recover (): Promise<void> {
    const { queue, upkeep, leases, log, token: makeToken, onRequeued, onExhausted } = this.#options
    if (!leases.mayRecover) return
    const { stallInterval, maxStalls } = this.#options.settings
    const token = makeToken()
    const { requeued, exhausted } = await upkeep.recover(token, stallInterval, maxStalls)
    for (const taskId of requeued) {
      log.warn({ event: 'task.stalled', taskId, queue }, 'task stalled: lease expired, re-queued')
      this.#publish(taskId, 'requeued')
    }
    for (const task of exhausted) {
      onExhausted(task, token)
      this.#publish(task.id, 'failed')
    }
    if (requeued.length > 0) onRequeued()
  }

  #publish (taskId: string, outcome: telemetry.StallEvent['outcome']): void {
    if (!telemetry.stalls.hasSubscribers) return
    const { instance, worker, queue } = this.#options
    telemetry.stalls.publish({ instance, worker, queue, taskId, outcome })
  }

  async #prune (): Promise<void> {
    const { upkeep, settings: { resultTtl } } = this.#options
    while (await upkeep.prune(PRUNE_LIMIT) >= PRUNE_LIMIT);
    for (const state of ['succeeded', 'failed'] as const) {
      this.#cursors[state] = await upkeep.expireForeign(state, this.#cursors[state], resultTtl)
    }
  }

  stop (): void { this.#repeater.stop() }
}
