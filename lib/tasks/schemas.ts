/**
 * Layer 0: the schemas of a task, compiled by what the app compiles those of its routes with.
 */
import type { FastifyInstance } from 'fastify'
import * as errors from '../errors.ts'
import { errorFormatterOf, serializerCompilerOf, validatorCompilerOf } from './fastify-compilers.ts'
import type { TaskSchemas } from '../types.ts'

/** As Fastify's validators are: those of Ajv return false and leave `errors`, others return { value } or { error }. */
type Validator = ((data: unknown, place?: object) => unknown) & { errors?: unknown[] | null, schemaEnv?: unknown, $async?: boolean }
type Serializer = (value: unknown) => string

export interface CompiledSchemas {
  /**
   * At enqueue: what is stored. As Ajv changed it in place: coerced, with defaults. What another validator makes of it
   * (zod's transforms) is not JSON, and may not fit the schema a second time: then it is what came.
   */
  validateForEnqueue?: (data: unknown) => unknown
  /** In the worker: what the handler gets, transforms and all. Both throw Fastify's validation error (400). */
  validateForHandler?: (data: unknown) => unknown
  result?: Serializer
  progress?: Serializer
}

/**
 * Compiles when the app is ready, so that a schema that is none fails the boot, or when it is first needed.
 * `$ref` finds what `addSchema` added to the instance.
 * @throws FST_TASKS_SCHEMA_INVALID
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
  const validate = compile('data', schema => validating(instance, task, makeValidator(instance, task, schema)))
  return {
    validateForEnqueue: validate && (data => validate(data).accepted),
    validateForHandler: validate && (data => validate(data).value),
    result: compile('result', schema => makeSerializer(instance, task, schema)),
    progress: compile('progress', schema => makeSerializer(instance, task, schema))
  }
}

function makeValidator (instance: FastifyInstance, task: string, schema: any): Validator {
  const validate = validatorCompilerOf(instance)({ schema, method: 'POST', url: `/${task}`, httpPart: 'body' }) as Validator
  if (validate.$async) throw new Error(ASYNC)
  return validate
}

function makeSerializer (instance: FastifyInstance, task: string, schema: any): Serializer {
  return serializerCompilerOf(instance)({ schema, method: 'GET', url: `/${task}`, httpStatus: '200', contentType: 'application/json' }) as Serializer
}

const ASYNC = 'it validates asynchronously. Take out what is asynchronous, and check that in the handler'

function validating (instance: FastifyInstance, task: string, validate: Validator): (data: unknown) => { accepted: unknown, value: unknown } {
  return data => {
    // Ajv changes a root value only where it has a place.
    const place = { data: data === undefined ? null : data }
    const outcome = run(task, () => validate.schemaEnv ? validate(place.data, { parentData: place, parentDataProperty: 'data' }) : validate(place.data))
    if (outcome === false) throw invalid(instance, validate.errors ?? [])
    if (outcome?.error) throw invalid(instance, outcome.error)
    const value = outcome !== null && typeof outcome === 'object' && 'value' in outcome ? outcome.value : place.data
    return { accepted: place.data, value }
  }
}

/** A validator that throws, instead of telling what is wrong, has a schema that it cannot use (zod's, with JSON Schema). */
function run (task: string, validate: () => unknown): any {
  let outcome: any
  try {
    outcome = validate()
  } catch (error) {
    throw new errors.SchemaInvalid(task, 'data', (error as Error)?.message, { cause: error })
  }
  if (typeof outcome?.then !== 'function') return outcome
  outcome.then(undefined, () => {})
  throw new errors.SchemaInvalid(task, 'data', ASYNC)
}

/** Fastify's validation error: 400, `validation`, `validationContext`. */
function invalid (instance: FastifyInstance, found: any): Error {
  const error: any = found instanceof Error ? found : errorFormatterOf(instance)(found, 'data')
  error.statusCode ||= 400
  error.code ||= 'FST_ERR_VALIDATION'
  error.validationContext ||= 'data'
  return found === error ? error : Object.assign(error, { validation: found })
}
