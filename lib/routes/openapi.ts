/**
 * What @fastify/swagger writes about the routes: the record of each task, with the task's schemas as the types of its
 * result, its progress and (if it is exposed) its data. Made when the document is requested: by then all tasks are
 * defined.
 *
 * For the document only: the routes themselves have one simple schema. The transform is an option of each route, so
 * that the app's own `transform` (zod's, for example) gets no schema of ours. Schemas with an `$id` become components.
 */
import { recordSchema } from './schemas.ts'
import type { Definition } from '../tasks/definition.ts'
import type { AppTasks } from '../tasks/app-tasks.ts'
import type { TaskSchemas } from '../types.ts'

interface TransformInput { schema: any, url: string, openapiObject?: { openapi: string } }

type SwaggerTransform = (input: TransformInput) => { schema: object, url: string }

/** The headers that a route reads, and those of its responses by their code. Only the document has them. */
export interface DocumentedHeaders { request?: object, response: Record<number, object> }

/** The `swaggerTransform` of a route. */
export function swaggerTransform (registry: AppTasks, headers: DocumentedHeaders): SwaggerTransform {
  return ({ schema, url, openapiObject }) => {
    if (!openapiObject || !schema) return { schema, url } // Swagger 2 cannot distinguish the tasks
    const anyRecord = anyRecordSchema(registry, openapiObject.openapi)
    const record = { 'x-response-description': recordSchema.description, ...anyRecord }
    const responses = Object.entries<object>(schema.response ?? {}).map(([code, response]) => {
      const responseHeaders = headers.response[Number(code)]
      const documented = response === recordSchema ? record : response
      return [code, { ...documented, ...(responseHeaders && { headers: responseHeaders }) }]
    })
    const request = headers.request && { headers: { type: 'object', properties: headers.request } }
    return { schema: { ...schema, ...request, response: Object.fromEntries(responses) }, url }
  }
}

/** The app's own `swaggerTransform` of these routes gets what ours made of the schema. False turns both off. */
export function thenOfApp (ours: SwaggerTransform, config: { swaggerTransform?: unknown } = {}): unknown {
  const { swaggerTransform: theirs = ours } = config
  if (typeof theirs !== 'function' || theirs === ours) return theirs
  return (input: TransformInput) => theirs({ ...input, ...ours(input) })
}

/** The record of any task: one schema for each task that has schemas, and the general one. */
function anyRecordSchema ({ settings: { name }, definitions }: AppTasks, version: string): { anyOf: object[] } {
  const general = { $id: `${name}.record`, ...recordSchema }
  const ids = new Set<string>()
  const records = [...definitions.values()].filter(hasOwnTypes).map(definition => {
    const id = uniqueId(definition.name, ids)
    ids.add(id)
    return taskRecordSchema(name, id, definition, version)
  })
  return { anyOf: [...records, general] }
}

const hasOwnTypes = ({ options: { schema, expose } }: Definition): unknown =>
  schema?.result ?? schema?.progress ?? (expose && schema?.data)

/** The name of a component must not have a colon. */
function uniqueId (task: string, taken: Set<string>): string {
  let id = task.replaceAll(':', '-')
  while (taken.has(id)) id += '-'
  return id
}

function taskRecordSchema (
  name: string, id: string, { name: task, options: { schema = {}, expose } }: Definition, version: string
): object {
  const part = (key: keyof TaskSchemas): object =>
    ({ [key]: { anyOf: [component(`${name}.${key}.${id}`, schema[key], version), { type: 'null' }] } })
  const properties = {
    name: { type: 'string', enum: [task] },
    ...(schema.result !== undefined && part('result')),
    ...(schema.progress !== undefined && part('progress')),
    ...(schema.data !== undefined && expose?.includes('data') && part('data'))
  }
  return { $id: `${name}.record.${id}`, allOf: [{ $ref: `${name}.record#` }, { type: 'object', properties }] }
}

/** The app's schema with an `$id`, to which local references are bound: in the document `#` is the whole document. */
function component (id: string, schema: unknown, version: string): object {
  const json = jsonSchemaOf(schema, version)
  if (typeof json === 'boolean' || (typeof json.$ref === 'string' && !json.$ref.startsWith('#'))) return json as object
  return bindReferences({ $id: id, ...json }, id)
}

/** Zod and its like convert their own schemas (Standard JSON Schema). What they cannot convert is any JSON. */
function jsonSchemaOf (schema: any, version: string): any {
  const standard = schema['~standard']
  if (standard === undefined) return schema
  try {
    const target = version.startsWith('3.0') ? 'openapi-3.0' : 'draft-2020-12'
    const { $schema, ...json } = standard.jsonSchema.input({ target, libraryOptions: { unrepresentable: 'any' } })
    return json
  } catch {
    return {}
  }
}

function bindReferences (node: any, base: string): any {
  if (Array.isArray(node)) return node.map(item => bindReferences(item, base))
  if (typeof node !== 'object' || node === null) return node
  const ownId = typeof node.$id === 'string' && !node.$id.startsWith('#')
  const inner = ownId ? node.$id.replace(/#$/, '') : base
  return Object.fromEntries(Object.entries(node).map(([key, value]) => {
    const isLocal = key === '$ref' && typeof value === 'string' && value.startsWith('#')
    return [key, isLocal ? inner + value : bindReferences(value, inner)]
  }))
}
