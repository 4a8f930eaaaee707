/**
 * Changes when a task is due that waits for a time: now, or at another time.
 */
import { TRY_AGAIN } from './advice.ts'
import { checkReschedule, timeOf } from '../options.ts'
import type { FoundTask } from './found-task.ts'
import type { BoundedCalls, StoreClock } from '../store/store-contract.ts'
import type { PromoteOutcome, RescheduleOptions, RescheduleOutcome } from '../types.ts'

/** What these calls need of the tasks of an app. */
export interface DueSource {
  readonly calls: BoundedCalls
  readonly clock: StoreClock
  find (id: string, queue?: string): Promise<FoundTask | null>
}

/** See `FastifyTasks.promote`. */
export async function promote (source: DueSource, id: string, queue?: string): Promise<PromoteOutcome> {
  const moved = await move(source, id, queue, null)
  return moved === 'done' ? 'promoted' : moved
}

/** See `FastifyTasks.reschedule`. */
export async function reschedule (
  source: DueSource, id: string, options: RescheduleOptions
): Promise<RescheduleOutcome> {
  checkReschedule(options)
  const { clock } = source
  const { delay = 0, delayUntil, queue } = options
  if (delay > 0) await clock.refresh()
  const due = delayUntil === undefined ? clock.now() + delay : clock.toStoreTime(timeOf(delayUntil))
  const moved = await move(source, id, queue, due)
  return moved === 'done' ? 'rescheduled' : moved
}

async function move (
  source: DueSource, id: string, queue: string | undefined, due: number | null
): Promise<'done' | 'refused' | 'unknown'> {
  const found = await source.find(id, queue)
  if (!found) return 'unknown'
  const moved = await source.calls.call(`a new time for task "${id}"`, TRY_AGAIN, () =>
    found.queue.reschedule(id, due))
  return moved ? 'done' : 'refused'
}
