/**
 * Declares the limits of the tasks of this process in Redis, each before its first task is enqueued. The process that
 * started last wins: in a rolling deploy old workers obey the new limit.
 */
import { appTime } from '../timers.ts'
import type { Queue } from '../store/contract.ts'

export class DeclaredLimits {
  readonly #startedAt = appTime()
  readonly #declared = new Map<string, Promise<void>>()

  /** Resolves once it is declared. A declaration that failed is tried again by the next call. */
  declare (name: string, max: number, queue: Queue, again: boolean): Promise<void> {
    let declared = again ? undefined : this.#declared.get(name)
    if (!declared) {
      declared = queue.lanes.declare(name, max, this.#startedAt)
      declared.catch(() => this.#declared.delete(name))
      this.#declared.set(name, declared)
    }
    return declared
  }
}
