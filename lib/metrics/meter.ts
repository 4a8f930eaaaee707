/**
 * What a process counts while it works. Enqueues and workers call a meter; metrics and history are meters. The time of
 * what is counted is that of the store, in ms since 1970: the callers know it.
 */

/** How an attempt ended. Each is counted once. `failed`: no attempt is left. `returned`: by a shutdown. */
export const OUTCOMES = [
  'succeeded', 'retried', 'failed', 'cancelled', 'expired', 'stalled', 'returned', 'lost'
] as const

export type Outcome = typeof OUTCOMES[number]

export interface Meter {
  /** The store has accepted tasks. */
  enqueued (queue: string, task: string, count: number, now: number): void
  /** A call that stores tasks has ended, after so many ms. */
  stored (queue: string, ms: number): void
  /** An enqueue was refused. `queue` is undefined if the task is not known. */
  enqueueFailed (queue: string | undefined, error: unknown): void
  /** An attempt starts. @param waitedMs since the task was due. Null for a retry */
  started (queue: string, task: string, waitedMs: number | null, now: number): void
  /** An attempt failed, whether it is retried or not. */
  attemptFailed (queue: string, task: string, error: unknown): void
  /** An attempt has ended. @param ms how long it ran. Null if it was not started here */
  ended (queue: string, task: string, outcome: Outcome, ms: number | null, now: number): void
  /** A task of a schedule succeeded. */
  scheduleSucceeded (schedule: string): void
}

/** Several meters as one. Null if there is none: then nothing is counted. */
export function allOf (meters: Meter[]): Meter | null {
  return meters.length < 2 ? meters[0] ?? null : new MeterList(meters)
}

/** Loops, and no functions made for each call: this runs several times for each task. */
class MeterList implements Meter {
  readonly #meters: Meter[]

  constructor (meters: Meter[]) {
    this.#meters = meters
  }

  enqueued (queue: string, task: string, count: number, now: number): void {
    for (const meter of this.#meters) meter.enqueued(queue, task, count, now)
  }

  stored (queue: string, ms: number): void { for (const meter of this.#meters) meter.stored(queue, ms) }

  enqueueFailed (queue: string | undefined, error: unknown): void {
    for (const meter of this.#meters) meter.enqueueFailed(queue, error)
  }

  started (queue: string, task: string, waitedMs: number | null, now: number): void {
    for (const meter of this.#meters) meter.started(queue, task, waitedMs, now)
  }

  attemptFailed (queue: string, task: string, error: unknown): void {
    for (const meter of this.#meters) meter.attemptFailed(queue, task, error)
  }

  ended (queue: string, task: string, outcome: Outcome, ms: number | null, now: number): void {
    for (const meter of this.#meters) meter.ended(queue, task, outcome, ms, now)
  }

  scheduleSucceeded (schedule: string): void { for (const meter of this.#meters) meter.scheduleSucceeded(schedule) }
}
