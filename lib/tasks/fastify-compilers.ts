/**
 * Layer 0: the schema compilers and the error formatter that routes of an instance have, for what is not a route.
 *
 * Fastify makes them once a route of the scope has a schema: from the app's `ajv` option and its plugins, `addSchema`,
 * `setValidatorCompiler` and the like. A scope may have tasks and no such route, and there is no public way to ask
 * without a request: this does what `request.compileValidationSchema` does. The keys are found by their descriptions,
 * since the app may have another copy of Fastify than this package.
 */
import type { FastifyInstance, FastifySchemaCompiler, FastifySerializerCompiler, FastifyServerOptions } from 'fastify'

type Errors = Parameters<NonNullable<FastifyServerOptions['schemaErrorFormatter']>>[0]
/** Of Fastify's, with a place that is no part of a request. */
type SchemaErrorFormatter = (errors: Errors, place: string) => Error

interface SchemaController {
  setupValidator (options: object): void
  setupSerializer (options: object): void
  validatorCompiler: FastifySchemaCompiler<any>
  serializerCompiler: FastifySerializerCompiler<any>
}

/** Something that Fastify keeps on an instance, or on one of its parents. */
function inherited<T> (instance: FastifyInstance, description: string): T | undefined {
  for (let holder: any = instance; holder; holder = Object.getPrototypeOf(holder)) {
    const key = Object.getOwnPropertySymbols(holder).find(symbol => symbol.description === description)
    if (key) return holder[key]
  }
}

function requireInherited<T> (instance: FastifyInstance, description: string): T {
  const found = inherited<T>(instance, description)
  // Without it schemas would be compiled otherwise than those of routes, and nobody would know.
  if (found === undefined) throw new Error(`Fastify ${instance.version} has no "${description}" that fastify-tasks knows: report it, with both versions`)
  return found
}

export function validatorCompilerOf (instance: FastifyInstance): FastifySchemaCompiler<any> {
  const controller = requireInherited<SchemaController>(instance, 'fastify.schemaController')
  controller.setupValidator(requireInherited(instance, 'fastify.options')) // nothing, where it is up to date
  return controller.validatorCompiler
}

export function serializerCompilerOf (instance: FastifyInstance): FastifySerializerCompiler<any> {
  const controller = requireInherited<SchemaController>(instance, 'fastify.schemaController')
  controller.setupSerializer(requireInherited(instance, 'fastify.options'))
  return controller.serializerCompiler
}

/** The app's own (`setSchemaErrorFormatter`), or as Fastify words it. */
export function errorFormatterOf (instance: FastifyInstance): SchemaErrorFormatter {
  return inherited<SchemaErrorFormatter>(instance, 'fastify.schemaErrorFormatter') ?? defaultErrorFormatter
}

const defaultErrorFormatter: SchemaErrorFormatter = (found, place) => new Error(found.map(one => `${place}${one.instancePath ?? ''} ${one.message}`).join(', '))
