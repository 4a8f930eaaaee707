/**
 * Spans of an enqueue that become points in time on the clock of Redis: `delay`, and `expires` in ms. That clock may
 * have been set since this process measured it.
 */
import { tagsOf, type Tags } from '../records/tags.ts'
import { NEW_RECORD_TAIL } from '../records/task-record.ts'
import type { StoredOptions } from '../records/task-record.ts'
import type { StoreClock } from '../store/store-contract.ts'
import type { EnqueueOptions } from '../types.ts'

export type Span = 'delay' | 'expires'

interface TaskWithSpans { text: string, options: StoredOptions, delay?: number, tags?: Tags, spans?: Span[] }

/** Undefined if there is none, as for most tasks. */
export function spansOf ({ delay, expires }: EnqueueOptions): Span[] | undefined {
  if (!delay && typeof expires !== 'number') return undefined
  return [...delay ? ['delay' as const] : [], ...typeof expires === 'number' ? ['expires' as const] : []]
}

/**
 * Measures the clock, but for one that was measured just now, and corrects the times of those new tasks that have
 * spans, if it was set. Their data is encoded already: it is what it was when they were enqueued.
 */
export async function keepSpans (clock: StoreClock, tasks: TaskWithSpans[]): Promise<void> {
  const moved = await clock.refresh()
  if (!moved) return
  for (const task of tasks) if (task.spans) moveTimes(task, moved)
}

function moveTimes (task: TaskWithSpans, ms: number): void {
  const { options, spans } = task
  const end = JSON.stringify(options).length + NEW_RECORD_TAIL.length
  for (const time of ['timestamp' as const, ...spans!]) options[time] = options[time]! + ms
  if (options.delay !== undefined) task.delay = options.delay
  Object.assign(task, tagsOf(options))
  task.text = task.text.slice(0, -end) + JSON.stringify(options) + NEW_RECORD_TAIL
}
