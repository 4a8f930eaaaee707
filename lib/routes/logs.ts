/**
 * `GET /tasks/:id/logs`: what a handler has logged, for tasks with `keepLogs`.
 */
import { logsOf } from '../tasks/task-logs.ts'
import { queueOf, type IdRequest, type RouteContext } from './route-context.ts'
import type { TaskLogs } from '../types.ts'

/** Throws FST_TASKS_NOT_FOUND, FST_TASKS_REDIS_UNAVAILABLE. */
export async function getLogs ({ registry }: RouteContext, request: IdRequest): Promise<TaskLogs> {
  const found = await registry.findVisible(request, request.params.id, queueOf(request))
  const { after } = request.query as { after?: unknown }
  return await logsOf(registry, found, toNumber(after))
}

/** What is no number asks for all lines: an app may have compilers that check no query. */
function toNumber (after: unknown): number {
  const number = Number(after ?? 0)
  return Number.isSafeInteger(number) && number > 0 ? number : 0
}
