import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import t, { type Test } from 'tap'
import tasks from '../../lib/plugin.ts'
import type { TasksOptions } from '../../lib/types.ts'
import { runWorker } from '../../lib/standalone.ts'
import { build, connect, errorOf, randomPrefix, reaches, REDIS_URL } from '../support/helpers.ts'

// The app's option `ajv`: the data of tasks is validated as the app's bodies are.

const even = {
  keyword: 'even',
  type: 'number',
  validate: (_schema: unknown, data: number) => data % 2 === 0
}

/** A plugin for Ajv that adds a keyword and a format. */
function ajvPlugin (ajv: any): any {
  return ajv.addKeyword(even).addFormat('shout', /^[A-Z]+$/)
}

const data = {
  type: 'object',
  required: ['n'],
  additionalProperties: false,
  properties: {
    n: { type: 'integer', even: true },
    word: { type: 'string', format: 'shout' },
    step: { type: 'integer', default: 1 }
  }
}

const strictAjv = {
  customOptions: { coerceTypes: false, useDefaults: false, removeAdditional: false, allErrors: true },
  plugins: [ajvPlugin]
} as FastifyServerOptions['ajv']

/** Validates a value as a body and as a task's data. Returns the two validated values, or the error messages. */
async function validateBoth (app: FastifyInstance, payload: object): Promise<[unknown, unknown]> {
  const body = (await app.inject({ method: 'POST', url: '/body', payload })).json()
  const task = (await app.inject({ method: 'POST', url: '/task', payload })).json()
  return [body.message ?? body, task.message ?? task.data]
}

function defineBoth (app: FastifyInstance): void {
  app.tasks.define('x', { expose: ['data'], schema: { data } })
  app.post('/task', async (request, reply) => reply.send(await (await app.tasks.enqueue('x', request.body)).status()))
}

t.test('coerceTypes, useDefaults, removeAdditional, allErrors and plugins are as in the app', async t => {
  const app = await build(t, {}, app => {
    defineBoth(app)
    app.post('/body', { schema: { body: data } }, async request => request.body)
  }, { ajv: strictAjv })
  const payloads = [
    { n: 2 }, { n: '2' }, { n: 3 }, { n: 2, other: 1 }, { n: 2, word: 'quiet' }, { n: 2, word: 'LOUD' }, {}
  ]
  for (const payload of payloads) {
    const [body, task] = await validateBoth(app, payload)
    const expected = typeof body === 'string' ? body.replaceAll('body', 'data') : body
    t.same(task, expected, JSON.stringify(payload))
  }
  t.match(await errorOf(app.tasks.enqueue('x', { n: '3', word: 'quiet' })), {
    validation: { length: 2 },
    message: /data\/n must be integer, data\/word must match format "shout"/
  })
})

/** An app without a route that has a schema: Fastify creates no compiler for it. */
async function buildWithoutRoutes (
  t: Test, server: FastifyServerOptions, define: (app: FastifyInstance) => unknown, options: TasksOptions = {}
): Promise<FastifyInstance> {
  return build(t, { routes: false, ...options }, define, server)
}

t.test('the options hold even if no route has a schema', async t => {
  const app = await buildWithoutRoutes(t, { ajv: strictAjv }, defineBoth)
  const refused = { code: 'FST_ERR_VALIDATION', message: 'data/n must be integer' }
  t.match(await errorOf(app.tasks.enqueue('x', { n: '2' })), refused)
  t.match(await errorOf(app.tasks.enqueue('x', { n: 3 })), { message: 'data/n must pass "even" keyword validation' })
  const plain = await buildWithoutRoutes(t, {}, app => {
    const plainData = { ...data, properties: { n: { type: 'integer' } } }
    app.tasks.define('x', { expose: ['data'], schema: { data: plainData } })
  })
  t.same((await (await plain.tasks.enqueue('x', { n: '2', other: 1 })).status())!.data, { n: 2 }, 'Fastify\'s defaults')
})

t.test('the options hold before and after the app is ready', async t => {
  const app = Fastify({ ajv: strictAjv })
  t.teardown(() => app.close())
  await app.register(tasks, { prefix: randomPrefix(), redis: REDIS_URL, routes: false })
  app.tasks.define('early', { schema: { data } })
  t.match(await errorOf(app.tasks.enqueue('early', { n: 3 })), { message: /even/ })
  // A schema that is added after the first compiler was created is found by the next compiler.
  app.addSchema({ $id: 'later', type: 'object', required: ['n'], properties: { n: { even: true, type: 'integer' } } })
  app.tasks.define('ref', { schema: { data: { $ref: 'later#' } } })
  app.post('/ref', { schema: { body: { $ref: 'later#' } } }, async () => 'taken')
  await app.ready()
  app.tasks.define('late', { schema: { data } })
  t.match(await errorOf(app.tasks.enqueue('late', { n: 3 })), { message: /even/ })
  t.match(await errorOf(app.tasks.enqueue('ref', { n: 3 })), { message: /even/ })
  t.equal((await app.inject({ method: 'POST', url: '/ref', payload: { n: 3 } })).statusCode, 400)
  t.equal((await app.inject({ method: 'POST', url: '/ref', payload: { n: 2 } })).body, 'taken')
})

t.test('a scope with its own schemas has the app\'s options', async t => {
  const prefix = randomPrefix()
  const app = await buildWithoutRoutes(t, { ajv: strictAjv }, app => {
    app.addSchema({ $id: 'outer', type: 'integer', even: true })
    app.register(async scope => {
      scope.addSchema({ $id: 'inner', type: 'object', required: ['n'], properties: { n: { $ref: 'outer#' } } })
      const result = { type: 'array', items: { $ref: 'outer#' } }
      scope.tasks.define('x', { schema: { data: { $ref: 'inner#' }, result } })
    })
  }, { prefix })
  t.match(await errorOf(app.tasks.enqueue('x', { n: 3 })), { message: 'data/n must pass "even" keyword validation' })
  t.match(await errorOf(app.tasks.enqueue('x', { n: '2' })), { message: 'data/n must be integer' })
  t.same(await connect(t).keys(`${prefix}*`), [], 'nothing was stored in Redis')
})

t.test('a schema that the app\'s Ajv refuses fails the boot', async t => {
  const error = await errorOf(buildWithoutRoutes(t, {}, app => { app.tasks.define('x', { schema: { data } }) }))
  t.match(error, { code: 'FST_TASKS_SCHEMA_INVALID', message: /unknown keyword: "even"|unknown format "shout"/ })
})

t.test('the app\'s schemaController and error formatters are used', async t => {
  const onlyCompiler = ({ schema: { only } }: any): any => (value: unknown) =>
    value === only ? { value } : { error: [{ message: `must be ${only}`, instancePath: '' }] }
  const app = await buildWithoutRoutes(t, {
    schemaController: { compilersFactory: { buildValidator: () => onlyCompiler } },
    schemaErrorFormatter: (errors, place) => new Error(`${place}: ${errors.length} mistake`)
  }, app => {
    app.tasks.define('x', { schema: { data: { only: 1 } } })
    app.register(async scope => {
      scope.setSchemaErrorFormatter((errors, place) =>
        Object.assign(new Error(`in the scope, ${place} ${errors[0]!.message}`), { statusCode: 422 }))
      scope.tasks.define('y', { schema: { data: { only: 2 } } })
    })
  })
  t.match(await errorOf(app.tasks.enqueue('x', 2)), {
    message: 'data: 1 mistake',
    code: 'FST_ERR_VALIDATION',
    statusCode: 400
  })
  t.match(await errorOf(app.tasks.enqueue('y', 1)), {
    message: 'in the scope, data must be 2',
    statusCode: 422,
    validation: [{ message: 'must be 2' }]
  })
  t.ok(await app.tasks.enqueue('x', 1))
})

t.test('results are serialized with the app\'s serializerOpts', async t => {
  const app = await buildWithoutRoutes(t, { serializerOpts: { rounding: 'ceil' } }, app => {
    app.tasks.define('x', { schema: { result: { type: 'integer' } } }, () => 1.2)
  }, { worker: true })
  t.equal(await (await app.tasks.enqueue('x')).result({ timeout: 60_000 }), 2)
})

t.test('runWorker() uses the options that the app module exports', async t => {
  const prefix = randomPrefix()
  const folder = t.testdir({
    'app.mjs': `import tasks from ${JSON.stringify(new URL('../../lib/plugin.js', import.meta.url).href)}
export const options = { ajv: { customOptions: { coerceTypes: false } } }
export default async function app (fastify) {
  await fastify.register(tasks, { prefix: '${prefix}', redis: '${REDIS_URL}' })
  fastify.tasks.define('x', { schema: { data: { type: 'integer' } } }, data => data)
}`
  })
  const web = await build(t, { prefix }, app => { app.tasks.define('x') })
  const worker = await runWorker({ app: `${folder}/app.mjs`, logLevel: 'silent' })
  t.teardown(() => worker.close())
  const [number, text] = [await web.tasks.enqueue('x', 1), await web.tasks.enqueue('x', '1')]
  t.match(await reaches(web, number.id, 'succeeded'), { result: 1 })
  t.match(await reaches(web, text.id, 'failed'), { error: { code: 'FST_TASKS_DATA_REFUSED', message: /must be integer/ } })
})
