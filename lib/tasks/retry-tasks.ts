/**
 * Failed tasks that are queued again: which ones, with what record, and many of them in one call.
 */
import { TRY_AGAIN } from './advice.ts'
import { encode, resetForRetry } from '../records/task-record.ts'
import type { FoundTask } from './found-task.ts'
import type { TaskToRetry } from '../store/contract.ts'
import type { BoundedCalls } from '../store/store-contract.ts'

/** Tasks of one call: a bound for the time that it holds up Redis. */
const TOGETHER = 100

/** A member of a flow is retried with its flow, which knows what waits for it. */
export const isRetryable = ({ stored }: FoundTask): boolean => stored.status === 'failed' && !stored.options.flow

export const toRetry = ({ id, raw, stored }: FoundTask): TaskToRetry =>
  ({ id, before: raw, after: encode(resetForRetry(stored)) })

/** Whether it can be retried together with others: a task with a lane waits in the lane, not in the queue. */
export const isRetriedTogether = (found: FoundTask): boolean =>
  isRetryable(found) && found.stored.options.lane === undefined

/** Calls for tasks of one queue, `TOGETHER` in each. They are sent at once. */
export function retryTogether (calls: BoundedCalls, found: FoundTask[]): Array<Promise<string[]>> {
  const sent: Array<Promise<string[]>> = []
  for (let from = 0; from < found.length; from += TOGETHER) {
    const part = found.slice(from, from + TOGETHER)
    sent.push(calls.call('a retry of tasks', TRY_AGAIN, () => part[0]!.queue.retryMany(part.map(toRetry))))
  }
  return sent
}
