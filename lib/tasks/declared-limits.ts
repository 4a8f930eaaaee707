/**
 * Declares the limits and rates of the tasks of this process in Redis, each before its first task is enqueued. The
 * process that started last wins: in a rolling deploy old workers obey the new limit.
 */
import { maxOf, ratesOf } from './lane.ts'
import { uptime } from '../timers.ts'
import type { Definition } from './definition.ts'
import type { Queue } from '../store/contract.ts'
import type { StoreClock } from '../store/store-contract.ts'

export class DeclaredLimits {
  readonly #clock: StoreClock
  readonly #start = uptime()
  readonly #declared = new Map<string, Promise<void>>()

  constructor (clock: StoreClock) {
    this.#clock = clock
  }

  /** On the clock that all processes have: theirs may be hours apart. */
  get #startedAt (): number { return Math.round(this.#clock.now() - (uptime() - this.#start)) }

  /** Resolves once it is declared. A declaration that failed is tried again by the next call. */
  declare (definition: Definition, queue: Queue, again: boolean): Promise<void> {
    const { name } = definition
    let declared = again ? undefined : this.#declared.get(name)
    if (!declared) {
      declared = queue.lanes.declare(name, maxOf(definition), this.#startedAt, ratesOf(definition))
      declared.catch(() => this.#declared.delete(name))
      this.#declared.set(name, declared)
    }
    return declared
  }
}
