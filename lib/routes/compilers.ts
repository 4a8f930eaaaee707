/**
 * The schema compilers of the routes. Our schemas need none of the app's: its compilers may be zod's, which take no
 * JSON Schema. What a hook of the app adds to the routes is compiled as in its own routes.
 */
import { SerializerSelector } from '@fastify/fast-json-stringify-compiler'
import type { FastifyInstance } from 'fastify'
import { isOurs } from './schemas.ts'
import { serializerCompilerOf, validatorCompilerOf } from '../tasks/fastify-compilers.ts'

type Serialize = (payload: any) => string

const compile = SerializerSelector()({}, {}) as (route: any) => Serialize
const compiled = new Map<unknown, Serialize>()

/** Once for all apps of the process: what the compiler makes is kept for ever, some 80 kB for an app. */
function compileOurs (route: { schema: unknown }): Serialize {
  const known = compiled.get(route.schema) ?? compile(route)
  compiled.set(route.schema, known)
  return known
}

interface Compilers { validatorCompiler: (route: any) => any, serializerCompiler: (route: any) => Serialize }

export const compilersOf = (scope: FastifyInstance): Compilers => ({
  // An id needs no validation.
  validatorCompiler: route => isOurs(route.schema) ? () => true : validatorCompilerOf(scope)(route),
  serializerCompiler (route) {
    const { schema } = route
    if (!isOurs(schema)) return serializerCompilerOf(scope)(route)
    const serialize = compileOurs(route)
    // What a preSerialization hook or the error handler of the app has made is sent as it is, whatever its types. Only
    // Fastify's own answer to an error needs the schema. JSON.stringify is as fast.
    return payload => payload instanceof Error ? serialize(payload) : JSON.stringify(payload)
  }
})
