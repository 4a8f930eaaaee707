/**
 * The schema compilers of the routes. Our schemas need none of the app's: its compilers may be zod's, which take no
 * JSON Schema. What a hook of the app adds to the routes is compiled as in its own routes.
 */
import { SerializerSelector } from '@fastify/fast-json-stringify-compiler'
import type { FastifyInstance } from 'fastify'
import { isOurs, logsAnswer, recordSchema } from './schemas.ts'
import { serializerCompilerOf, validatorCompilerOf } from '../tasks/fastify-compilers.ts'

type Serialize = (payload: any) => string

const compileOurs = SerializerSelector()({}, {}) as (route: any) => Serialize

interface Compilers { validatorCompiler: (route: any) => any, serializerCompiler: (route: any) => Serialize }

export const compilersOf = (scope: FastifyInstance): Compilers => ({
  // An id needs no validation.
  validatorCompiler: route => isOurs(route.schema) ? () => true : validatorCompilerOf(scope)(route),
  serializerCompiler (route) {
    const { schema } = route
    if (!isOurs(schema)) return serializerCompilerOf(scope)(route)
    const serialize = compileOurs(route)
    // A preSerialization hook may have put the answer into an envelope, added to it, or taken from it.
    const isKnown = schema === recordSchema || schema === logsAnswer ? (payload: any) => fits(payload, schema) : isError
    return payload => isKnown(payload) ? serialize(payload) : JSON.stringify(payload)
  }
})

/** Fastify's own answer to an error. What the app's error handler has made instead may have other types. */
const isError = (payload: unknown): boolean => payload instanceof Error

/** Whether it has all properties that the schema requires, and no other than those of the schema. */
function fits (payload: any, { properties, required }: { properties: object, required: string[] }): boolean {
  if (typeof payload !== 'object' || payload === null) return false
  let present = 0
  for (const key in payload) {
    if (!Object.hasOwn(properties, key)) return false
    if (key !== 'data' && payload[key] !== undefined) present++ // the data is not required
  }
  return present === required.length
}
