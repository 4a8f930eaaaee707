/**
 * The records of a page of tasks, bounded by bytes: a page of large results ends earlier.
 */
import { TRY_AGAIN } from './advice.ts'
import { endOfBatch } from '../store/batches.ts'
import type { Queue } from '../store/contract.ts'
import type { BoundedCalls } from '../store/store-contract.ts'
import type { TaskRecord } from '../types.ts'

/** Redis needs some 2 ms for 1 MiB. */
export const PAGE_BYTES = 4_194_304

/** The records of the first ids, until they have PAGE_BYTES: at least one. Null for a task that is gone. */
export async function recordsOfPage (
  calls: BoundedCalls, queue: Queue, ids: string[], read: (id: string) => Promise<TaskRecord | null>
): Promise<Array<TaskRecord | null>> {
  const sizes = await calls.call('a list of tasks', TRY_AGAIN, () => queue.walk.sizes(ids))
  return readWithin(ids.map((id, i) => ({ id, size: sizes[i]!.record + sizes[i]!.progress })), read)
}

/** As `recordsOfPage`, of tasks whose sizes are known. */
export async function readWithin (
  items: Array<{ id: string, size: number }>, read: (id: string) => Promise<TaskRecord | null>
): Promise<Array<TaskRecord | null>> {
  const records: Array<TaskRecord | null> = []
  for (let start = 0, end = 0, bytes = 0; start < items.length && bytes < PAGE_BYTES; start = end) {
    end = endOfBatch(items, start, items.length, ({ size }) => size)
    const batch = items.slice(start, end)
    records.push(...await Promise.all(batch.map(({ id }) => read(id))))
    bytes += batch.reduce((sum, { size }) => sum + size, 0)
  }
  return records
}
