/**
 * Calls for many tasks of a queue in this process. One call after the other is one step: nothing else runs between
 * them.
 */
import type { Queue } from '../contract.ts'
import type { QueueMany } from '../many-contract.ts'

export const manyOf = (queue: Pick<Queue, 'retry' | 'cancel' | 'remove'>): QueueMany => ({
  retry: tasks => Promise.all(tasks.map(({ id, before, after }) => queue.retry(id, before, after))),
  cancel: tasks => Promise.all(tasks.map(({ id, before, after, ttl }) => queue.cancel(id, before, after, ttl))),
  remove: tasks => Promise.all(tasks.map(({ id, before }) => queue.remove(id, before)))
})
