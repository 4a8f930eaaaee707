import type { Queue, RetryReply, TaskToRetry } from '../contract.ts'

/** See `Queue.retryMany`. Here one call after the other is one step: nothing else runs between them. */
export const retryEach = (queue: Pick<Queue, 'retry'>, tasks: TaskToRetry[]): Promise<RetryReply[]> =>
  Promise.all(tasks.map(({ id, before, after }) => queue.retry(id, before, after)))
