/**
 * Mounts the routes: `GET /tasks/:id`, `GET /tasks/:id/events`, and `DELETE /tasks/:id` if the app asks for it.
 */
import { fastifySSE } from '@fastify/sse'
import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { cancelTask } from './cancel.ts'
import { streamEvents } from './events.ts'
import { swaggerTransform, type DocumentedHeaders } from './openapi.ts'
import * as schemas from './schemas.ts'
import { getStatus } from './status.ts'
import type { IdRequest, RouteContext } from './route-context.ts'
import type { AppTasks } from '../tasks/app-tasks.ts'
import type { RoutesOptions } from '../types.ts'

/** How often an open stream gets a comment, so that proxies keep it open, in ms. */
const HEARTBEAT_MS = 15_000

/** The routes of one registry, for `fastify.register(routes, { prefix })`. */
export function makeRoutes (registry: AppTasks, options: RoutesOptions): FastifyPluginAsync {
  return async function taskRoutes (fastify) {
    registry.path = fastify.prefix
    const context: RouteContext = { registry, closing: registry.closing }
    fastify.addHook('onRequest', (_request, reply, done) => {
      reply.header('cache-control', 'no-store')
      done()
    })
    await fastify.register(fastifySSE, { heartbeatInterval: HEARTBEAT_MS })
    mount(fastify, context, options)
  }
}

function mount (fastify: FastifyInstance, context: RouteContext, options: RoutesOptions): void {
  const { statusSchema, statusHeaders, eventsSchema, eventsHeaders, cancelSchema, cancelHeaders } = schemas
  const shared = (headers: DocumentedHeaders): object => sharedOptions(fastify, context.registry, options, headers)
  fastify.get('/:id', { ...shared(statusHeaders), schema: statusSchema },
    (request: IdRequest, reply) => getStatus(context, request, reply))
  fastify.get('/:id/events', { ...shared(eventsHeaders), schema: eventsSchema, sse: 'only', exposeHeadRoute: false },
    (request: IdRequest, reply) => streamEvents(context, request, reply))
  if (!options.cancel) return
  fastify.delete('/:id', { ...shared(cancelHeaders), schema: cancelSchema },
    (request: IdRequest, reply) => cancelTask(context, request, reply))
}

/** The options that all routes have, in objects of their own for each route: plugins push into the arrays. */
function sharedOptions (
  fastify: FastifyInstance, registry: AppTasks, { onRequest, preHandler }: RoutesOptions, headers: DocumentedHeaders
): object {
  return {
    onRequest: [onRequest ?? []].flat(),
    preHandler: [preHandler ?? []].flat(),
    // Looked up for each error: the app may set its error handler after this plugin.
    errorHandler: (error: any, request: FastifyRequest, reply: FastifyReply) =>
      fastify.errorHandler(error, request, reply),
    ...schemas.compilers,
    config: { swaggerTransform: swaggerTransform(registry, headers) }
  }
}
