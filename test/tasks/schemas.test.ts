import Fastify from 'fastify'
import t from 'tap'
import { validatorCompilerOf } from '../../lib/tasks/fastify-compilers.ts'
import tasks from '../../lib/plugin.ts'
import { build, errorOf, inRedis, keysOf, randomPrefix, reaches, where } from '../support/helpers.ts'

const total = {
  type: 'object',
  required: ['total'],
  additionalProperties: false,
  properties: { total: { type: 'integer', maximum: 1000 }, step: { type: 'integer', default: 1 } }
}

t.test('data is validated before anything reaches Redis: coerced, with defaults, as a body', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix }, app => {
    app.tasks.define('x', { schema: { data: total } }, data => data)
    app.post('/x', async (request, reply) => reply.accepted(await app.tasks.enqueue('x', request.body)))
  })
  const data = { total: '42', other: true }
  for (const bad of [{}, { total: 1001 }, { total: 'many' }, 7, null, undefined]) {
    const error = await errorOf(app.tasks.enqueue('x', bad))
    t.match(
      error,
      { code: 'FST_ERR_VALIDATION', statusCode: 400, validationContext: 'data', message: /^data/ },
      JSON.stringify(bad)
    )
  }
  t.match(await errorOf(app.tasks.enqueueMany('x', [{ data: { total: 1 } }, { data: {} }])), {
    code: 'FST_ERR_VALIDATION'
  })
  t.match((await app.inject({ method: 'POST', url: '/x', payload: { total: 1001 } })).json(), {
    statusCode: 400, code: 'FST_ERR_VALIDATION', message: 'data/total must be <= 1000'
  })
  t.same(await keysOf(t, prefix), [])
  t.equal((await app.tasks.counts()).default!.waiting, 0)
  const handle = await app.tasks.enqueue('x', data)
  t.same(data, { total: '42', other: true }, 'what the caller gave is left alone')
  await app.tasks.startWorker()
  t.same(await handle.result({ timeout: 60_000 }), { total: 42, step: 1 })
})

inRedis('the worker validates again: a failure with its code, and no retry', 'two processes', async t => {
  const prefix = randomPrefix()
  const old = await build(t, { prefix }, app => { app.tasks.define('x') })
  const { id } = await old.tasks.enqueue('x', { total: 'many' }, { retries: 3 })
  const ids = [id, (await old.tasks.enqueue('x')).id]
  const app = await build(t, { prefix, worker: true }, app => {
    app.tasks.define('x', { schema: { data: total } }, () => 1)
  })
  for (const one of ids) {
    t.match(await reaches(app, one, 'failed'), {
      attempt: 1, error: { code: 'FST_TASKS_DATA_REFUSED', message: /data.*must be/ }
    })
  }
})

t.test('result and progress are serialised by their schemas: what they do not name does not leave', async t => {
  const open = { type: 'object', properties: { shown: { type: 'string' } } }
  const app = await build(t, { worker: true }, app => {
    app.tasks.define('x', { schema: { result: open, progress: open } }, async (_data, task) => {
      await task.reportProgress({ shown: 'half', secret: 1 })
      return { shown: 'all', secret: 2 }
    })
    const result = { type: 'object', required: ['a'], properties: { a: { type: 'string' } } }
    app.tasks.define('bad', { schema: { result } }, () => ({}))
  })
  const { id } = await app.tasks.enqueue('x')
  t.match(await reaches(app, id, 'succeeded'), { result: { shown: 'all' }, progress: { shown: 'half' } })
  t.same((await app.tasks.status<any>(id))!.result, { shown: 'all' })
  t.same((await app.tasks.status<any>(id))!.progress, { shown: 'half' })
  const bad = await app.tasks.enqueue('bad')
  t.match(await reaches(app, bad.id, 'failed'), {
    error: { code: 'FST_TASKS_RESULT_INVALID', message: /"a" is required/ }
  })
})

t.test('a schema\'s serializer that writes no JSON: the task fails, and its record can be read', async t => {
  const given: Array<{ schema: object, value: unknown }> = [
    { schema: { type: 'array', items: {} }, value: [undefined, 1] },
    { schema: { type: 'object', properties: { a: {} } }, value: { a () {} } },
    { schema: { type: 'object', properties: { a: {} } }, value: { a: { toJSON () {} } } },
    { schema: { type: 'string', format: 'unsafe' }, value: 'a"b' }
  ]
  const app = await build(t, { worker: true }, app => {
    for (const [n, { schema, value }] of given.entries()) {
      app.tasks.define(`result-${n}`, { schema: { result: schema }, retries: 1 }, () => value)
      app.tasks.define(`progress-${n}`, { schema: { progress: schema } }, (_data, task) => task.reportProgress(value))
    }
    app.register(async scope => {
      scope.setSerializerCompiler((() => () => Buffer.from('{}')) as any)
      scope.tasks.define('binary', { schema: { result: { type: 'object' } } }, () => ({}))
    })
  })
  const fails = async (name: string): Promise<any> => (await reaches(app, (await app.tasks.enqueue(name)).id, 'failed'))
  for (const n of given.keys()) {
    const result = await fails(`result-${n}`)
    t.match(result, { attempt: 1, error: { code: 'FST_TASKS_RESULT_INVALID', message: /not JSON/ } })
    t.match((await fails(`progress-${n}`)).error, { code: 'FST_TASKS_PROGRESS_INVALID', message: /not JSON/ })
  }
  t.match(await fails('binary'), { error: { code: 'FST_TASKS_RESULT_INVALID' } })
})

t.test('$ref finds what addSchema added, in the scope that defines', async t => {
  const app = await build(t, {}, app => {
    app.addSchema({ $id: 'person', type: 'object', required: ['name'], properties: { name: { type: 'string' } } })
    app.tasks.define('outer', { schema: { data: { $ref: 'person#' } } })
    // From here on the app has a compiler.
    app.get('/', { schema: { querystring: { type: 'object', properties: {} } } }, () => 1)
    app.register(async scope => {
      scope.addSchema({ $id: 'pet', type: 'object', required: ['kind'], properties: { kind: { type: 'string' } } })
      scope.tasks.define('inner', { schema: { data: { $ref: 'pet#' } } })
    })
  })
  t.match(await errorOf(app.tasks.enqueue('outer', {})), { message: /must have required property 'name'/ })
  t.match(await errorOf(app.tasks.enqueue('inner', {})), { message: /must have required property 'kind'/ })
})

t.test('the app\'s validator compiler, like zod\'s: data is stored as it came, the worker makes the value', async t => {
  const seen: any[] = []
  const app = Fastify()
  t.teardown(() => app.close())
  app.setValidatorCompiler(({ schema, httpPart }: any) => {
    seen.push(httpPart)
    return data => schema.accepts(data) ? { value: { wrapped: data } } : { error: new Error('not accepted') }
  })
  await app.register(tasks, { ...where(), worker: true, routes: false })
  const data = { accepts: (data: unknown) => data === 'good' }
  app.tasks.define('x', { expose: ['data'], schema: { data } }, data => data)
  await app.ready()
  t.match(await errorOf(app.tasks.enqueue('x', 'bad')), {
    message: 'not accepted', statusCode: 400, code: 'FST_ERR_VALIDATION'
  })
  const handle = await app.tasks.enqueue('x', 'good')
  t.same(await handle.result({ timeout: 60_000 }), { wrapped: 'good' }, 'made once')
  t.equal((await handle.status())!.data, 'good')
  t.same(seen, ['body'])
})

t.test('an attempt that is made again gets the same value', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  app.setValidatorCompiler(() => (data: any) => ({ value: data + 1 }))
  await app.register(tasks, { ...where(), worker: true, routes: false })
  app.tasks.define('x', { retries: 2, backoff: { strategy: 'immediate' }, schema: { data: {} } }, (data, task) => {
    if (task.attempt < 3) throw new Error('again')
    return data
  })
  await app.ready()
  t.equal(await (await app.tasks.enqueue('x', 1)).result({ timeout: 60_000 }), 2)
})

t.test('a schema that is none fails the boot', async t => {
  for (const part of ['data', 'result', 'progress'] as const) {
    const error = await errorOf(build(t, {}, app => {
      app.tasks.define('x', { schema: { [part]: { type: 'nonsense' } } })
    }))
    t.match(error, { code: 'FST_TASKS_SCHEMA_INVALID', message: new RegExp(`"x".*${part}`) })
  }
  const app = await build(t)
  t.match(await errorOf(() => app.tasks.define('late', { schema: { data: { type: 'nonsense' } } })), {
    code: 'FST_TASKS_SCHEMA_INVALID'
  })
  t.match(await errorOf(() => app.tasks.define('y', { schema: { dta: {} } as any })), {
    code: 'FST_TASKS_OPTION_UNKNOWN', message: /"data"/
  })
  t.match(await errorOf(() => app.tasks.define('y', { schema: { data: 7 } })), {
    code: 'FST_TASKS_TASK_OPTION_INVALID', message: /schema\.data/
  })
})

t.test('a compiler that refuses a schema fails the boot: nothing else is tried', async t => {
  const refuses = (part: string) => (): never => { throw new Error(`no ${part} of mine`) }
  for (const part of ['data', 'result'] as const) {
    const error = await errorOf(build(t, { routes: false }, app => {
      app.setValidatorCompiler(refuses('validator'))
      app.setSerializerCompiler(refuses('serializer'))
      app.tasks.define('x', { schema: { [part]: { type: 'object' } } })
    }))
    t.match(error, { code: 'FST_TASKS_SCHEMA_INVALID', message: new RegExp(`"x".*${part}.*of mine`) })
  }
})

t.test('a validator that throws or is asynchronous: a coded error, and no task is enqueued unchecked', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix, routes: false }, app => {
    app.setValidatorCompiler(({ schema }: any) => schema.validate)
    app.tasks.define('throws', { schema: { data: { validate: () => { throw new Error('not of this kind') } } } })
    app.tasks.define('later', { schema: { data: { validate: async () => { throw new Error('too late') } } } })
  })
  t.match(await errorOf(app.tasks.enqueue('throws', {})), {
    code: 'FST_TASKS_SCHEMA_INVALID', statusCode: 500, message: /not of this kind/
  })
  t.match(await errorOf(app.tasks.enqueue('later', {})), {
    code: 'FST_TASKS_SCHEMA_INVALID', message: /asynchronously/
  })
  t.same(await keysOf(t, prefix), [])
  const error = await errorOf(build(t, {}, app => {
    app.tasks.define('x', { schema: { data: { $async: true, type: 'object' } } })
  }))
  t.match(error, { code: 'FST_TASKS_SCHEMA_INVALID', message: /asynchronously/ })
})

t.test('a Fastify that keeps its compilers elsewhere is told of, not worked around', t => {
  const find = (): unknown => validatorCompilerOf({ version: '5.99.0' } as any)
  t.throws(find, /Fastify 5\.99\.0 has no "fastify\.schemaController"/)
  t.end()
})
