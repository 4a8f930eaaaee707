/**
 * `DELETE /tasks/:id`: cancels a task. Mounted if the app asks for it.
 */
import type { FastifyReply } from 'fastify'
import * as errors from '../errors.ts'
import { toIsoTime } from '../records/time.ts'
import { queueOf, type IdRequest, type RouteContext } from './route-context.ts'
import type { FoundTask } from '../tasks/found-task.ts'
import type { AppTasks } from '../tasks/app-tasks.ts'
import type { CancelOutcome, TaskRecord } from '../types.ts'

/** Throws FST_TASKS_NOT_FOUND, FST_TASKS_FINISHED, FST_TASKS_REDIS_UNAVAILABLE. */
export async function cancelTask (
  { registry }: RouteContext, request: IdRequest, reply: FastifyReply
): Promise<FastifyReply> {
  const { id } = request.params
  let task = await registry.findVisible(request, id, queueOf(request))
  const { record: { queue }, life } = task
  const outcome = await registry.cancel(id, queue, async found => {
    await registry.checkVisible(request, id, found)
    task = found
    return found.life === life
  })
  if (outcome === 'unknown') throw new errors.TaskNotFound(id)
  if (outcome === 'finished') throw new errors.TaskFinished(id)
  const { record } = await registry.checkVisible(request, id, await afterCancel(registry, task, outcome))
  return reply.code(outcome === 'requested' ? 202 : 200).send(record)
}

/** The task now. With a short `resultTtl` its record may be gone, and its id may be that of another task. */
async function afterCancel (registry: AppTasks, task: FoundTask, outcome: CancelOutcome): Promise<FoundTask> {
  const now = await registry.find(task.id, task.queue.name)
  if (now?.life === task.life) return now
  return outcome === 'cancelled' ? { ...task, record: cancelledRecord(task.record, registry.clock.now()) } : task
}

const cancelledRecord = (record: TaskRecord, now: number): TaskRecord =>
  ({ ...record, state: 'cancelled', dueAt: null, blockedBy: null, finishedAt: toIsoTime(now) })
