/**
 * The error of an `enqueueMany` that broke off.
 */
import type { EnqueueItem } from '../types.ts'

export const MANY_IN_DOUBT = 'Some of the tasks may have been enqueued all the same: enqueue the items of this error ' +
  'to make each task once.'

/** It says which tasks are stored. Its `items` are those of the call, each with its id: again, each makes one task. */
export function toPartialError<Task extends { id: string }> (
  error: Error, tasks: Task[], stored: ReadonlyMap<Task, unknown>, items: Array<EnqueueItem<any>>
): Error {
  const enqueued = tasks.filter(task => stored.has(task)).map(({ id }) => id)
  return Object.assign(error, { enqueued, items: items.map((item, i) => ({ ...item, id: tasks[i]!.id })) })
}
