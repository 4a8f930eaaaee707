/**
 * `DELETE /tasks/:id`: cancels a task. Mounted if the app asks for it.
 */
import type { FastifyReply } from 'fastify'
import * as errors from '../errors.ts'
import { queueOf, type IdRequest, type RouteContext } from './route-context.ts'

/** Throws FST_TASKS_NOT_FOUND, FST_TASKS_FINISHED, FST_TASKS_REDIS_UNAVAILABLE. */
export async function cancelTask (
  { registry }: RouteContext, request: IdRequest, reply: FastifyReply
): Promise<FastifyReply> {
  const { id } = request.params
  const { record: { queue }, life } = await registry.findVisible(request, id, queueOf(request))
  const outcome = await registry.cancel(id, queue, async found => {
    await registry.checkVisible(request, id, found)
    return found.life === life
  })
  if (outcome === 'unknown') throw new errors.TaskNotFound(id)
  if (outcome === 'finished') throw new errors.TaskFinished(id)
  const { record } = await registry.findVisible(request, id, queue)
  return reply.code(outcome === 'requested' ? 202 : 200).send(record)
}
