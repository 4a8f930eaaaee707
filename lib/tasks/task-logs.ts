/**
 * Reads the log of a task.
 */
import { TRY_AGAIN } from './advice.ts'
import { checkLogs } from '../options.ts'
import { decodeLines } from '../records/log-lines.ts'
import type { FoundTask } from './found-task.ts'
import type { TaskLookup } from './lookup.ts'
import type { BoundedCalls } from '../store/store-contract.ts'
import type { LogsOptions, TaskLogs } from '../types.ts'

interface LogSource {
  readonly lookup: Pick<TaskLookup, 'find'>
  readonly calls: BoundedCalls
}

/** See `FastifyTasks.logs`. */
export async function readLogs (source: LogSource, id: string, options: LogsOptions): Promise<TaskLogs | null> {
  checkLogs(options)
  const found = await source.lookup.find(id, options.queue)
  return found && logsOf(source, found, options.after)
}

/** The log of a task that was found. */
export async function logsOf (
  { calls }: Pick<LogSource, 'calls'>, { queue, record: { id } }: FoundTask, after = 0
): Promise<TaskLogs> {
  const { parts, next } = await calls.call(`a read of the log of task "${id}"`, TRY_AGAIN, () =>
    queue.logs.read(id, after))
  return { lines: decodeLines(parts), next }
}
