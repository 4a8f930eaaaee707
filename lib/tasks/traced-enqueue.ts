/**
 * An enqueue as whoever watches enqueues sees it: the option `telemetry`, and the subscribers of telemetry.ts.
 */
import { runWithTrace } from './request-context.ts'
import { traceEnqueue, type EnqueueEvent } from '../telemetry.ts'
import type { EnqueueInfo, TaskTelemetry } from '../types.ts'

/** @param event is called only if somebody watches */
export function watchEnqueue<T> (
  telemetry: TaskTelemetry | undefined, event: () => EnqueueEvent & { queue: string },
  enqueue: (event?: EnqueueEvent) => Promise<T>
): Promise<T> {
  if (!telemetry) return traceEnqueue(() => withoutQueue(event()), enqueue)
  const made = event()
  return enqueueInSpan(telemetry, made, () => traceEnqueue(() => withoutQueue(made), () => enqueue(made)))
}

const withoutQueue = ({ queue: _queue, ...event }: EnqueueEvent & { queue: string }): EnqueueEvent => event

export function enqueueInSpan<T> (telemetry: TaskTelemetry, info: EnqueueInfo, send: () => Promise<T>): Promise<T> {
  const isBatch = info.count !== 1
  return telemetry.enqueue(info, trace => trace ? runWithTrace({ ...trace, isBatch }, send) : send())
}
