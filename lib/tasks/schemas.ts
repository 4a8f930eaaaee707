/**
 * The schemas of a task, compiled with the compilers that the app uses for the schemas of its routes.
 */
import type { FastifyInstance } from 'fastify'
import * as errors from '../errors.ts'
import { errorFormatterOf, serializerCompilerOf, validatorCompilerOf } from './fastify-compilers.ts'
import type { TaskSchemas } from '../types.ts'

/** As Fastify's validators: those of Ajv return false and set `errors`, others return { value } or { error }. */
interface Validator {
  (data: unknown, place?: object): unknown
  errors?: unknown[] | null
  /** Ajv's. */
  schemaEnv?: unknown
  $async?: boolean
}
type Serializer = (value: unknown) => string

export interface CompiledSchemas {
  /**
   * Validates at enqueue, and returns the data to store. Ajv changes data in place (coercion, defaults): then it is the
   * changed data. Another validator returns a new value (zod's transforms), which may not be JSON and may not fit the
   * schema a second time: then it is the data as it came. Throws Fastify's validation error (400).
   */
  validateForEnqueue?: (data: unknown) => unknown
  /** Validates in the worker, and returns the data for the handler, with transforms. Throws the same. */
  validateForHandler?: (data: unknown) => unknown
  result?: Serializer
  progress?: Serializer
  /** Validates what came before the task in a flow, and returns it for the handler. Throws the same. */
  validatePrevious?: (previous: unknown) => unknown
}

/**
 * `$ref` finds the schemas that `addSchema` added to the instance.
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
  const validator = (part: Validated): Validate | undefined =>
    compile(part, schema => makeValidate(instance, task, makeValidator(instance, task, schema), part))
  const validate = validator('data')
  const previous = validator('previous')
  return {
    validatePrevious: previous && (value => previous(value).forHandler),
    validateForEnqueue: validate && (data => validate(data).toStore),
    validateForHandler: validate && (data => validate(data).forHandler),
    result: compile('result', schema => makeSerializer(instance, task, schema)),
    progress: compile('progress', schema => makeSerializer(instance, task, schema))
  }
}

function makeValidator (instance: FastifyInstance, task: string, schema: any): Validator {
  const compile = validatorCompilerOf(instance)
  const validate = compile({ schema, method: 'POST', url: `/${task}`, httpPart: 'body' }) as Validator
  if (validate.$async) throw new Error(ASYNC)
  return validate
}

function makeSerializer (instance: FastifyInstance, task: string, schema: any): Serializer {
  const route = { method: 'GET', url: `/${task}`, httpStatus: '200', contentType: 'application/json' }
  return serializerCompilerOf(instance)({ schema, ...route }) as Serializer
}

const ASYNC = 'it validates asynchronously. Remove its asynchronous part, and check that in the handler'

type Validate = (data: unknown) => { toStore: unknown, forHandler: unknown }
/** What a schema validates: the errors name it. */
type Validated = 'data' | 'previous'

function makeValidate (instance: FastifyInstance, task: string, validator: Validator, part: Validated): Validate {
  return data => {
    // Ajv replaces a value only inside of a parent, the top level included.
    const place = { data: data === undefined ? null : data }
    const context = validator.schemaEnv ? { parentData: place, parentDataProperty: 'data' } : undefined
    const outcome = run(task, part, () => context ? validator(place.data, context) : validator(place.data))
    if (outcome === false) throw validationError(instance, validator.errors ?? [], part)
    if (outcome?.error) throw validationError(instance, outcome.error, part)
    const hasValue = outcome !== null && typeof outcome === 'object' && 'value' in outcome
    return { toStore: place.data, forHandler: hasValue ? outcome.value : place.data }
  }
}

/** A validator that throws cannot use its schema (zod's validator with a JSON Schema). */
function run (task: string, part: Validated, validate: () => unknown): any {
  let outcome: any
  try {
    outcome = validate()
  } catch (error) {
    throw new errors.SchemaInvalid(task, part, (error as Error)?.message, { cause: error })
  }
  if (typeof outcome?.then !== 'function') return outcome
  outcome.then(undefined, () => {})
  throw new errors.SchemaInvalid(task, part, ASYNC)
}

/** Fastify's validation error: 400, `validation`, `validationContext`. */
function validationError (instance: FastifyInstance, found: any, part: Validated): Error {
  const error: any = found instanceof Error ? found : errorFormatterOf(instance)(found, part)
  error.statusCode ||= 400
  error.code ||= 'FST_ERR_VALIDATION'
  error.validationContext ||= part
  return found === error ? error : Object.assign(error, { validation: found })
}
