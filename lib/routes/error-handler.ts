/**
 * The routes have the error handler that the app has in the end, also if it is set after the plugin.
 *
 * Fastify gives a scope the handler of its parent when the scope is made, with the handlers that come next if this one
 * throws. A handler of ours that only called the app's would let the same handler run twice then.
 */
import type { FastifyInstance } from 'fastify'
import { inherited } from '../tasks/fastify-compilers.ts'

const HANDLER = 'fastify.errorHandler'

/** Call it in a scope of its own, before its routes are added. */
export function followErrorHandler (scope: FastifyInstance): void {
  const parent = Object.getPrototypeOf(scope) as FastifyInstance
  scope.setErrorHandler((error: any, request, reply) => parent.errorHandler(error, request, reply))
  const own = inherited<object>(scope, HANDLER)
  scope.addHook('onReady', async () => {
    const followed = inherited<object>(parent, HANDLER)
    if (own && followed) Object.setPrototypeOf(own, Object.getPrototypeOf(followed))
  })
}
