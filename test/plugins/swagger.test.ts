import AjvCompiler from '@fastify/ajv-compiler'
import swagger from '@fastify/swagger'
import { Type, TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox'
import { Validator } from '@seriousme/openapi-schema-validator'
import Fastify, { type FastifyInstance } from 'fastify'
import {
  jsonSchemaTransform, jsonSchemaTransformObject, serializerCompiler, validatorCompiler
} from 'fastify-type-provider-zod'
import t, { type Test } from 'tap'
import { z } from 'zod'
import tasks from '../../lib/plugin.ts'
import type { TasksOptions } from '../../lib/types.ts'
import { errorOf, randomPrefix, reaches, REDIS_URL } from '../support/helpers.ts'

interface Setup { swagger?: object, openapi?: string, tasks?: TasksOptions, before?: (app: FastifyInstance) => unknown }

async function build (t: Test, setup: Setup, define: (app: FastifyInstance) => unknown): Promise<FastifyInstance> {
  const app: FastifyInstance = Fastify()
  t.teardown(() => app.close())
  await setup.before?.(app)
  await app.register(swagger, {
    openapi: { openapi: setup.openapi ?? '3.1.0', info: { title: 'Test', version: '1' } }, ...setup.swagger
  })
  await app.register(tasks, { prefix: randomPrefix(), redis: REDIS_URL, routes: { cancel: true }, ...setup.tasks })
  await define(app)
  await app.ready()
  return app
}

/** The document, once a validator of OpenAPI has found nothing wrong with it; also with all references resolved. */
async function valid (t: Test, app: FastifyInstance): Promise<{ document: any, resolved: any }> {
  const document: any = JSON.parse(JSON.stringify(app.swagger()))
  const validator = new Validator()
  const { valid, errors } = await validator.validate(structuredClone(document))
  t.ok(valid, `valid OpenAPI ${document.openapi}: ${JSON.stringify(errors)}`)
  t.same(dangling(document), [], 'every reference leads somewhere')
  return { document, resolved: validator.resolveRefs() }
}

function dangling (document: any): string[] {
  const refs = [...JSON.stringify(document).matchAll(/"\$ref":"(.+?)"/g)].map(match => match[1]!)
  const unescaped = (key: string): string => decodeURIComponent(key).replaceAll('~1', '/').replaceAll('~0', '~')
  const at = (ref: string): unknown =>
    ref.slice(2).split('/').reduce<any>((node, key) => node?.[unescaped(key)], document)
  return refs.filter(ref => !ref.startsWith('#/') || at(ref) === undefined)
}

const contentOf = (document: any, path: string, method = 'get', code = '200'): any =>
  document.paths[path][method].responses[code].content
const follow = (document: any, node: any): any =>
  node.$ref ? follow(document, document.components.schemas[node.$ref.split('/').pop()]) : node
/** Makes the validator of one of the document's schemas. */
const matches = (schema: object): any => {
  const customOptions = { strict: false, removeAdditional: false, coerceTypes: false }
  return AjvCompiler()({}, { customOptions } as any)({ schema } as any)
}
/** The members of the record's union, by the name of their task. */
const byTask = (document: any): Record<string, any> => {
  const { anyOf } = contentOf(document, '/tasks/{id}')['application/json'].schema
  return Object.fromEntries(anyOf.map((one: any) => {
    const member = follow(document, one)
    return [member.allOf?.[1].properties.name.enum[0] ?? 'any', member.allOf?.[1].properties ?? member.properties]
  }))
}

const schema = {
  result: { type: 'object', required: ['url'], properties: { url: { type: 'string' }, owner: { $ref: 'person#' } } },
  progress: { type: 'object', properties: { done: { type: 'number' } } },
  data: { type: 'object', properties: { width: { type: 'integer' } } }
}

function defineTasks (app: FastifyInstance): void {
  app.addSchema({ $id: 'person', type: 'object', properties: { name: { type: 'string' } } })
  app.tasks.define('resize', { schema, expose: ['data'] }, async (data, task) => {
    await task.reportProgress({ done: 1 })
    return { url: `x/${data.width}`, owner: { name: 'Ada' } }
  })
  app.tasks.define('mail:send', { schema: { result: { type: ['string', 'null'] }, data: schema.data } }, () => null)
  app.tasks.define('plain', () => 42)
}

for (const openapi of ['3.1.0', '3.0.3']) {
  t.test(`all routes are in a valid OpenAPI ${openapi} document`, async t => {
    const app = await build(t, { openapi }, defineTasks)
    const { document } = await valid(t, app)
    t.same(Object.keys(document.paths), ['/tasks/{id}', '/tasks/{id}/events', '/tasks/{id}/logs'])
    for (const [path, method] of [
      ['/tasks/{id}', 'get'], ['/tasks/{id}', 'delete'], ['/tasks/{id}/events', 'get']
    ] as const) {
      const { tags, summary, description, parameters } = document.paths[path][method]
      t.match({ tags, summary, description }, {
        tags: ['tasks'], summary: /task/i, description: /./
      }, `${method} ${path}`)
      t.match(parameters.find((one: any) => one.in === 'path'), {
        name: 'id', description: /Id of the task/, schema: { type: 'string' }
      })
    }
    t.same(Object.keys(document.paths['/tasks/{id}'].get.responses), ['200', '304', '404', '409', '503'])
    t.same(Object.keys(document.paths['/tasks/{id}'].delete.responses), ['200', '202', '404', '409', '503'])
    t.match(document.paths['/tasks/{id}'].get.responses, {
      404: { description: /^No such task/ },
      503: { description: /Redis/, headers: { 'retry-after': {} } },
      200: { headers: { etag: {}, 'retry-after': {}, 'preference-applied': {} } }
    })
    t.same(contentOf(document, '/tasks/{id}/events'), { 'text/event-stream': { schema: { type: 'string' } } })
    t.match(document.paths['/tasks/{id}'].get.parameters, [
      { in: 'query', name: 'queue' }, { in: 'path' }, { in: 'header', name: 'prefer' },
      { in: 'header', name: 'if-none-match' }
    ])
    t.match(document.paths['/tasks/{id}/events'].get.parameters.at(-1), { in: 'header', name: 'last-event-id' })
  })
}

t.test('each task\'s schemas are the types of its record, as components', async t => {
  const app = await build(t, { tasks: { worker: true } }, defineTasks)
  const { document, resolved } = await valid(t, app)
  const records = byTask(document)
  t.same(Object.keys(records), ['resize', 'mail:send', 'any'], 'those with schemas, and what holds for all')
  t.same(Object.keys(records.resize), ['name', 'result', 'progress', 'data'])
  t.same(Object.keys(records['mail:send']), ['name', 'result'], 'data that is not exposed is not in the document')
  const resultOf = (document: any): any => byTask(document).resize.result.anyOf[0]
  t.match(follow(document, resultOf(document)), {
    type: 'object',
    title: 'tasks.result.resize',
    properties: { url: { type: 'string' }, owner: { $ref: /^#\/components\/schemas\/def-/ } }
  })
  t.same(contentOf(document, '/tasks/{id}', 'delete', '202'), contentOf(document, '/tasks/{id}'))

  t.comment('the records that come are those of the document')
  const validate = matches(contentOf(resolved, '/tasks/{id}')['application/json'].schema)
  const [typed] = contentOf(resolved, '/tasks/{id}')['application/json'].schema.anyOf
  for (const [name, data] of [['resize', { width: 2 }], ['mail:send', {}], ['plain', 1]] as const) {
    const { id } = await app.tasks.enqueue(name, data)
    await reaches(app, id, 'succeeded')
    const record = (await app.inject(`/tasks/${id}`)).json()
    t.ok(validate(record), `${name}: ${JSON.stringify(validate.errors)}`)
    t.equal(matches(typed)(record), name === 'resize', 'the first is that of resize')
    if (name === 'resize') t.notOk(matches(typed)({ ...record, result: { url: 1 } }), 'and its result is typed')
  }
})

t.test('a swaggerTransform of the app for these routes gets the schema that the document has', async t => {
  const transform = ({ schema, url, route }: any): object =>
    ({ schema: { ...schema, tags: ['jobs', route.method], hide: /logs/.test(url) }, url: `/v1${url}` })
  const routes = { cancel: false, config: { swaggerTransform: transform } }
  const app = await build(t, { tasks: { routes } }, defineTasks)
  const { document } = await valid(t, app)
  t.same(Object.keys(document.paths), ['/v1/tasks/{id}', '/v1/tasks/{id}/events'])
  t.same(document.paths['/v1/tasks/{id}'].get.tags, ['jobs', 'GET'])
  t.same(Object.keys(byTask({ ...document, paths: { '/tasks/{id}': document.paths['/v1/tasks/{id}'] } })),
    ['resize', 'mail:send', 'any'])
})

t.test('swaggerTransform: false leaves the schemas as the routes have them', async t => {
  const app = await build(t, { tasks: { routes: { config: { swaggerTransform: false } } } }, defineTasks)
  t.notOk(contentOf((await valid(t, app)).document, '/tasks/{id}')['application/json'].schema.anyOf)
})

t.test('names of components as the app makes them', async t => {
  const app = await build(t, {
    swagger: {
      refResolver: {
        buildLocalReference: (json: any, _base: unknown, _fragment: unknown, i: number) => json.$id ?? `def-${i}`
      }
    }
  }, app => {
    defineTasks(app)
    app.tasks.define('mail-send', { schema: { result: { type: 'integer' } } })
  })
  const { document } = await valid(t, app)
  t.same(Object.keys(document.components.schemas).sort(), [
    'person', 'tasks.data.resize', 'tasks.progress.resize', 'tasks.record', 'tasks.record.mail-send',
    'tasks.record.mail-send-', 'tasks.record.resize', 'tasks.result.mail-send', 'tasks.result.mail-send-',
    'tasks.result.resize'
  ])
  t.same(byTask(document)['mail-send'].result, {
    anyOf: [{ $ref: '#/components/schemas/tasks.result.mail-send-' }, { type: 'null' }]
  })
})

t.test('local references, definitions, recursion and an $id of the schema\'s own', async t => {
  const tree = {
    $id: 'tree',
    type: 'object',
    properties: { leaf: { $ref: '#/definitions/leaf' }, children: { type: 'array', items: { $ref: '#' } } },
    definitions: { leaf: { type: 'string' } }
  }
  const app = await build(t, {}, app => {
    app.tasks.define('own', { schema: { result: tree } })
    app.tasks.define('local', {
      schema: {
        result: { type: 'array', items: { $ref: '#/definitions/leaf' }, definitions: { leaf: { type: 'integer' } } }
      }
    })
    app.tasks.define('shared', { schema: { result: { $ref: 'person#' } } })
    app.tasks.define('any', { schema: { result: true } })
    app.addSchema({
      $id: 'person',
      type: 'object',
      properties: { name: { $ref: '#/definitions/name' } },
      definitions: { name: { type: 'string' } }
    })
  })
  await valid(t, app)
})

for (const openapi of ['3.1.0', '3.0.3']) {
  t.test(`zod, in OpenAPI ${openapi}: its transform gets none of our schemas; its own are documented`, async t => {
    const Person = z.object({ name: z.string() })
    z.globalRegistry.add(Person, { id: 'Person' })
    t.teardown(() => z.globalRegistry.remove(Person))
    const Node = z.object({
      value: z.string(),
      at: z.codec(z.iso.datetime(), z.date(), {
        decode: text => new Date(text), encode: date => date.toISOString()
      }),
      get next () { return Node.optional() }
    })
    const app = await build(t, {
      openapi,
      swagger: { transform: jsonSchemaTransform, transformObject: jsonSchemaTransformObject },
      before: app => {
        app.setValidatorCompiler(validatorCompiler)
        app.setSerializerCompiler(serializerCompiler)
      }
    }, app => {
      app.tasks.define('list', { schema: { data: z.object({ n: z.number() }), result: Node, progress: Person } })
      app.tasks.define('odd', { schema: { result: z.custom(() => true) } })
      app.post('/people', { schema: { body: Person, response: { 200: Person } } }, async request => request.body)
    })
    const { document } = await valid(t, app)
    t.same(Object.keys(document.paths), ['/tasks/{id}', '/tasks/{id}/events', '/tasks/{id}/logs', '/people'])
    const { list } = byTask(document)
    t.match(follow(document, list.result.anyOf[0]).properties, {
      value: { type: 'string' }, at: { type: 'string', format: 'date-time' }
    })
    t.match(follow(document, list.progress.anyOf[0]).properties, { name: { type: 'string' } })
    t.ok(document.components.schemas.Person, 'the app\'s own are there too')
  })

  t.test(`TypeBox, with its compiler, in OpenAPI ${openapi}`, async t => {
    const app = await build(t, { openapi, before: app => app.setValidatorCompiler(TypeBoxValidatorCompiler) }, app => {
      app.tasks.define('x', {
        schema: {
          result: Type.Object({
            when: Type.Optional(Type.String({ format: 'date-time' })),
            kind: Type.Union([Type.Literal('a'), Type.Literal('b')])
          })
        }
      })
      app.tasks.define('list', {
        schema: {
          result: Type.Cyclic({ Node: Type.Object({ id: Type.String(), nodes: Type.Array(Type.Ref('Node')) }) }, 'Node')
        }
      })
    })
    const { resolved } = await valid(t, app)
    t.match(byTask(resolved).x!.result.anyOf[0], {
      type: 'object',
      required: ['kind'],
      properties: { when: { format: 'date-time' }, kind: { anyOf: [{ enum: ['a'] }, { enum: ['b'] }] } }
    })
  })
}

t.test('tasks of many instances and scopes; those that are defined late', async t => {
  const app = await build(t, {}, async app => {
    await app.register(tasks, {
      name: 'reports', prefix: randomPrefix(), redis: REDIS_URL, routes: { prefix: '/v1/reports' }
    })
    ;(app as any).reports.define('resize', { schema: { result: { type: 'integer' } } })
    app.register(async scope => {
      scope.addSchema({ $id: 'inner', type: 'object', properties: { deep: { type: 'boolean' } } })
      scope.tasks.define('scoped', { schema: { result: { $ref: 'inner#' } } })
    })
  })
  app.tasks.define('late', { schema: { result: { type: 'integer' } } })
  const { document, resolved } = await valid(t, app)
  t.same(Object.keys(document.paths), [
    '/tasks/{id}', '/tasks/{id}/events', '/tasks/{id}/logs', '/v1/reports/{id}', '/v1/reports/{id}/events',
    '/v1/reports/{id}/logs'
  ])
  t.same(Object.keys(byTask(document)), ['scoped', 'late', 'any'])
  t.match(byTask(resolved).scoped.result.anyOf[0], { properties: { deep: { type: 'boolean' } } })
})

t.test('what the app adds to every route stays: security, and hiding', async t => {
  const app = await build(t, {
    swagger: {
      openapi: {
        openapi: '3.1.0',
        info: { title: 'Test', version: '1' },
        components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } }
      }
    },
    before: app => app.addHook('onRoute', route => {
      if (route.url.endsWith('/events')) route.schema = { ...route.schema, hide: true }
      else route.schema = { ...route.schema, security: [{ bearer: [] }] }
    })
  }, defineTasks)
  const { document } = await valid(t, app)
  t.same(Object.keys(document.paths), ['/tasks/{id}', '/tasks/{id}/logs'])
  t.same(document.paths['/tasks/{id}'].get.security, [{ bearer: [] }])
})

t.test('Swagger 2: the record as it is for all', async t => {
  const app = await build(t, {
    swagger: { openapi: undefined, swagger: { info: { title: 'Test', version: '1' } } }
  }, defineTasks)
  const document: any = app.swagger()
  t.ok(document.paths['/tasks/{id}'].get.responses[200].schema.properties.result)
  t.ok(app.swagger({ yaml: true }))
})

t.test('a schema that its owner cannot tell is any JSON', async t => {
  const app = await build(t, {
    before: app => app.setSerializerCompiler(() => JSON.stringify)
  }, app => { app.tasks.define('x', { schema: { result: { '~standard': { version: 1, vendor: 'test' } } } }) })
  const { resolved } = await valid(t, app)
  t.match(byTask(resolved).x!.result.anyOf.length, 2)
  t.ok(await errorOf(() => app.tasks.define('x')))
})
