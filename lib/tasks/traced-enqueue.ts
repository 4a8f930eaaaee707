/**
 * An enqueue as whoever watches enqueues sees it: the option `telemetry`, and the subscribers of telemetry.ts.
 */
import { runWithTrace } from './request-context.ts'
import { traceEnqueue, type EnqueueEvent } from '../telemetry.ts'
import type { EnqueueInfo, TaskTelemetry } from '../types.ts'

/** Of subscribers it has no queue. */
export type MadeEvent = Pick<EnqueueEvent, 'ids'> & { queue?: string }

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

/**
 * Tells who watches of the tasks when they are made: their ids, and the queue if they are all in one, which may be
 * another than that of the definition. One by one: so many arguments as there may be tasks no call can have.
 */
export function tellMade (event: MadeEvent, tasks: Array<{ id: string, queue: { name: string } }>): void {
  for (const { id } of tasks) event.ids.push(id)
  const queue = tasks[0]?.queue.name
  if (event.queue !== undefined && tasks.every(task => task.queue.name === queue)) event.queue = queue ?? event.queue
}

export function enqueueInSpan<T> (telemetry: TaskTelemetry, info: EnqueueInfo, send: () => Promise<T>): Promise<T> {
  const isBatch = info.count !== 1
  return telemetry.enqueue(info, trace => trace ? runWithTrace({ ...trace, isBatch }, send) : send())
}
