/**
 * What an app sets for its own routes and its log holds for ours too.
 */
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import tasks from '../../lib/plugin.ts'
import { statusSchema } from '../../lib/routes/schemas.ts'
import { build, latch, logger, reaches, where } from '../support/helpers.ts'
import type { TasksOptions } from '../../lib/types.ts'

const missing = '/tasks/00000000-0000-4000-8000-000000000000'

/** An app with a task and a route that enqueues it. */
const sample = (app: FastifyInstance): void => {
  app.tasks.define('x', async () => 1)
  app.post('/x', async (_request, reply) => reply.accepted(await app.tasks.enqueue('x')))
}

/** The record of a fresh task, and its address as its client gets it. */
async function enqueue (app: FastifyInstance, url = '/x', headers = {}): Promise<{ record: any, location: string }> {
  const reply = await app.inject({ method: 'POST', url, headers })
  return { record: reply.json(), location: reply.headers.location as string }
}

t.test('the error handler of the app runs once, and errors are logged once', async t => {
  /** How an app's handler passes an error on. */
  const ways: Record<string, (error: Error, reply: any) => unknown> = {
    throws: error => { throw error },
    rejects: async error => { throw error },
    sends: (error, reply) => reply.send(error),
    'returns it': async error => error
  }
  for (const [way, pass] of Object.entries(ways)) {
    for (const order of ['before', 'after'] as const) {
      const log = logger()
      let calls = 0
      const set = (app: FastifyInstance): unknown => app.setErrorHandler((error: Error, _request, reply) => {
        calls++
        return pass(error, reply) as any
      })
      const app: FastifyInstance = Fastify({ logger: { stream: log.stream } })
      t.teardown(() => app.close())
      if (order === 'before') set(app)
      await app.register(tasks, where())
      if (order === 'after') set(app)
      const reply = await app.inject(missing)
      t.match([reply.statusCode, reply.json().code], [404, 'FST_TASKS_NOT_FOUND'], `${way}, set ${order}`)
      t.equal(calls, 1, `${way}, set ${order}`)
      t.equal(log.lines.filter(line => line.err?.code === 'FST_TASKS_NOT_FOUND').length, 1)
    }
  }
})

t.test('handlers of nested scopes follow each other as in the routes of the app', async t => {
  const order: string[] = []
  const app = Fastify()
  t.teardown(() => app.close())
  app.setErrorHandler(async () => { order.push('app'); return { from: 'app' } })
  await app.register(async scope => {
    await scope.register(tasks, where())
    scope.setErrorHandler(async error => { order.push('scope'); throw error })
  })
  t.same((await app.inject(missing)).json(), { from: 'app' })
  t.same(order, ['scope', 'app'])
})

t.test('requestIdLogLabel, the serializer of errors, their class and cause', async t => {
  class PaymentRefused extends Error {
    amount = 7
  }
  const log = logger()
  const seen: any[] = []
  const server = {
    requestIdLogLabel: 'request_id',
    genReqId: () => 'the-id',
    logger: {
      stream: log.stream,
      serializers: { err: (error: any) => { seen.push(error); return { type: error.constructor.name } as any } }
    }
  }
  const app = await build(t, { worker: true }, app => {
    app.tasks.define('x', async () => { throw new PaymentRefused('refused', { cause: new TypeError('no card') }) })
    app.post('/x', async (_request, reply) => reply.accepted(await app.tasks.enqueue('x')))
  }, server)
  const { record } = await enqueue(app)
  await reaches(app, record.id, 'failed')
  t.match(log.find('task.failed'), { request_id: 'the-id', err: { type: 'PaymentRefused' } })
  t.ok(seen[0] instanceof PaymentRefused)
  t.match(seen[0], { message: 'refused', amount: 7 })
  t.ok(seen[0].cause instanceof TypeError)
})

t.test('without a serializer of its own the log has type, cause and stack', async t => {
  const log = logger()
  const app = await build(t, { worker: true }, app => {
    app.tasks.define('x', async () => { throw new RangeError('too far', { cause: new TypeError('no card') }) })
  }, { logger: { stream: log.stream } })
  await reaches(app, (await app.tasks.enqueue('x')).id, 'failed')
  t.match(log.find('task.failed').err, { type: 'RangeError', message: 'too far: no card', stack: /caused by: TypeError: no card/ })
})

/** An app behind a prefix. */
async function behind (t: Test, prefix: string, options: TasksOptions = {}, server = {}): Promise<FastifyInstance> {
  const app = Fastify(server)
  t.teardown(() => app.close())
  await app.register(async scope => {
    await scope.register(tasks, { ...where(), ...options })
    sample(scope as any)
  }, { prefix })
  return app as any
}

t.test('Location behind a prefix with a parameter', async t => {
  const app = await behind(t, '/:tenant/:room(^\\d+$)')
  const { location, record } = await enqueue(app, '/a%20b/7/x')
  t.equal(location, `/a%20b/7/tasks/${record.id}`)
  t.equal((await app.inject(location)).json().id, record.id)
})

t.test('Location behind a prefix with each form of a parameter that the router knows', async t => {
  const forms = [
    ['/v:version', '/v2'], ['/:from-:to', '/a-b'], ['/:file.:ext', '/a.png'], ['/:kind(^(?:x|y)$)', '/x'],
    ['/a::b', '/a:b'], ['/x/:at(^(?:(?:a)|b)$)/y', '/x/a/y']
  ] as const
  for (const [prefix, url] of forms) {
    for (const publicBase of [undefined, 'http://example.com:3000/api']) {
      const app = await behind(t, prefix, { routes: publicBase === undefined ? {} : { publicBase } })
      const { location, record } = await enqueue(app, `${url}/x`)
      t.equal(location, `${publicBase ?? ''}${url}/tasks/${record.id}`, prefix)
      t.equal((await app.inject(`${url}/tasks/${record.id}`)).json().id, record.id)
    }
  }
})

t.test('Location is a URL, in whatever script the app writes its paths', async t => {
  for (const prefix of ['/задачи', '/é a/:кто']) {
    const at = encodeURI(prefix.replace(':кто', 'ann'))
    const app = await behind(t, prefix, { routes: { prefix: '/任务' } })
    const { location, record } = await enqueue(app, `${at}/x`)
    t.equal(location, `${at}/${encodeURIComponent('任务')}/${record.id}`)
    t.equal((await app.inject(location)).json().id, record.id)
    const elsewhere = await behind(t, prefix, { routes: { publicBase: '/a%20b/ü' } })
    t.match((await enqueue(elsewhere, `${at}/x`)).location, `/a%20b/%C3%BC${at}/tasks/`)
  }
})

t.test('handle.location is null if nobody knows the parameter', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  const found = latch<unknown>()
  await app.register(async scope => {
    await scope.register(tasks, where())
    sample(scope as any)
    scope.addHook('onReady', async () => { found.open((await scope.tasks.enqueue('x')).location) })
  }, { prefix: '/:tenant' })
  await app.ready()
  t.equal(await found.promise, null)
})

t.test('rewriteUrl: the public base leads to the task', async t => {
  const server = { rewriteUrl: ({ url }: any) => url.replace(/^\/api\//, '/') }
  const app = await behind(t, '/v1', { routes: { publicBase: '/api' } }, server)
  const { location, record } = await enqueue(app, '/api/v1/x')
  t.equal(location, `/api/v1/tasks/${record.id}`)
  t.equal((await app.inject(location)).json().id, record.id)
})

t.test('routes take logLevel, config and constraints', async t => {
  const log = logger()
  const config = { area: 'tasks' }
  const configs: unknown[] = []
  const routes = { logLevel: 'silent' as const, config, constraints: { host: 'api.example.com' }, cancel: true }
  const app = await build(t, { routes }, app => {
    app.addHook('onRequest', async request => { configs.push(request.routeOptions.config) })
    sample(app)
  }, { logger: { stream: log.stream } })
  const { location } = await enqueue(app)
  const before = log.lines.length
  const host = { host: 'api.example.com' }
  t.equal((await app.inject({ url: location, headers: host })).statusCode, 200)
  t.equal((await app.inject({ url: location, method: 'DELETE', headers: host })).statusCode, 200)
  t.equal(log.lines.length, before, 'nothing is logged')
  t.equal((await app.inject(location)).statusCode, 404, 'another host has no such route')
  t.match(configs.slice(1, 3), [config, config])
})

t.test('hooks that add schemas: they are compiled as in routes of the app, and stay with it', async t => {
  const before = JSON.stringify(statusSchema)
  const app: FastifyInstance = Fastify()
  t.teardown(() => app.close())
  app.addSchema({ $id: 'Problem', type: 'object', properties: { code: { type: 'string' } } })
  app.addHook('onRoute', route => {
    const schema = route.schema as any
    if (!schema) return
    schema.headers = { type: 'object', required: ['x-tenant'], properties: { 'x-tenant': { type: 'string' } } }
    schema.response[404] = { $ref: 'Problem#' }
    schema.tags.push('mine')
  })
  await app.register(tasks, where())
  sample(app)
  t.match((await app.inject(missing)).json(), { statusCode: 400, code: 'FST_ERR_VALIDATION' })
  t.same((await app.inject({ url: missing, headers: { 'x-tenant': 'a' } })).json(), { code: 'FST_TASKS_NOT_FOUND' })
  const { location, record } = await enqueue(app, '/x')
  t.equal((await app.inject({ url: location, headers: { 'x-tenant': 'a' } })).json().id, record.id)
  t.equal(JSON.stringify(statusSchema), before, 'no other app has them')
})

t.test('preSerialization: an envelope, a property more, one less, and other types', async t => {
  const ways: Array<(payload: any) => unknown> = [
    payload => ({ data: payload, meta: 1 }), payload => ({ ...payload, links: { self: '/' } }), payload => [payload],
    payload => Object.fromEntries(Object.entries(payload).filter(([, value]) => value !== null)),
    ({ next, failedAttempts, ...payload }) => payload, () => null,
    payload => ({ ...payload, error: 'none' }), payload => payload.lines ? { ...payload, lines: 'none' } : payload,
    payload => payload.lines ? payload : { ...payload, enqueuedAt: 1, tags: 'none', state: { code: payload.state } }
  ]
  for (const wrap of ways) {
    const app = await build(t, { routes: { cancel: true } }, app => {
      app.tasks.define('kept', { keepLogs: 1_024 })
      sample(app)
      app.addHook('preSerialization', async (_request, _reply, payload) => wrap(payload))
    })
    const reply = await app.inject({ method: 'POST', url: '/x' })
    const { body } = await app.inject(reply.headers.location as string)
    t.same(JSON.parse(body), reply.json())
    const cancelled = await app.inject({ method: 'DELETE', url: reply.headers.location as string })
    t.match(cancelled.json(), wrap({ state: 'cancelled' }))
    const { location } = await app.tasks.enqueue('kept')
    t.same((await app.inject(`${location}/logs`)).json(), wrap({ lines: [], next: 0 }))
  }
})

t.test('errors have the format that the app\'s error handler gives them, whatever its types', async t => {
  const formats: Array<(code: string) => unknown> = [
    code => ({ error: { code, message: ['one', 'two'] } }), code => [{ title: code }], code => ({ statusCode: code }),
    () => ({ code: null, message: { en: 'gone' } }), () => null
  ]
  for (const format of formats) {
    const app = await build(t, { routes: { cancel: true } }, app => {
      app.setErrorHandler(async (error: any, _request, reply) => {
        reply.code(error.statusCode)
        return format(error.code)
      })
    })
    for (const url of [missing, `${missing}/logs`, `${missing}/events`]) {
      const reply = await app.inject(url)
      t.same([reply.statusCode, reply.json()], [404, format('FST_TASKS_NOT_FOUND')], url)
    }
    const cancelled = await app.inject({ method: 'DELETE', url: missing })
    t.same([cancelled.statusCode, cancelled.json()], [404, format('FST_TASKS_NOT_FOUND')])
    const refused = await app.inject({ url: `${missing}/events`, headers: { accept: 'application/json' } })
    t.same([refused.statusCode, refused.json()], [406, format('FST_TASKS_EVENTS_REFUSED')])
  }
})

t.test('@fastify/response-validation, whose Ajv may not know our formats, leaves our routes alone', async t => {
  const compiled: string[] = []
  const app: FastifyInstance = Fastify()
  t.teardown(() => app.close())
  app.addHook('onRoute', route => { // as that plugin does
    if ((route as any).responseValidation !== false && route.schema?.response) compiled.push(route.url)
  })
  await app.register(tasks, { ...where(), routes: { cancel: true } })
  app.get('/own', { schema: { response: { 200: { type: 'object' } } } }, async () => ({}))
  await app.ready()
  t.same(compiled.filter(url => url !== '/own'), [])
  t.ok(compiled.includes('/own'))
})

t.test('DELETE with a JSON content type and no body, or with any body', async t => {
  const bodies: Array<[type: string, body?: string]> =
    [['application/json'], ['application/json', '{}'], ['application/json', 'no json'], ['text/x-mine', 'x']]
  const app = await build(t, { routes: { cancel: true } }, sample)
  for (const [type, payload] of bodies) {
    const { location } = await enqueue(app)
    const headers = { 'content-type': type }
    const reply = await app.inject({ method: 'DELETE', url: location, headers, payload })
    t.match([reply.statusCode, reply.json().state], [200, 'cancelled'], `${type} ${payload}`)
  }
})

t.test('Retry-After is the wait that is due: for a delayed task, and between two attempts', async t => {
  const app = await build(t, { worker: true }, app => {
    const backoff = { strategy: 'fixed', delay: 90_000 }
    app.tasks.define('x', { retries: 1, backoff }, async () => { throw new Error('again') })
  })
  const delayed = await app.tasks.enqueue('x', undefined, { delay: 60_000 })
  const retrying = await app.tasks.enqueue('x')
  await reaches(app, retrying.id, 'retrying')
  const waitOf = async ({ location }: { location: string | null }): Promise<number> =>
    Number((await app.inject(location!)).headers['retry-after'])
  t.ok(await waitOf(delayed) > 30)
  t.ok(await waitOf(retrying) > 60)
})
