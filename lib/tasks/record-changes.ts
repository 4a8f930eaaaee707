/**
 * Async iterator over a task's record: gives the record now and after each change, until the task has ended. A handle
 * that waits for a result, a long poll and an event stream read it.
 */
import * as errors from '../errors.ts'
import { isTerminal } from '../records/task-record.ts'
import type { TaskRecord } from '../types.ts'

/** A task as it was read. */
interface HasRecord {
  record: TaskRecord<any, any>
  /** See `lifeOf`. */
  life: string
}

export interface ChangeSource<T extends HasRecord> {
  /** The app closes: the record is read a last time. */
  readonly isClosing: boolean
  /** Whether the store is connected. */
  readonly isConnected: boolean
  find (id: string, queue?: string): Promise<T | null>
  /** Calls back at each change, and whenever a change may have been missed. Resolves with a function that ends it. */
  watch (id: string, queue: string, onChange: () => void): Promise<() => void>
}

/**
 * Ends after the record of a terminal state, and if there is no record, or none of this task any more.
 * @throws the signal's reason, FST_TASKS_REDIS_UNAVAILABLE, FST_TASKS_CLOSED
 */
export async function * recordChanges<T extends HasRecord> (
  source: ChangeSource<T>, id: string, signal?: AbortSignal, queue?: string
): AsyncGenerator<T, void> {
  signal?.throwIfAborted()
  const found = await source.find(id, queue)
  if (!found) return
  yield found
  if (!isTerminal(found.record.state)) yield * laterChanges(source, id, found, signal)
}

async function * laterChanges<T extends HasRecord> (
  source: ChangeSource<T>, id: string, first: T, signal: AbortSignal | undefined
): AsyncGenerator<T, void> {
  const changed = new AutoResetEvent(signal)
  const { queue } = first.record
  const unwatch = await source.watch(id, queue, () => changed.set())
  try {
    for (let last = JSON.stringify(first.record); ; await changed.wait()) {
      signal?.throwIfAborted()
      const isLast = source.isClosing
      const found = await findAgain(source, id, queue)
      if (found?.life !== first.life) return // it is gone, and may be another task by now
      if (JSON.stringify(found.record) !== last) yield found
      last = JSON.stringify(found.record)
      if (isTerminal(found.record.state)) return
      if (isLast) throw closedWhileWaiting(id)
    }
  } finally {
    changed.close()
    unwatch()
  }
}

async function findAgain<T extends HasRecord> (source: ChangeSource<T>, id: string, queue: string): Promise<T | null> {
  if (source.isClosing && !source.isConnected) throw closedWhileWaiting(id)
  return source.find(id, queue).catch(error => {
    throw source.isClosing ? closedWhileWaiting(id, error) : error
  })
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
