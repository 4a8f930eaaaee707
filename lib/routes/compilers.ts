/**
 * The schema compilers of the routes. Our schemas need none of the app's: its compilers may be zod's, which take no
 * JSON Schema. What a hook of the app adds to the routes is compiled as in its own routes.
 */
import { SerializerSelector } from '@fastify/fast-json-stringify-compiler'
import type { FastifyInstance } from 'fastify'
import { isOurs, recordSchema } from './schemas.ts'
import { serializerCompilerOf, validatorCompilerOf } from '../tasks/fastify-compilers.ts'

type Serialize = (payload: any) => string

const compileOurs = SerializerSelector()({}, {}) as (route: any) => Serialize

interface Compilers { validatorCompiler: (route: any) => any, serializerCompiler: (route: any) => Serialize }

export const compilersOf = (scope: FastifyInstance): Compilers => ({
  // An id needs no validation.
  validatorCompiler: route => isOurs(route.schema) ? () => true : validatorCompilerOf(scope)(route),
  serializerCompiler (route) {
    if (!isOurs(route.schema)) return serializerCompilerOf(scope)(route)
    const serialize = compileOurs(route)
    // A preSerialization hook may have put the record into an envelope, or added to it.
    return route.schema === recordSchema
      ? payload => isRecord(payload) ? serialize(payload) : JSON.stringify(payload)
      : serialize
  }
})

/** Whether it has the properties of a record, and no other. */
function isRecord (payload: any): boolean {
  if (typeof payload?.id !== 'string') return false
  for (const key in payload) if (!Object.hasOwn(recordSchema.properties, key)) return false
  return true
}
