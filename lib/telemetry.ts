/**
 * The events that other code of this process may subscribe to, through node:diagnostics_channel: metrics, traces,
 * audit logs. docs/reference/telemetry.md lists them. Names and payloads are public: they follow the package's version.
 *
 * Channels are global to a process. Each payload has `instance`, the `instanceId` of the plugin instance that it
 * comes from. Nothing is built or published while nobody subscribes.
 *
 * A subscriber must not throw: Node reports what it throws as an uncaught exception.
 */
import { channel, tracingChannel } from 'node:diagnostics_channel'

/** One call of `enqueue` or `enqueueMany`. The channel sets `result` and `error`, as Node's TracingChannel does. */
export interface EnqueueEvent {
  instance: string
  name: string
  /** The ids of the tasks, in the order of the call. Empty until they are made. */
  ids: string[]
  count: number
  error?: unknown
}

/** One attempt. `asyncEnd` is published when its outcome is known; `outcome` and `error` are set then. */
export interface AttemptEvent {
  instance: string
  worker: string
  queue: string
  name: string
  taskId: string
  /** 1, 2, … */
  attempt: number
  attempts: number
  requestId: string | null
  traceparent: string | null
  /** How long the task waited after it was enqueued or due, in ms. Null for a retry, and if it is not known. */
  waitedMs: number | null
  outcome?: 'succeeded' | 'failed' | 'cancelled' | 'released' | 'lost'
  error?: unknown
}

/** A worker's claim was answered. */
export interface ClaimEvent { instance: string, worker: string, queue: string, asked: number, claimed: number }

/** Outcomes were written. `lost` of them were dropped: the claim belonged to another worker. */
export interface SettleEvent { instance: string, worker: string, queue: string, count: number, lost: number }

/** A task's lease expired. It waits again, or failed because it stalled too often. */
export interface StallEvent {
  instance: string
  worker: string
  queue: string
  taskId: string
  outcome: 'requeued' | 'failed'
}

/** Ticks of a schedule were fired, skipped or missed. `worker` is null for the clock of mode 'memory'. */
export interface TickEvent {
  instance: string
  worker: string | null
  queue: string
  schedule: string
  outcome: 'fired' | 'skipped' | 'missed'
  /** How many. 1, unless they were missed. */
  count: number
  /** When it was planned, in ISO 8601. Null for missed ticks. */
  plannedAt: string | null
  /** The task that was enqueued. Null unless it fired. */
  taskId: string | null
  /** How late it fired, in ms. Null unless it fired. */
  lateBy: number | null
}

/** The connection of an app or a worker to Redis was lost, or is back. */
export interface OutageEvent { instance: string, worker: string | null, state: 'began' | 'ended' }

/** Node's types let any object through: these are the payloads. */
interface TypedChannel<Event> {
  readonly hasSubscribers: boolean
  publish (event: Event): void
}

const typed = <Event>(name: string): TypedChannel<Event> => channel(`fastify-tasks.${name}`) as TypedChannel<Event>

export const claims = typed<ClaimEvent>('claim')
export const settlements = typed<SettleEvent>('settle')
export const stalls = typed<StallEvent>('stall')
export const ticks = typed<TickEvent>('tick')
export const outages = typed<OutageEvent>('outage')

const enqueues = tracingChannel<EnqueueEvent>('fastify-tasks.enqueue')
const attempts = tracingChannel<AttemptEvent>('fastify-tasks.attempt')

/** Runs an enqueue as one operation of its channel. `event` is called only if somebody subscribes. */
export function traceEnqueue<T> (event: () => EnqueueEvent, enqueue: (event?: EnqueueEvent) => Promise<T>): Promise<T> {
  if (!enqueues.hasSubscribers) return enqueue()
  const traced = event()
  return enqueues.tracePromise(() => enqueue(traced), traced)
}

export const attemptsAreTraced = (): boolean => attempts.hasSubscribers

/** Calls a handler inside `start`: a store bound to the channel (AsyncLocalStorage) is set for its whole run. */
export function startAttempt<T> (event: AttemptEvent, call: () => T): T {
  return attempts.start.runStores(event, () => {
    try {
      return call()
    } finally {
      attempts.end.publish(event)
    }
  })
}

/** The outcome is known. */
export function endAttempt (event: AttemptEvent, outcome: NonNullable<AttemptEvent['outcome']>, error?: unknown): void {
  event.outcome = outcome
  if (error !== undefined) {
    event.error = error
    attempts.error.publish(event)
  }
  attempts.asyncStart.publish(event)
  attempts.asyncEnd.publish(event)
}
