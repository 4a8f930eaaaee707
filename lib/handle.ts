/**
 * Layer 2: a handle on a task that was enqueued.
 */
import * as errors from './errors.ts'
import { isTerminal } from './record.ts'
import type { CancelOutcome, ResultOptions, TaskHandle, TaskRecord } from './types.ts'

/** What a handle asks of the registry that made it. */
export interface HandleSource {
  status (id: string, queue: string): Promise<TaskRecord<any, any> | null>
  cancel (id: string, queue: string): Promise<CancelOutcome>
  location (id: string): string | null
  /** Calls back at each change, and whenever one may have been missed. */
  watch (id: string, queue: string, changed: () => void): Promise<() => void>
}

export class Handle implements TaskHandle<any, any> {
  readonly #source: HandleSource
  readonly #snapshot: (() => TaskRecord<any, any>) | null

  readonly id: string
  readonly name: string
  readonly queue: string

  constructor (source: HandleSource, id: string, name: string, queue: string, snapshot: (() => TaskRecord<any, any>) | null) {
    this.#source = source
    this.#snapshot = snapshot
    this.id = id
    this.name = name
    this.queue = queue
  }

  get created (): boolean { return this.#snapshot !== null }
  get snapshot (): TaskRecord<any, any> | null { return this.#snapshot?.() ?? null }
  get location (): string | null { return this.#source.location(this.id) }

  status (): Promise<TaskRecord<any, any> | null> { return this.#source.status(this.id, this.queue) }
  cancel (): Promise<CancelOutcome> { return this.#source.cancel(this.id, this.queue) }

  async result ({ timeout, signal }: ResultOptions = {}): Promise<any> {
    return outcome(await this.#ended(timeout, signal), this)
  }

  /** The record once the task has ended; null where it is gone. */
  async #ended (timeout: number | undefined, signal: AbortSignal | undefined): Promise<TaskRecord | null> {
    const bell = new Bell(timeout, signal)
    const unwatch = await this.#source.watch(this.id, this.queue, () => bell.ring())
    try {
      for (;;) {
        const record = await this.status()
        if (!record || isTerminal(record.state)) return record
        if (!await bell.rung()) throw new errors.ResultTimeout(this.id, this.name, timeout)
      }
    } finally {
      bell.close()
      unwatch()
    }
  }
}

function outcome (record: TaskRecord | null, { id, name }: TaskHandle): unknown {
  switch (record?.state) {
    case undefined: throw new errors.TaskNotFound(id)
    case 'failed': throw Object.assign(new errors.TaskFailed(id, name, record!.error?.message, { cause: record!.error }), { record })
    case 'cancelled': throw new errors.TaskCancelled(id, name)
    case 'expired': throw new errors.TaskExpired(id, name)
    default: return record!.result
  }
}

/** Rings are kept until someone waits; gives up after a time, or when aborted. */
class Bell {
  #pending = false
  #wake: (() => void) | null = null
  #late = false
  readonly #timer: NodeJS.Timeout | undefined
  readonly #signal: AbortSignal | undefined
  readonly #onAbort = (): void => this.ring()

  constructor (timeout: number | undefined, signal: AbortSignal | undefined) {
    this.#signal = signal
    signal?.addEventListener('abort', this.#onAbort)
    if (timeout !== undefined) this.#timer = setTimeout(() => { this.#late = true; this.ring() }, timeout)
  }

  ring (): void {
    this.#pending = true
    this.#wake?.()
  }

  /** False once it is too late. Throws the signal's reason where it was aborted. */
  async rung (): Promise<boolean> {
    if (!this.#pending) await new Promise<void>(resolve => { this.#wake = resolve })
    this.#pending = false
    this.#wake = null
    this.#signal?.throwIfAborted()
    return !this.#late
  }

  close (): void {
    clearTimeout(this.#timer)
    this.#signal?.removeEventListener('abort', this.#onAbort)
  }
}
