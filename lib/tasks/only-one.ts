/**
 * Finds the only task with an id, in whatever queue: an id of an own choice may be in several.
 */
import * as errors from '../errors.ts'
import { hasUniqueId } from '../records/task-record.ts'
import type { FoundTask } from './found-task.ts'

export type AmbiguousId = Error & { found: FoundTask[] }

export function ambiguous (id: string, found: FoundTask[]): Error {
  const names = found.map(({ queue }) => queue.name)
  const error = new errors.TaskIdAmbiguous(id, names.join(', '), names[0], names[0])
  return Object.defineProperty(error, 'found', { value: found })
}

/**
 * Resolves as soon as a task with a unique id is found, or when all reads have ended.
 * @throws FST_TASKS_ID_AMBIGUOUS; the error of a read, if no other found the task
 */
export async function onlyOne (id: string, reads: Array<Promise<FoundTask | null>>): Promise<FoundTask | null> {
  const unique = reads.map(async read => {
    const found = await read
    return found && hasUniqueId(found.stored.options) ? found : Promise.reject(NOT_UNIQUE)
  })
  return Promise.any(unique).catch(async () => {
    const ended = await Promise.allSettled(reads)
    const found = ended.flatMap(read => read.status === 'fulfilled' && read.value ? [read.value] : [])
    if (found.length > 1) throw ambiguous(id, found)
    const failed = ended.find(read => read.status === 'rejected')
    if (found.length === 0 && failed) throw failed.reason
    return found[0] ?? null
  })
}

const NOT_UNIQUE = new Error('not a task with a unique id')
