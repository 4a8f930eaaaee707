/**
 * `DELETE /tasks/:id`: cancels a task. Mounted if the app asks for it.
 */
import type { FastifyReply } from 'fastify'
import * as errors from '../errors.ts'
import { findVisible } from './visible-task.ts'
import type { IdRequest, RouteContext } from './route-context.ts'

/** Throws FST_TASKS_NOT_FOUND, FST_TASKS_FINISHED, FST_TASKS_REDIS_UNAVAILABLE. */
export async function cancelTask (
  { registry }: RouteContext, request: IdRequest, reply: FastifyReply
): Promise<FastifyReply> {
  const { id, queue } = (await findVisible(registry, request)).record
  const outcome = await registry.cancel(id, queue)
  if (outcome === 'unknown') throw new errors.TaskNotFound(id)
  if (outcome === 'finished') throw new errors.TaskFinished(id)
  return reply.code(outcome === 'requested' ? 202 : 200).send((await findVisible(registry, request)).record)
}
