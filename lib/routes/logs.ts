/**
 * `GET /tasks/:id/logs`: what a handler has logged, for tasks with `keepLogs`.
 */
import * as errors from '../errors.ts'
import { logsOf } from '../tasks/task-logs.ts'
import { queueOf, type IdRequest, type RouteContext } from './route-context.ts'
import type { TaskLogs } from '../types.ts'

/** Throws FST_TASKS_NOT_FOUND, FST_TASKS_REDIS_UNAVAILABLE. */
export async function getLogs ({ registry }: RouteContext, request: IdRequest): Promise<TaskLogs> {
  const { id } = request.params
  const found = await registry.findVisible(request, id, queueOf(request))
  const { after } = request.query as { after?: unknown }
  const logs = await logsOf(registry, found, toNumber(after))
  // Logs are stored by the id: meanwhile it may have become that of another task.
  const now = await registry.find(id, found.queue.name)
  if (now?.life !== found.life) throw new errors.TaskNotFound(id)
  return logs
}

/** What is no number asks for all lines: an app may have compilers that check no query. */
function toNumber (after: unknown): number {
  const number = Number(after ?? 0)
  return Number.isSafeInteger(number) && number > 0 ? number : 0
}
