/**
 * Mounts the routes: `GET /tasks/:id`, `GET /tasks/:id/events`, `GET /tasks/:id/logs`, and `DELETE /tasks/:id` if the
 * app asks for it.
 */
import { fastifySSE } from '@fastify/sse'
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import { cancelTask } from './cancel.ts'
import { compilersOf } from './compilers.ts'
import { followErrorHandler } from './error-handler.ts'
import { refuseEarlierRoutes, routeTaken } from './route-clash.ts'
import { OpenWaits } from './open-waits.ts'
import { streamEvents } from './events.ts'
import { swaggerTransform, thenOfApp, type DocumentedHeaders } from './openapi.ts'
import * as schemas from './schemas.ts'
import { getLogs } from './logs.ts'
import { getStatus } from './status.ts'
import { MAX_TIMER, type RoutesSettings } from '../options.ts'
import type { IdRequest, RouteContext } from './route-context.ts'
import type { AppTasks } from '../tasks/app-tasks.ts'
import { withoutParams } from '../tasks/route-path.ts'

/** How often an open stream gets a comment, so that proxies keep it open, in ms. */
const HEARTBEAT_MS = 15_000
/** The longest poll, and some time to answer. */
const LONGEST_POLL_MS = 90_000

/**
 * We look at the Accept header: @fastify/sse would answer for itself, past the app's error handler. If the app has
 * registered it too, the serializer of the app is for the app's own events.
 */
const STREAM = { kind: 'manual', serializer: JSON.stringify } as const

/** The routes of one registry, for `fastify.register(routes, { prefix })`. */
export function makeRoutes (registry: AppTasks, options: RoutesSettings): FastifyPluginAsync {
  return async function taskRoutes (fastify) {
    registry.path = withoutParams(options.publicBase ?? '') + fastify.prefix
    const context: RouteContext = { registry, closing: registry.closing, waits: new OpenWaits(options) }
    fastify.addHook('onRequest', (_request, reply, done) => {
      reply.header('cache-control', 'no-store')
      done()
    })
    followErrorHandler(fastify)
    ignoreBodies(fastify)
    refuseEarlierRoutes(fastify, options)
    await fastify.register(fastifySSE, { heartbeatInterval: HEARTBEAT_MS })
    try {
      mount(fastify, context, options)
    } catch (error) {
      throw routeTaken(error)
    }
  }
}

/** No route reads a body. Clients send a Content-Type with a DELETE, and no body: Fastify would answer 400. */
function ignoreBodies (fastify: FastifyInstance): void {
  fastify.removeAllContentTypeParsers()
  fastify.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, _body, done) => done(null))
}

function mount (fastify: FastifyInstance, context: RouteContext, options: RoutesSettings): void {
  const { statusSchema, statusHeaders, eventsSchema, eventsHeaders, logsSchema, logsHeaders, copyOf } = schemas
  const { cancelSchema, cancelHeaders } = schemas
  const shared = (headers: DocumentedHeaders): object => sharedOptions(fastify, context.registry, options, headers)
  fastify.get('/:id', { ...shared(statusHeaders), schema: copyOf(statusSchema), ...atLeast(fastify, LONGEST_POLL_MS) },
    (request: IdRequest, reply) => getStatus(context, request, reply))
  const stream = { sse: STREAM, exposeHeadRoute: false, ...atLeast(fastify, MAX_TIMER) }
  fastify.get('/:id/events', { ...shared(eventsHeaders), schema: copyOf(eventsSchema), ...stream },
    (request: IdRequest, reply) => streamEvents(context, request, reply))
  fastify.get('/:id/logs', { ...shared(logsHeaders), schema: copyOf(logsSchema) },
    (request: IdRequest) => getLogs(context, request))
  if (!options.cancel) return
  fastify.delete('/:id', { ...shared(cancelHeaders), schema: copyOf(cancelSchema) },
    (request: IdRequest, reply) => cancelTask(context, request, reply))
}

/** The route has at least so many ms, if the app has set a handlerTimeout for all routes. */
function atLeast ({ initialConfig }: FastifyInstance, ms: number): { handlerTimeout?: number } {
  const { handlerTimeout = 0 } = initialConfig as { handlerTimeout?: number }
  return handlerTimeout > 0 && handlerTimeout < ms ? { handlerTimeout: ms } : {}
}

/**
 * The options that all routes have, in objects of their own for each route: plugins push into the arrays. The Ajv of
 * @fastify/response-validation may know neither the formats nor the keywords of our schemas.
 */
function sharedOptions (
  fastify: FastifyInstance, registry: AppTasks, options: RoutesSettings, headers: DocumentedHeaders
): object {
  const { onRequest, preHandler, logLevel, config, constraints } = options
  return {
    onRequest: [onRequest ?? []].flat(),
    preHandler: [preHandler ?? []].flat(),
    ...compilersOf(fastify),
    responseValidation: false,
    ...(logLevel && { logLevel }),
    ...(constraints && { constraints: { ...constraints } }),
    config: { ...config, swaggerTransform: thenOfApp(swaggerTransform(registry, headers), config) }
  }
}
