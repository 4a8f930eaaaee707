/**
 * What those who watch attempts are told of one: the subscribers of telemetry.ts, and the option `telemetry`.
 */
import * as telemetry from '../telemetry.ts'
import { waitedUntil } from '../attempt/claimed-task.ts'
import type { Attempt } from '../attempt/attempt.ts'
import type { Settings } from '../options.ts'
import type { WatchedAttempt } from '../types.ts'

/** Null while nobody subscribes to attempts. */
export function attemptEvent (
  { instance, worker }: { instance: string, worker: string }, attempt: Attempt
): telemetry.AttemptEvent | null {
  return telemetry.attemptsAreTraced() ? { instance, worker, ...describe(attempt) } : null
}

/** Null without the option `telemetry`. */
export function watchAttempt (
  { worker, settings }: { worker: string, settings: Settings }, attempt: Attempt
): WatchedAttempt | null {
  if (!settings.telemetry) return null
  const { traceparent, ...info } = describe(attempt)
  const { delay, batch, schedule } = attempt.task.stored.options
  return settings.telemetry.attempt({
    worker,
    ...info,
    traceparent: traceparent ?? undefined,
    tracestate: attempt.tracestate ?? undefined,
    isImmediate: delay === undefined && !batch && !schedule
  })
}

function describe (attempt: Attempt): Omit<telemetry.AttemptEvent, 'instance' | 'worker'> {
  const { id: taskId, name, queue, attempt: number, attempts, requestId, traceparent, task } = attempt
  const waitedMs = waitedUntil(task.now, task.stored)
  return { queue, name, taskId, attempt: number, attempts, requestId, traceparent, waitedMs }
}
