/**
 * The task that a request names, if the task's `authorize` lets this caller see it.
 */
import * as errors from '../errors.ts'
import type { AppTasks } from '../tasks/app-tasks.ts'
import type { FoundTask } from '../tasks/lookup.ts'
import type { IdRequest } from './route-context.ts'

/** Throws FST_TASKS_NOT_FOUND, also for a task that the caller may not see: nobody learns that it exists. */
export async function findVisible (registry: AppTasks, request: IdRequest): Promise<FoundTask> {
  const found = await registry.find(request.params.id)
  return await checkVisible(registry, request, found)
}

/** Returns no promise if the task has no `authorize`: the status route is called most. Throws FST_TASKS_NOT_FOUND. */
export function checkVisible (
  registry: AppTasks, request: IdRequest, found: FoundTask | null
): FoundTask | Promise<FoundTask> {
  if (!found) throw new errors.TaskNotFound(request.params.id)
  const definition = registry.definitions.get(found.record.name)
  if (!definition?.options.authorize) return found
  return checkAuthorized(definition.options.authorize.call(definition.instance, request, found.record), found)
}

async function checkAuthorized (authorized: boolean | Promise<boolean>, found: FoundTask): Promise<FoundTask> {
  if (!await authorized) throw new errors.TaskNotFound(found.record.id)
  return found
}
