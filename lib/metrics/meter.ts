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
  if (meters.length < 2) return meters[0] ?? null
  const each = (call: (meter: Meter) => void): void => { for (const meter of meters) call(meter) }
  return {
    enqueued: (queue, task, count, now) => each(meter => meter.enqueued(queue, task, count, now)),
    stored: (queue, ms) => each(meter => meter.stored(queue, ms)),
    enqueueFailed: (queue, error) => each(meter => meter.enqueueFailed(queue, error)),
    started: (queue, task, waitedMs, now) => each(meter => meter.started(queue, task, waitedMs, now)),
    attemptFailed: (queue, task, error) => each(meter => meter.attemptFailed(queue, task, error)),
    ended: (queue, task, outcome, ms, now) => each(meter => meter.ended(queue, task, outcome, ms, now)),
    scheduleSucceeded: schedule => each(meter => meter.scheduleSucceeded(schedule))
  }
}
