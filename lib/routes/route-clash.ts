/**
 * Names the clash of our routes with a route of the app, whichever comes first.
 */
import type { FastifyInstance, HTTPMethods, RouteOptions } from 'fastify'
import * as errors from '../errors.ts'
import type { RoutesOptions } from '../types.ts'

type Route = [method: HTTPMethods, path: string]

const PARAMETER = /\/:([^/]+)/g

function oursAt (path: string, cancel: boolean | undefined): Route[] {
  const routes: Route[] = [['GET', `${path}/:id`], ['GET', `${path}/:id/events`], ['GET', `${path}/:id/logs`]]
  return cancel ? [...routes, ['DELETE', `${path}/:id`]] : routes
}

/** @param error of Fastify: the app has the route already */
export function routeTaken (error: unknown): unknown {
  const { code, message } = error as { code?: string, message: string }
  if (code !== 'FST_ERR_DUPLICATED_ROUTE') return error
  const [, method, url] = /Method '(\w+)' already declared for route '([^']*)'/.exec(message) ?? []
  return new errors.RouteTaken(method, url, { cause: error })
}

/**
 * For Fastify two paths that differ only in the names of their parameters are two routes, and the first one answers.
 * Throws FST_TASKS_ROUTE_TAKEN if the app has such a route already. Call it before ours are mounted.
 */
export function refuseEarlierRoutes (fastify: FastifyInstance, { cancel, constraints }: RoutesOptions): void {
  if (constraints) return // they may tell the routes apart
  for (const [method, path] of oursAt(fastify.prefix, cancel)) {
    const names = parametersOfRouteAt(fastify, method, path)
    if (names) throw new errors.RouteTaken(method, path.replaceAll(PARAMETER, () => `/:${names.shift()}`))
  }
}

/** Null if the route that answers has other parameters, such as a wildcard: it gives way to ours. */
function parametersOfRouteAt (fastify: FastifyInstance, method: HTTPMethods, path: string): string[] | null {
  const values = [...path.matchAll(PARAMETER)].map(([, name], i) => `${name}-${i}`)
  let next = 0
  const url = path.replaceAll(PARAMETER, () => `/${values[next++]}`)
  const params = Object.entries(fastify.findRoute({ method, url })?.params ?? {})
  const isOurs = ([name, value]: [string, unknown], i: number): boolean => name !== '*' && value === values[i]
  return params.length === values.length && params.every(isOurs) ? params.map(([name]) => name) : null
}

/** A path without the names of its parameters. */
const shapeOf = (url: string): string => url.replaceAll(PARAMETER, '/:')

/** From now on a route of the app on one of our paths throws FST_TASKS_ROUTE_TAKEN. Call it when ours are mounted. */
export function refuseOurRoutes (fastify: FastifyInstance, path: string, { cancel, constraints }: RoutesOptions): void {
  const ours = new Set(oursAt(path, cancel).map(([method, path]) => `${method} ${shapeOf(path)}`))
  fastify.addHook('onRoute', (route: RouteOptions) => {
    if (constraints || Object.keys(route.constraints ?? {}).length > 0) return // they may tell the routes apart
    const taken = [route.method].flat().find(method => ours.has(`${method} ${shapeOf(route.url)}`))
    if (taken) throw new errors.RouteTaken(taken, route.url)
  })
}
