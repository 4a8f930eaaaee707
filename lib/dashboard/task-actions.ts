/**
 * What can be done to tasks, on the page of one and in a list.
 */
import { splitAtBlank } from '../records/split-at-blank.ts'
import type { DashboardRight, TaskRecord, TaskState } from '../types.ts'

export interface TaskAction {
  /** Its name in forms, and that of the call. */
  name: 'retry' | 'cancel' | 'remove' | 'promote'
  right: DashboardRight
  label: string
  states: readonly TaskState[]
  /** What is asked first. */
  question?: string
  /** The replies of the call that say that it was done. */
  done: readonly string[]
}

export const TASK_ACTIONS: readonly TaskAction[] = [
  { name: 'retry', right: 'retry', label: 'Retry', states: ['failed'], done: ['queued'] },
  { name: 'promote', right: 'retry', label: 'Start now', states: ['delayed', 'retrying'], done: ['promoted'] },
  {
    name: 'cancel',
    right: 'cancel',
    label: 'Cancel',
    states: ['active', 'waiting', 'delayed', 'retrying'],
    question: 'Cancel? What waits does not start, what runs is asked to end.',
    done: ['cancelled', 'requested']
  },
  {
    name: 'remove',
    right: 'remove',
    label: 'Remove',
    states: ['waiting', 'delayed', 'retrying', 'failed', 'succeeded', 'cancelled', 'expired'],
    question: 'Remove, with all that is stored of it?',
    done: ['removed']
  }
]

/** A task in a form: an id may have blanks in it, the name of a queue has none. */
export const toField = ({ queue, id }: Pick<TaskRecord, 'queue' | 'id'>): string => `${queue} ${id}`

export function fromField (field: string): { queue: string, id: string } {
  const [queue, id] = splitAtBlank(field)
  return { queue, id }
}
