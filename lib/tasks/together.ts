/**
 * Tasks that are queued again, cancelled or removed: with what records, and many of them in one call.
 */
import { TRY_AGAIN } from './advice.ts'
import { attemptOf, encode, isTerminal, resetForRetry, ttlOf } from '../records/task-record.ts'
import { hasExtras, type FoundTask } from './found-task.ts'
import type { QueueMany, TaskToCancel } from '../store/many-contract.ts'
import type { BoundedCalls } from '../store/store-contract.ts'
import type { TaskState } from '../types.ts'
import type { WalkedTask } from './walked-task.ts'

/** Tasks of one call: a bound for the time that it holds up Redis. */
const TOGETHER = 100

/** A member of a flow is retried with its flow, which knows what waits for it. */
export const isRetryable = ({ stored }: FoundTask): boolean => stored.status === 'failed' && !stored.options.flow

export const retriedRecord = ({ stored }: FoundTask, now: number): string => encode(resetForRetry(stored, now))

/** What a cancelled task leaves, and for how long. */
export interface CancelTerms {
  now: number
  resultTtl: number
}

/** @param state that of the task, which has not ended */
export function toCancel (found: FoundTask, state: TaskState, { now, resultTtl }: CancelTerms): TaskToCancel {
  const { id, raw, stored } = found
  const after = encode({ ...stored, status: 'cancelled', attempt: attemptOf(stored, state), finishedAt: now })
  return { id, before: raw, after, ttl: ttlOf(stored.options, resultTtl), hasExtras: hasExtras(found) }
}

/** Tasks that go together, and the call for them. */
export interface Together {
  what: string
  takes: (found: WalkedTask) => boolean
  send: (many: QueueMany, tasks: WalkedTask[]) => Promise<string[]>
}

/** A task with a lane waits in the lane, not in the queue. The flow of a member is told of its end. */
const isPlain = ({ stored: { options } }: FoundTask): boolean => options.lane === undefined && !options.flow

export const retriedTogether = (now: number): Together => ({
  what: 'a retry of tasks',
  takes: found => isRetryable(found) && isPlain(found) && found.until !== null,
  send: (many, tasks) => many.retry(tasks.map(found =>
    ({ id: found.id, until: found.until!, after: retriedRecord(found, now) })))
})

export const cancelledTogether = (terms: CancelTerms): Together => ({
  what: 'a cancel of tasks',
  takes: found => isPlain(found) && !isTerminal(found.state),
  send: (many, tasks) => many.cancel(tasks.map(found => toCancel(found, found.state, terms)))
})

export const removedTogether: Together = {
  what: 'a removal of tasks',
  takes: isPlain,
  send: (many, tasks) => many.remove(tasks.map(found =>
    ({ id: found.id, before: found.raw, hasExtras: hasExtras(found) })))
}

/** Tasks, and what the store replies for each. */
export interface Sent {
  tasks: WalkedTask[]
  replies: Promise<string[]>
}

/** Calls for tasks of one queue, `TOGETHER` in each. They are sent at once. */
export function sendTogether (calls: BoundedCalls, { what, send }: Together, found: WalkedTask[]): Sent[] {
  const sent: Sent[] = []
  for (let from = 0; from < found.length; from += TOGETHER) {
    const tasks = found.slice(from, from + TOGETHER)
    sent.push({ tasks, replies: calls.call(what, TRY_AGAIN, () => send(tasks[0]!.queue.many, tasks)) })
  }
  return sent
}
