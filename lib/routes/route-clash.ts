/**
 * Names the clash of our routes with a route of the app, whichever comes first.
 */
import type { FastifyInstance, RouteOptions } from 'fastify'
import * as errors from '../errors.ts'
import type { RoutesOptions } from '../types.ts'

/** @param error of Fastify: the app has the route already */
export function routeTaken (error: unknown): unknown {
  const { code, message } = error as { code?: string, message: string }
  if (code !== 'FST_ERR_DUPLICATED_ROUTE') return error
  const [, method, url] = /Method '(\w+)' already declared for route '([^']*)'/.exec(message) ?? []
  return new errors.RouteTaken(method, url, { cause: error })
}

/** A path without the names of its parameters. */
const shapeOf = (url: string): string => url.replaceAll(/\/:[^/]+/g, '/:')

/** From now on a route of the app on one of our paths throws FST_TASKS_ROUTE_TAKEN. Call it when ours are mounted. */
export function refuseOurRoutes (fastify: FastifyInstance, path: string, { cancel, constraints }: RoutesOptions): void {
  const ours = new Set([`GET ${path}/:`, `GET ${path}/:/events`, ...(cancel ? [`DELETE ${path}/:`] : [])].map(shapeOf))
  fastify.addHook('onRoute', (route: RouteOptions) => {
    if (constraints || Object.keys(route.constraints ?? {}).length > 0) return // they may tell the routes apart
    const taken = [route.method].flat().find(method => ours.has(`${method} ${shapeOf(route.url)}`))
    if (taken) throw new errors.RouteTaken(taken, route.url)
  })
}
