/**
 * Async iterator over a task's record: gives the record now and after each change, until the task has ended. A handle
 * that waits for a result, a long poll and an event stream read it.
 */
import * as errors from '../errors.ts'
import { isTerminal } from '../records/task-record.ts'
import type { TaskRecord } from '../types.ts'

export interface ChangeSource {
  /** The app closes: the record is read a last time. */
  readonly isClosing: boolean
  /** Whether the store is connected. */
  readonly isConnected: boolean
  status (id: string, queue?: string): Promise<TaskRecord<any, any> | null>
  /** Calls back at each change, and whenever a change may have been missed. Resolves with a function that ends it. */
  watch (id: string, queue: string, onChange: () => void): Promise<() => void>
}

/**
 * Ends after the record of a terminal state, and if there is no record, or none any more.
 * @throws the signal's reason, FST_TASKS_REDIS_UNAVAILABLE, FST_TASKS_CLOSED
 */
export async function * recordChanges (
  source: ChangeSource, id: string, signal?: AbortSignal, queue?: string
): AsyncGenerator<TaskRecord<any, any>, void> {
  signal?.throwIfAborted()
  let record = await source.status(id, queue)
  if (record) yield record
  if (!record || isTerminal(record.state)) return
  const changed = new AutoResetEvent(signal)
  const unwatch = await source.watch(id, record.queue, () => changed.set())
  try {
    for (let last = JSON.stringify(record); ; await changed.wait()) {
      signal?.throwIfAborted()
      const isLast = source.isClosing
      if (isLast && !source.isConnected) throw closedWhileWaiting(id)
      record = await source.status(id, record.queue).catch(error => {
        throw source.isClosing ? closedWhileWaiting(id, error) : error
      })
      if (!record) return
      const json = JSON.stringify(record)
      if (json !== last) yield record
      last = json
      if (isTerminal(record.state)) return
      if (isLast) throw closedWhileWaiting(id)
    }
  } finally {
    changed.close()
    unwatch()
  }
}

const closedWhileWaiting = (id: string, cause?: unknown): Error =>
  new errors.Closed(`the wait for task "${id}"`, 'The task is not affected: read its status later.', { cause })

/** Remembers that it was set until somebody waits for it. An abort of the signal sets it too. */
class AutoResetEvent {
  #isSet = false
  #wake: (() => void) | null = null
  readonly #signal: AbortSignal | undefined
  readonly #onAbort = (): void => this.set()

  constructor (signal: AbortSignal | undefined) {
    this.#signal = signal
    signal?.addEventListener('abort', this.#onAbort)
  }

  set (): void {
    this.#isSet = true
    this.#wake?.()
  }

  async wait (): Promise<void> {
    if (!this.#isSet) await new Promise<void>(resolve => { this.#wake = resolve })
    this.#isSet = false
    this.#wake = null
  }

  close (): void { this.#signal?.removeEventListener('abort', this.#onAbort) }
}
