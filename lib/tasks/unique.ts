/**
 * The key of a task that is enqueued once for a key.
 */
import * as errors from '../errors.ts'
import { keyOf } from './lane.ts'
import type { Definition } from './definition.ts'
import type { StoredOptions } from '../records/task-record.ts'
import type { NewJob, Queue } from '../store/contract.ts'
import type { StandingTask, UniqueKey, UniqueReply } from '../store/unique-contract.ts'
import type { TaskIdentity } from './handle.ts'
import type { EnqueueOptions } from '../types.ts'

/**
 * The key of a new task, which is also added to the options that are stored. Undefined if it has none.
 * @param data as it is stored
 * @param given the options of the enqueue
 * @throws FST_TASKS_UNIQUE_KEY_INVALID, FST_TASKS_UNIQUE_QUEUE, FST_TASKS_OPTION_CLASH, and what the key's function
 * throws
 */
export function addUnique (
  options: StoredOptions, definition: Definition, data: unknown, given: EnqueueOptions
): UniqueKey | undefined {
  const { name, options: { unique, debounce } } = definition
  const keyed = unique ?? debounce
  if (keyed === undefined) return undefined
  refuseQueue(definition, given.queue)
  const key = keyOf(keyed.key, data, what => new errors.UniqueKeyInvalid(name, what))
  options.unique = `${name} ${key}`
  if (unique) {
    return { field: options.unique, onConflict: unique.onConflict ?? 'keep', scope: unique.scope ?? 'unfinished' }
  }
  const { wait, maxWait } = debounce!
  refuseOptions(name, given)
  options.delay = options.timestamp + wait
  return { field: options.unique, onConflict: 'debounce', wait, ...maxWait !== undefined && { maxWait } }
}

function refuseQueue ({ name, queue }: Definition, given: string | undefined): void {
  if (given !== undefined && given !== queue) throw new errors.UniqueQueue(name, queue, given)
}

/** The key says which task it is, and the wait when it is due. */
function refuseOptions (name: string, given: EnqueueOptions): void {
  for (const option of ['id', 'delay', 'delayUntil'] as const) {
    if (given[option] === undefined) continue
    throw new errors.OptionClash(option, 'debounce', `Task "${name}" is debounced: leave ${option} out`)
  }
}

/** Schedules and flows make tasks later, and name them themselves. Throws FST_TASKS_UNIQUE_REFUSED. */
export function refuseUnique ({ name, options: { unique, debounce } }: Definition, isOfFlow: boolean): void {
  if (unique === undefined && debounce === undefined) return
  const option = unique === undefined ? 'debounce' : 'unique'
  if (isOfFlow) {
    throw new errors.UniqueRefused(name, option, 'flow', 'a member that is not enqueued would hold up its flow')
  }
  const why = 'it has the option overlap, which does the same for its ticks'
  throw new errors.UniqueRefused(name, option, 'schedule', why)
}

/** The tasks of one name all have a key, or none has. */
export const addBatch = (queue: Queue, jobs: NewJob[]): Promise<UniqueReply[]> =>
  jobs[0]!.unique ? queue.unique.add(jobs) : queue.addMany(jobs)

export const addOne = async (queue: Queue, job: NewJob): Promise<UniqueReply> =>
  job.unique ? (await queue.unique.add([job]))[0]! : queue.add(job)

/** Names the task that stands for a key. Throws FST_TASKS_UNIQUE_LIMIT_KEY if it could not be replaced. */
export function identityOfStanding (name: string, queue: Queue, { id, otherLane }: StandingTask): TaskIdentity {
  if (otherLane) throw new errors.UniqueLimitKey(name, id)
  return { id, name, queue: queue.name, hasUniqueId: false, life: undefined }
}
