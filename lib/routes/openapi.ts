/**
 * Layer 3: what @fastify/swagger writes of the routes: the record of each task, with its schemas as the types of its result,
 * its progress and (where it is exposed) its data. Made when the document is asked for: by then all tasks are defined.
 *
 * For the document only: the routes keep one simple schema. It stands in the routes' own `swaggerTransform`, so that the
 * app's `transform`, which may be zod's, meets no schema of ours. Names with an `$id` become components.
 */
import { recordSchema } from './schemas.ts'
import type { Definition } from '../tasks/definition.ts'
import type { TaskRegistry } from '../tasks/registry.ts'
import type { TaskSchemas } from '../types.ts'

interface Asked { schema: any, url: string, openapiObject?: { openapi: string } }

/** For the document only: what a route reads, and what its answers have, beside their bodies. */
interface Headers { request?: object, response: Record<number, object> }

export function documenting (registry: TaskRegistry, headers: Headers): (asked: Asked) => { schema: object, url: string } {
  return ({ schema, url, openapiObject }) => {
    if (!openapiObject || !schema) return { schema, url } // Swagger 2 has no way to tell tasks apart
    const record = { 'x-response-description': recordSchema.description, ...anyRecord(registry, openapiObject.openapi) }
    const answers = Object.entries<object>(schema.response ?? {}).map(([code, answer]) =>
      [code, { ...(answer === recordSchema ? record : answer), ...(headers.response[Number(code)] && { headers: headers.response[Number(code)] }) }])
    const request = headers.request && { headers: { type: 'object', properties: headers.request } }
    return { schema: { ...schema, ...request, response: Object.fromEntries(answers) }, url }
  }
}

/** That of any task, or, with the name that tells them apart, of one whose schemas say more. */
function anyRecord ({ settings: { name }, definitions }: TaskRegistry, version: string): { anyOf: object[] } {
  const base = { $id: `${name}.record`, ...recordSchema }
  const ids = new Set<string>()
  const typed = [...definitions.values()].filter(({ options: { schema, expose } }) => schema?.result ?? schema?.progress ?? (expose && schema?.data))
  const records = typed.map(definition => {
    // A component's name has no colon.
    let id = definition.name.replaceAll(':', '-')
    while (ids.has(id)) id += '-'
    ids.add(id)
    return taskRecord(name, id, definition, version)
  })
  return { anyOf: [...records, base] }
}

function taskRecord (name: string, id: string, { name: task, options: { schema = {}, expose } }: Definition, version: string): object {
  const part = (of: keyof TaskSchemas): object => ({ [of]: { anyOf: [component(`${name}.${of}.${id}`, schema[of], version), { type: 'null' }] } })
  const properties = {
    name: { type: 'string', enum: [task] },
    ...(schema.result !== undefined && part('result')),
    ...(schema.progress !== undefined && part('progress')),
    ...(schema.data !== undefined && expose?.includes('data') && part('data'))
  }
  return { $id: `${name}.record.${id}`, allOf: [{ $ref: `${name}.record#` }, { type: 'object', properties }] }
}

/** The app's schema under an `$id`, to which its local references are bound: elsewhere `#` is the whole document. */
function component (id: string, schema: unknown, version: string): object {
  const json = jsonSchemaOf(schema, version)
  if (typeof json === 'boolean' || (typeof json.$ref === 'string' && !json.$ref.startsWith('#'))) return json as object
  return bind({ $id: id, ...json }, id)
}

/** Of zod and its like as they tell it themselves (Standard JSON Schema), as it is in JSON; anything where they cannot. */
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

function bind (node: any, base: string): any {
  if (Array.isArray(node)) return node.map(one => bind(one, base))
  if (typeof node !== 'object' || node === null) return node
  const within = typeof node.$id === 'string' && !node.$id.startsWith('#') ? node.$id.replace(/#$/, '') : base
  return Object.fromEntries(Object.entries(node).map(([key, value]) =>
    [key, key === '$ref' && typeof value === 'string' && value.startsWith('#') ? within + value : bind(value, within)]))
}
