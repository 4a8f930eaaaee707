/**
 * The schema compilers of the routes. Our schemas need none of the app's: its compilers may be zod's, which take no
 * JSON Schema. What a hook of the app adds to the routes is compiled as in its own routes.
 */
import type { FastifyInstance } from 'fastify'
import { isOurs } from './schemas.ts'
import { serializerCompilerOf, validatorCompilerOf } from '../tasks/fastify-compilers.ts'

interface Compilers {
  validatorCompiler: (route: any) => any
  serializerCompiler: (route: any) => (payload: any) => string
}

export const compilersOf = (scope: FastifyInstance): Compilers => ({
  // An id needs no validation.
  validatorCompiler: route => isOurs(route.schema) ? () => true : validatorCompilerOf(scope)(route),
  serializerCompiler (route) {
    const { schema } = route
    if (!isOurs(schema)) return serializerCompilerOf(scope)(route)
    // What a preSerialization hook or the error handler of the app has made is sent as it is, whatever its types.
    return payload => JSON.stringify(payload instanceof Error ? partOf(payload, schema) : payload)
  }
})

/** What Fastify answers to an error if the app has no error handler: of the error only what the schema names. */
const partOf = (error: object, { properties }: { properties: object }): object =>
  Object.fromEntries(Object.keys(properties).map(key => [key, (error as Record<string, unknown>)[key]]))
