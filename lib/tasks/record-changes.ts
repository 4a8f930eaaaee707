/**
 * Async iterator over a task's record: gives the record as it was read, and after each change, until the task has
 * ended. A handle that waits for a result, a long poll and an event stream read it.
 */
import * as errors from '../errors.ts'
import { isTerminal } from '../records/task-record.ts'
import type { Watch } from './change-watcher.ts'
import { nextOrder, type FoundTask } from './found-task.ts'

export interface ChangeSource {
  /** The app closes, and its workers have: the record is read a last time, by a read that begins after that. */
  readonly isClosing: boolean
  /** Whether the store is connected. */
  readonly isConnected: boolean
  /** Calls back at each change, and whenever a change may have been missed. */
  watch (found: FoundTask, onChange: () => void): Promise<Watch>
}

/**
 * Ends after the record of a terminal state, and if there is no record of this task any more. Callers get the same
 * objects: who gives a record away gives a copy.
 * @throws the signal's reason, FST_TASKS_REDIS_UNAVAILABLE, FST_TASKS_CLOSED
 */
export async function * recordChanges (
  source: ChangeSource, first: FoundTask, signal?: AbortSignal
): AsyncGenerator<FoundTask, void> {
  signal?.throwIfAborted()
  yield first
  if (!isTerminal(first.record.state)) yield * laterChanges(source, first, signal)
}

async function * laterChanges (
  source: ChangeSource, first: FoundTask, signal: AbortSignal | undefined
): AsyncGenerator<FoundTask, void> {
  const changed = new AutoResetEvent(signal)
  let watch: Watch | undefined
  try {
    watch = await source.watch(first, () => changed.set())
    let closingAt = Infinity
    for (let last = first; ;) {
      while (!watch.hasChangedSince(last) && !source.isClosing) await changed.wait()
      signal?.throwIfAborted()
      if (source.isClosing) closingAt = Math.min(closingAt, nextOrder())
      const found = await readAgain(source, watch, last)
      if (found?.life !== first.life) return // it is gone, and may be another task by now
      if (!isSame(found, last)) yield found
      if (isTerminal(found.record.state)) return
      if (found.order > closingAt) throw closedWhileWaiting(first.record.id)
      last = found
    }
  } finally {
    changed.close()
    watch?.end()
  }
}

const bytesOf = ({ raw }: FoundTask): Buffer => typeof raw === 'string' ? Buffer.from(raw) : raw

const isSame = (found: FoundTask, last: FoundTask): boolean =>
  bytesOf(found).equals(bytesOf(last)) && JSON.stringify(found.record) === JSON.stringify(last.record)

async function readAgain (source: ChangeSource, watch: Watch, last: FoundTask): Promise<FoundTask | null> {
  const { id } = last.record
  if (source.isClosing && !source.isConnected) throw closedWhileWaiting(id)
  return watch.readAfter(last).catch(error => {
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

  /** Throws the signal's reason if it is aborted. */
  async wait (): Promise<void> {
    if (!this.#isSet) await new Promise<void>(resolve => { this.#wake = resolve })
    this.#isSet = false
    this.#wake = null
    this.#signal?.throwIfAborted()
  }

  close (): void { this.#signal?.removeEventListener('abort', this.#onAbort) }
}
