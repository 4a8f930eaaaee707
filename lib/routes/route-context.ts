/**
 * What the handlers of the routes share.
 */
import type { FastifyRequest } from 'fastify'
import type { AppTasks } from '../tasks/app-tasks.ts'

export type IdRequest = FastifyRequest<{ Params: { id: string } }>

export interface RouteContext {
  readonly registry: AppTasks
  /** Aborted when the app starts to close. The close waits for open requests: they have to end then. */
  readonly closing: AbortSignal
}
