/**
 * What became of the tasks of an `enqueueMany`, and its error if it broke off or some tasks were refused.
 */
import * as errors from '../errors.ts'
import type { NewJob } from '../store/contract.ts'
import type { EnqueueItem } from '../types.ts'

export const MANY_IN_DOUBT = 'Some of the tasks may have been enqueued all the same: enqueue the items of this error ' +
  'to make each task once.'

/** Whether an error is about one task only: the others of the call are enqueued. */
const isRefusal = (error: unknown): error is Error =>
  error instanceof errors.UniqueLimitKey || error instanceof errors.TaskIdTaken

/** For a promise of one task: others do not wait for it. */
export function refusalOf (error: unknown): Error {
  if (isRefusal(error)) return error
  throw error
}

export class ManyResults<Task extends Pick<NewJob, 'id' | 'unique'>, Handle> {
  readonly #handles = new Map<Task, Handle>()
  readonly #refused = new Map<Task, Error>()

  /** Of a task whose reply is known. */
  add (task: Task, toHandle: () => Handle): void {
    try {
      this.#handles.set(task, toHandle())
    } catch (error) {
      this.#refused.set(task, refusalOf(error))
    }
  }

  /** In the order of the tasks. Throws if one was refused. */
  of (tasks: Task[]): Handle[] {
    const [first] = this.#refused.values()
    if (first) throw first
    return tasks.map(task => this.#handles.get(task)!)
  }

  /**
   * Says which tasks are stored, by their ids, and which were refused, by their places in the call. Its `items` are the
   * others, each with its id: again, each makes one task. A debounced one has no id of its own.
   */
  toError (error: Error, tasks: Task[], items: Array<EnqueueItem<any>>): Error {
    const enqueued = tasks.filter(task => this.#handles.has(task)).map(({ id }) => id)
    const [refused, again]: [number[], Array<EnqueueItem<any>>] = [[], []]
    tasks.forEach((task, i) => {
      if (this.#refused.has(task)) refused.push(i)
      else again.push(task.unique?.onConflict === 'debounce' ? items[i]! : { ...items[i]!, id: task.id })
    })
    return Object.assign(error, { enqueued, refused, items: again })
  }
}
