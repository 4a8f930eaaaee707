/**
 * What the workers of one queue reported about themselves.
 *
 * A report does not expire: a worker of this store dies with its process. Otherwise a test that moves the clock would
 * make its own worker disappear.
 */
import { SortedIds } from './sorted-ids.ts'
import { capacityOf } from '../lane-shares.ts'

export interface WorkerReport { id: string, json: string }

export class WorkerReports {
  readonly #reports = new Map<string, string>()
  /** In the order of the store in Redis: by the end of the reports' lifetimes. */
  readonly #order = new SortedIds()

  /** An empty text removes the worker. */
  store (worker: string, text: string, end: number): void {
    if (text === '') {
      this.#reports.delete(worker)
      this.#order.delete(worker)
    } else {
      this.#reports.set(worker, text)
      this.#order.put(worker, end)
    }
  }

  get size (): number { return this.#reports.size }
  /** How many tasks they can run. */
  get capacity (): number { return capacityOf([...this.#reports.values()]) }

  list (limit: number): WorkerReport[] {
    return limit < 1 ? [] : this.#order.ids().slice(-limit).map(id => ({ id, json: this.#reports.get(id)! }))
  }
}
