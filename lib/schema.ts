/**
 * Layer 0: the schemas of a task, compiled by what the app compiles those of its routes with.
 */
import type { FastifyInstance } from 'fastify'
import AjvCompiler from '@fastify/ajv-compiler'
import { SerializerSelector } from '@fastify/fast-json-stringify-compiler'
import * as errors from './errors.ts'
import type { TaskSchemas } from './types.ts'

/** As Fastify's validators are: those of Ajv return false and leave `errors`, others return { value } or { error }. */
type Validator = ((data: unknown, place?: object) => unknown) & { errors?: unknown[] | null, schemaEnv?: unknown }
type Serializer = (value: unknown) => string

export interface CompiledSchemas {
  /** The data as the schema has it: coerced, with defaults, changed in place. Throws Fastify's validation error (400). */
  data?: (data: unknown) => unknown
  result?: Serializer
  progress?: Serializer
}

const buildValidator = AjvCompiler()
const buildSerializer = SerializerSelector()

/**
 * Compiles when the app is ready, so that a schema that is none fails the boot, or when it is first needed.
 * `$ref` finds what `addSchema` added to the instance.
 * @throws TASK_SCHEMA_INVALID
 */
export function compileSchemas (instance: FastifyInstance, task: string, schemas: TaskSchemas): CompiledSchemas {
  const compile = <T>(part: keyof TaskSchemas, make: (schema: any) => T): T | undefined => {
    if (schemas[part] === undefined) return undefined
    try {
      return make(schemas[part])
    } catch (error) {
      throw new errors.SchemaInvalid(task, part, (error as Error).message, { cause: error })
    }
  }
  return {
    data: compile('data', schema => validating(makeValidator(instance, task, schema))),
    result: compile('result', schema => makeSerializer(instance, task, schema)),
    progress: compile('progress', schema => makeSerializer(instance, task, schema))
  }
}

/**
 * The instance's own compiler knows the app's Ajv, or is that of zod or TypeBox. It is there once a route has a schema,
 * and may have been made for a parent that lacks this scope's schemas: then Fastify's default serves.
 */
function makeValidator (instance: FastifyInstance, task: string, schema: any): Validator {
  const route = { schema, method: 'POST', url: `/${task}`, httpPart: 'body' }
  const byDefault = (): Validator => buildValidator(instance.getSchemas() as any, { customOptions: {} } as any)(route as any) as Validator
  return orElse(instance.validatorCompiler && (() => instance.validatorCompiler!(route) as Validator), byDefault)
}

function makeSerializer (instance: FastifyInstance, task: string, schema: any): Serializer {
  const route = { schema, method: 'GET', url: `/${task}`, httpStatus: '200', contentType: 'application/json' }
  const byDefault = (): Serializer => buildSerializer(instance.getSchemas(), {} as any)(route as any) as Serializer
  return orElse(instance.serializerCompiler && (() => instance.serializerCompiler!(route) as Serializer), byDefault)
}

function orElse<T> (first: (() => T) | undefined, second: () => T): T {
  if (!first) return second()
  try {
    return first()
  } catch {
    return second()
  }
}

function validating (validate: Validator): (data: unknown) => unknown {
  return data => {
    // Ajv changes a root value only where it has a place.
    const place = { data: data === undefined ? null : data }
    const outcome: any = validate.schemaEnv ? validate(place.data, { parentData: place, parentDataProperty: 'data' }) : validate(place.data)
    if (outcome === false) throw invalid(validate.errors ?? [])
    if (outcome?.error) throw invalid(outcome.error)
    return outcome !== null && typeof outcome === 'object' && 'value' in outcome ? outcome.value : place.data
  }
}

/** Fastify's validation error: 400, `validation`, `validationContext`. */
function invalid (found: unknown): Error {
  const error = found instanceof Error ? found : new Error((found as any[]).map(one => `data${one.instancePath ?? ''} ${one.message}`).join(', '))
  return Object.assign(error, {
    statusCode: (error as any).statusCode ?? 400,
    code: (error as any).code ?? 'FST_ERR_VALIDATION',
    validationContext: 'data',
    ...(found instanceof Error ? {} : { validation: found })
  })
}
