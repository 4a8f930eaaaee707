/**
 * Tells the store which tasks with a rate have started, those of one tick in one call. Until it knows, their tokens
 * count: a note that is late or lost lets fewer tasks start, never more.
 */
import { setImmediate } from '../timers.ts'
import type { PersistentCalls } from './persistent-call.ts'
import type { ClaimedTask } from '../attempt/claimed-task.ts'
import type { Queue } from '../store/contract.ts'
import type { LaneTask } from '../store/lane-contract.ts'

/** Bounds one Lua call. */
const BATCH = 200

export class StartNotes {
  readonly #queue: Pick<Queue, 'lanes'>
  readonly #calls: PersistentCalls
  #started: LaneTask[] = []

  constructor (queue: Pick<Queue, 'lanes'>, calls: PersistentCalls) {
    this.#queue = queue
    this.#calls = calls
  }

  add ({ claim: { id }, stored: { options: { lane, rated } } }: ClaimedTask): void {
    if (!rated || lane === undefined) return
    this.#started.push({ id, lane })
    if (this.#started.length === 1) setImmediate(() => this.#send())
  }

  #send (): void {
    const started = this.#started
    this.#started = []
    for (let from = 0; from < started.length; from += BATCH) {
      const batch = started.slice(from, from + BATCH)
      void this.#calls.retryUntilClosed('note of a start', () => this.#queue.lanes.start(batch))
    }
  }
}
