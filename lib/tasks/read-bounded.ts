/**
 * Reads a task whose record may be too large to be shown whole.
 */
import { TRY_AGAIN } from './advice.ts'
import type { FoundTask } from './found-task.ts'
import type { TaskLookup } from './lookup.ts'
import type { Queue } from '../store/contract.ts'
import type { BoundedCalls } from '../store/store-contract.ts'

interface TaskReads {
  readonly calls: BoundedCalls
  readonly lookup: Pick<TaskLookup, 'read' | 'toFoundTask'>
}

/**
 * Of a record of more than `maxBytes` only its head is read, if it has one: it has no data and no result, and does not
 * say what a waiting task waits for. The task that was found has the size of the record as `unread`.
 */
export async function readBounded (
  { calls, lookup }: TaskReads, queue: Queue, id: string, maxBytes: number
): Promise<FoundTask | null> {
  const what = `a status of task "${id}"`
  const [size] = await calls.call(what, TRY_AGAIN, () => queue.walk.sizes([id]))
  if (size!.record <= maxBytes) return await lookup.read(queue, id)
  const { tasks: [head] } = await calls.call(what, TRY_AGAIN, () => queue.walk.readHeads([id], maxBytes))
  if (!head) return null
  const found = await lookup.toFoundTask(queue, id, { ...head, raw: Buffer.alloc(0) })
  return Buffer.byteLength(head.text) < size!.record ? { ...found, unread: size!.record } : found
}
