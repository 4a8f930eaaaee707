/**
 * Layer 2: the record of a task, now and at each change: what a waiting caller, a long poll and a stream live on.
 */
import { isTerminal } from '../records/task-record.ts'
import type { TaskRecord } from '../types.ts'

export interface ChangeSource {
  status (id: string, queue?: string): Promise<TaskRecord<any, any> | null>
  /** Calls back at each change, and whenever one may have been missed; resolves with what ends it. */
  watch (id: string, queue: string, changed: () => void): Promise<() => void>
}

/**
 * Gives the record as it is, then again whenever it is another, up to its end; nothing (more) where there is none.
 * @throws the signal's reason, FST_TASKS_REDIS_UNAVAILABLE
 */
export async function * recordChanges (source: ChangeSource, id: string, signal?: AbortSignal, queue?: string): AsyncGenerator<TaskRecord<any, any>, void> {
  signal?.throwIfAborted()
  let record = await source.status(id, queue)
  if (!record) return
  yield record
  if (isTerminal(record.state)) return
  const bell = new AutoResetEvent(signal)
  const unwatch = await source.watch(id, record.queue, () => bell.set())
  try {
    for (let last = JSON.stringify(record); ; await bell.wait()) {
      signal?.throwIfAborted()
      record = await source.status(id, record.queue)
      if (!record) return
      const text = JSON.stringify(record)
      if (text === last) continue
      last = text
      yield record
      if (isTerminal(record.state)) return
    }
  } finally {
    bell.close()
    unwatch()
  }
}

/** A ring is kept until someone waits for it. */
class AutoResetEvent {
  #pending = false
  #wake: (() => void) | null = null
  readonly #signal: AbortSignal | undefined
  readonly #onAbort = (): void => this.set()

  constructor (signal: AbortSignal | undefined) {
    this.#signal = signal
    signal?.addEventListener('abort', this.#onAbort)
  }

  set (): void {
    this.#pending = true
    this.#wake?.()
  }

  async wait (): Promise<void> {
    if (!this.#pending) await new Promise<void>(resolve => { this.#wake = resolve })
    this.#pending = false
    this.#wake = null
  }

  close (): void { this.#signal?.removeEventListener('abort', this.#onAbort) }
}
