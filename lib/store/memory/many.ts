/**
 * Calls for many tasks of a queue in this process. One call after the other is one step: nothing else runs between
 * them.
 */
import type { Queue } from '../contract.ts'
import type { QueueMany, RetryManyReply, TaskToRetry } from '../many-contract.ts'
import type { Records } from './records.ts'
import type { TaskLists } from './task-lists.ts'

type Calls = Pick<Queue, 'retry' | 'cancel' | 'remove'>

export function manyOf (queue: Calls, { finished: { failed } }: TaskLists, records: Records): QueueMany {
  const retry = async ({ id, until, after }: TaskToRetry): Promise<RetryManyReply> => {
    const reply = failed.timeOf(id) === Number(until) ? await queue.retry(id, records.get(id)!, after) : 'changed'
    return reply === 'queued' ? reply : 'changed'
  }
  return {
    retry: tasks => Promise.all(tasks.map(retry)),
    cancel: tasks => Promise.all(tasks.map(({ id, before, after, ttl }) => queue.cancel(id, before, after, ttl))),
    remove: tasks => Promise.all(tasks.map(({ id, before }) => queue.remove(id, before)))
  }
}
