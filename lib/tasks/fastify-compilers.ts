/**
 * The schema compilers and the error formatter of an instance, as its routes use them.
 *
 * Fastify makes the compilers when a route of the scope has a schema: from the app's `ajv` option and its plugins,
 * `addSchema`, `setValidatorCompiler` and so on. A scope may have tasks but no such route, and there is no public way
 * to get the compilers without a request. This does what `request.compileValidationSchema` does. The private keys are
 * found by their descriptions, because the app may have another copy of Fastify than this package.
 */
import type { FastifyInstance, FastifySchemaCompiler, FastifySerializerCompiler, FastifyServerOptions } from 'fastify'

type Errors = Parameters<NonNullable<FastifyServerOptions['schemaErrorFormatter']>>[0]
/** As Fastify's, but `place` is not a part of a request. */
type SchemaErrorFormatter = (errors: Errors, place: string) => Error

interface SchemaController {
  setupValidator (options: object): void
  setupSerializer (options: object): void
  validatorCompiler: FastifySchemaCompiler<any>
  serializerCompiler: FastifySerializerCompiler<any>
}

/** A property that Fastify keeps on an instance, or on one of its parents. */
export function inherited<T> (instance: FastifyInstance, description: string): T | undefined {
  for (let holder: any = instance; holder; holder = Object.getPrototypeOf(holder)) {
    const key = Object.getOwnPropertySymbols(holder).find(symbol => symbol.description === description)
    if (key) return holder[key]
  }
}

function requireInherited<T> (instance: FastifyInstance, description: string): T {
  const found = inherited<T>(instance, description)
  if (found !== undefined) return found
  // Without an error, schemas would silently be compiled in another way than those of routes.
  const problem = `Fastify ${instance.version} has no "${description}" that fastify-tasks knows`
  throw new Error(`${problem}: report it, with both versions`)
}

export function validatorCompilerOf (instance: FastifyInstance): FastifySchemaCompiler<any> {
  const controller = requireInherited<SchemaController>(instance, 'fastify.schemaController')
  controller.setupValidator(requireInherited(instance, 'fastify.options')) // does nothing if it is up to date
  return controller.validatorCompiler
}

export function serializerCompilerOf (instance: FastifyInstance): FastifySerializerCompiler<any> {
  const controller = requireInherited<SchemaController>(instance, 'fastify.schemaController')
  controller.setupSerializer(requireInherited(instance, 'fastify.options'))
  return controller.serializerCompiler
}

/** The app's own formatter (`setSchemaErrorFormatter`), or one that words errors as Fastify does. */
export function errorFormatterOf (instance: FastifyInstance): SchemaErrorFormatter {
  return inherited<SchemaErrorFormatter>(instance, 'fastify.schemaErrorFormatter') ?? defaultErrorFormatter
}

const defaultErrorFormatter: SchemaErrorFormatter = (found, place) =>
  new Error(found.map(({ instancePath, message }) => `${place}${instancePath ?? ''} ${message}`).join(', '))
