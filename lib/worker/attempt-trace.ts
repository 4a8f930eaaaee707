/**
 * The event of one attempt for telemetry.
 */
import * as telemetry from '../telemetry.ts'
import type { Attempt } from '../attempt/attempt.ts'

/** Null while nobody subscribes to attempts. */
export function attemptEvent (
  { instance, worker }: { instance: string, worker: string }, traced: Attempt
): telemetry.AttemptEvent | null {
  if (!telemetry.attemptsAreTraced()) return null
  const { id, name, queue, attempt, attempts, requestId, traceparent, task } = traced
  const { status, options: { timestamp, delay } } = task.stored
  const waitedMs = status === 'created' ? Math.max(0, task.now - (delay ?? timestamp)) : null
  return { instance, worker, queue, name, taskId: id, attempt, attempts, requestId, traceparent, waitedMs }
}
