/**
 * Takes its turns at the sweeps of one queue, together with every other worker of it: tasks of workers whose lease
 * expired are taken back. The store says who sweeps, and when the next turn is.
 */
import type { FastifyBaseLogger } from 'fastify'
import { Repeater } from './repeater.ts'
import * as telemetry from '../telemetry.ts'
import { clearTimeout, setTimeout } from '../timers.ts'
import type { StoreConnection } from '../store/contract.ts'
import type { ExhaustedTask, QueueUpkeep, SweepReply } from '../store/upkeep-contract.ts'
import type { Settings } from '../options.ts'

export interface SweeperOptions {
  queue: string
  upkeep: QueueUpkeep
  connection: StoreConnection
  settings: Settings
  log: FastifyBaseLogger
  instance: string
  worker: string
  /** Called when tasks were queued again. */
  onRequeued: (ids: string[]) => void
  /** Settles a task of a dead worker that stalled too often, or that was cancelled. */
  onExhausted: (task: ExhaustedTask) => void
}

export class Sweeper {
  readonly #options: SweeperOptions
  readonly #repeater: Repeater
  #timer: NodeJS.Timeout | null = null
  #stopped = false

  constructor (options: SweeperOptions) {
    this.#options = options
    this.#repeater = new Repeater(options.connection, options.log)
  }

  start (): void { void this.#turn() }

  async #turn (): Promise<void> {
    let wait = this.#options.settings.stallInterval / 4
    await this.#repeater.turn('check for stalled tasks', async () => { wait = await this.#sweep() })
    if (this.#stopped) return
    // A little later: then the turn has come also by a clock that is a little fast.
    this.#timer = setTimeout(() => void this.#turn(), wait * (1 + Math.random() / 8) + 1)
  }

  /** Sweeps to the end. Returns when the next turn is, in ms. */
  async #sweep (): Promise<number> {
    const { upkeep, settings: { stallInterval, maxStalls } } = this.#options
    let position: string | null = null
    for (;;) {
      const reply: SweepReply = await upkeep.sweep(stallInterval, maxStalls, position)
      this.#report(reply)
      position = reply.position
      if (position === null || this.#stopped) return reply.wait
    }
  }

  #report ({ requeued, exhausted }: SweepReply): void {
    const { queue, log, onRequeued, onExhausted } = this.#options
    for (const taskId of requeued) {
      log.warn({ event: 'task.stalled', taskId, queue }, 'task stalled: lease expired, re-queued')
      this.#publish(taskId, 'requeued')
    }
    for (const task of exhausted) {
      onExhausted(task)
      this.#publish(task.id, 'failed')
    }
    if (requeued.length > 0) onRequeued(requeued)
  }

  #publish (taskId: string, outcome: telemetry.StallEvent['outcome']): void {
    if (!telemetry.stalls.hasSubscribers) return
    const { instance, worker, queue } = this.#options
    telemetry.stalls.publish({ instance, worker, queue, taskId, outcome })
  }

  stop (): void {
    this.#stopped = true
    if (this.#timer) clearTimeout(this.#timer)
  }
}
