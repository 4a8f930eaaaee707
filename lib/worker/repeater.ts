/**
 * Repeats work while a worker lives. Turns of one piece of work do not overlap. A turn that would have to wait for
 * Redis is left out: it would be carried out later, at a wrong time.
 */
import type { FastifyBaseLogger } from 'fastify'
import { causeOf, LogLimit } from '../log-limit.ts'
import { toLoggable } from '../records/failure.ts'
import { clearInterval, setInterval } from '../timers.ts'
import type { StoreConnection } from '../store/contract.ts'

export class Repeater {
  readonly #connection: StoreConnection
  readonly #log: FastifyBaseLogger
  readonly #timers: NodeJS.Timeout[] = []
  readonly #busy = new Set<string>()
  readonly #limit = new LogLimit()
  #stopped = false

  constructor (connection: StoreConnection, log: FastifyBaseLogger) {
    this.#connection = connection
    this.#log = log
  }

  /** Every `ms` or a little less: the workers of one start would otherwise all call at the same moment. */
  every (ms: number, work: () => unknown): void {
    if (this.#stopped) return // a start that was under way when the worker closed
    this.#timers.push(setInterval(work, ms * (0.9 + Math.random() * 0.1)))
  }

  /** One turn. A failure is logged, once a minute for each cause: the next turn tries again. */
  async turn (what: string, work: () => Promise<void>): Promise<void> {
    if (this.#busy.has(what) || this.#connection.status !== 'ready') return
    this.#busy.add(what)
    await work().catch(error => {
      if (!this.#limit.allows(`${what} ${causeOf(error)}`)) return
      const fields = { event: 'upkeep.failed', work: what, err: toLoggable(error) }
      this.#log.warn(fields, 'upkeep failed, the next turn tries again')
    })
    this.#busy.delete(what)
  }

  stop (): void {
    this.#stopped = true
    for (const timer of this.#timers) clearInterval(timer)
  }
}
