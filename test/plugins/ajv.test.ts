import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import t, { type Test } from 'tap'
import tasks from '../../lib/plugin.ts'
import type { TasksOptions } from '../../lib/types.ts'
import { runWorker } from '../../lib/standalone.ts'
import { build, connect, errorOf, randomPrefix, reaches, REDIS_URL } from '../support/helpers.ts'

// The app's `ajv` option: a task's data is validated as the app's bodies are.

const even = {
  keyword: 'even',
  type: 'number',
  validate: (_schema: unknown, data: number) => data % 2 === 0
}

/** A plugin of Ajv's, as the app lists them: a keyword and a format of its own. */
function ourAjvPlugin (ajv: any): any {
  return ajv.addKeyword(even).addFormat('shout', /^[A-Z]+$/)
}

const data = {
  type: 'object',
  required: ['n'],
  additionalProperties: false,
  properties: { n: { type: 'integer', even: true }, word: { type: 'string', format: 'shout' }, step: { type: 'integer', default: 1 } }
}

const strictAjv = { customOptions: { coerceTypes: false, useDefaults: false, removeAdditional: false, allErrors: true }, plugins: [ourAjvPlugin] } as FastifyServerOptions['ajv']

/** Whether the data is taken, as a body and as a task's: what it became, or the messages. */
async function both (app: FastifyInstance, payload: object): Promise<[unknown, unknown]> {
  const body = (await app.inject({ method: 'POST', url: '/body', payload })).json()
  const task = (await app.inject({ method: 'POST', url: '/task', payload })).json()
  return [body.message ?? body, task.message ?? task.data]
}

function defineBoth (app: FastifyInstance): void {
  app.tasks.define('x', { expose: ['data'], schema: { data } })
  app.post('/task', async (request, reply) => reply.send(await (await app.tasks.enqueue('x', request.body)).status()))
}

t.test('coercion, defaults, removeAdditional, allErrors, plugins: as the app set them', async t => {
  const app = await build(t, {}, app => {
    defineBoth(app)
    app.post('/body', { schema: { body: data } }, async request => request.body)
  }, { ajv: strictAjv })
  for (const payload of [{ n: 2 }, { n: '2' }, { n: 3 }, { n: 2, other: 1 }, { n: 2, word: 'quiet' }, { n: 2, word: 'LOUD' }, {}]) {
    const [body, task] = await both(app, payload)
    const words = typeof body === 'string' ? body.replaceAll('body', 'data') : body
    t.same(task, words, JSON.stringify(payload))
  }
  t.match(await errorOf(app.tasks.enqueue('x', { n: '3', word: 'quiet' })), { validation: { length: 2 }, message: /data\/n must be integer, data\/word must match format "shout"/ })
})

/** An app that has no route with a schema: Fastify has made no compiler of its own. */
async function bare (t: Test, server: FastifyServerOptions, define: (app: FastifyInstance) => unknown, options: TasksOptions = {}): Promise<FastifyInstance> {
  return build(t, { routes: false, ...options }, define, server)
}

t.test('also where no route has a schema', async t => {
  const app = await bare(t, { ajv: strictAjv }, defineBoth)
  t.match(await errorOf(app.tasks.enqueue('x', { n: '2' })), { code: 'FST_ERR_VALIDATION', message: 'data/n must be integer' })
  t.match(await errorOf(app.tasks.enqueue('x', { n: 3 })), { message: 'data/n must pass "even" keyword validation' })
  const plain = await bare(t, {}, app => { app.tasks.define('x', { expose: ['data'], schema: { data: { ...data, properties: { n: { type: 'integer' } } } } }) })
  t.same((await (await plain.tasks.enqueue('x', { n: '2', other: 1 })).status())!.data, { n: 2 }, 'Fastify\'s defaults')
})

t.test('before the app is ready, and after', async t => {
  const app = Fastify({ ajv: strictAjv })
  t.teardown(() => app.close())
  await app.register(tasks, { prefix: randomPrefix(), redis: REDIS_URL, routes: false })
  app.tasks.define('early', { schema: { data } })
  t.match(await errorOf(app.tasks.enqueue('early', { n: 3 })), { message: /even/ })
  // What came too early for the first compiler is found by the next.
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

t.test('a scope with schemas of its own, and the app\'s options', async t => {
  const prefix = randomPrefix()
  const app = await bare(t, { ajv: strictAjv }, app => {
    app.addSchema({ $id: 'outer', type: 'integer', even: true })
    app.register(async scope => {
      scope.addSchema({ $id: 'inner', type: 'object', required: ['n'], properties: { n: { $ref: 'outer#' } } })
      scope.tasks.define('x', { schema: { data: { $ref: 'inner#' }, result: { type: 'array', items: { $ref: 'outer#' } } } })
    })
  }, { prefix })
  t.match(await errorOf(app.tasks.enqueue('x', { n: 3 })), { message: 'data/n must pass "even" keyword validation' })
  t.match(await errorOf(app.tasks.enqueue('x', { n: '2' })), { message: 'data/n must be integer' })
  t.same(await connect(t).keys(`${prefix}*`), [], 'nothing reached Redis')
})

t.test('a schema that the app\'s Ajv refuses fails the boot', async t => {
  const error = await errorOf(bare(t, {}, app => { app.tasks.define('x', { schema: { data } }) }))
  t.match(error, { code: 'FST_TASKS_SCHEMA_INVALID', message: /unknown keyword: "even"|unknown format "shout"/ })
})

t.test('the app\'s schemaController and its error formatter', async t => {
  const app = await bare(t, {
    schemaController: {
      compilersFactory: {
        buildValidator: () => ({ schema }: any) => ((value: unknown) => value === schema.only ? { value } : { error: [{ message: `must be ${schema.only}`, instancePath: '' }] }) as any
      }
    },
    schemaErrorFormatter: (errors, place) => new Error(`${place}: ${errors.length} mistake`)
  }, app => {
    app.tasks.define('x', { schema: { data: { only: 1 } } })
    app.register(async scope => {
      scope.setSchemaErrorFormatter((errors, place) => Object.assign(new Error(`in the scope, ${place} ${errors[0]!.message}`), { statusCode: 422 }))
      scope.tasks.define('y', { schema: { data: { only: 2 } } })
    })
  })
  t.match(await errorOf(app.tasks.enqueue('x', 2)), { message: 'data: 1 mistake', code: 'FST_ERR_VALIDATION', statusCode: 400 })
  t.match(await errorOf(app.tasks.enqueue('y', 1)), { message: 'in the scope, data must be 2', statusCode: 422, validation: [{ message: 'must be 2' }] })
  t.ok(await app.tasks.enqueue('x', 1))
})

t.test('serializerOpts', async t => {
  const app = await bare(t, { serializerOpts: { rounding: 'ceil' } }, app => {
    app.tasks.define('x', { schema: { result: { type: 'integer' } } }, () => 1.2)
  }, { worker: true })
  t.equal(await (await app.tasks.enqueue('x')).result({ timeout: 5_000 }), 2)
})

t.test('a worker of its own has the options that the app module exports', async t => {
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
