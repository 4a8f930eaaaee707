/**
 * What the handlers of the routes share.
 */
import type { FastifyRequest } from 'fastify'
import type { AppTasks } from '../tasks/app-tasks.ts'
import type { OpenWaits } from './open-waits.ts'

export type IdRequest = FastifyRequest<{ Params: { id: string }, Querystring: { queue?: unknown } }>

/**
 * The queue that the request names. If it names several, none is meant: then no queue has this name, and no task is
 * found.
 */
export function queueOf ({ query: { queue } }: IdRequest): string | undefined {
  return queue === undefined || typeof queue === 'string' ? queue : ''
}

export interface RouteContext {
  readonly registry: AppTasks
  /** Aborted when the app starts to close. The close waits for open requests: they have to end then. */
  readonly closing: AbortSignal
  /** The long polls and event streams that are open. */
  readonly waits: OpenWaits
}
