import Fastify, { type FastifyInstance } from 'fastify'
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod'
import t, { type Test } from 'tap'
import { z } from 'zod'
import tasks from '../../lib/plugin.ts'
import type { TasksOptions } from '../../lib/types.ts'
import { build, connect, errorOf, randomPrefix, reaches, REDIS_URL } from '../support/helpers.ts'

const Mail = z.object({ to: z.email(), times: z.number().int().default(1) })

/** An app with zod's compilers. */
async function zodApp (
  t: Test, define: (app: FastifyInstance) => unknown, options: TasksOptions = {}
): Promise<FastifyInstance> {
  return build(t, options, app => {
    app.setValidatorCompiler(validatorCompiler)
    app.setSerializerCompiler(serializerCompiler)
    return define(app)
  })
}

t.test('zod\'s compilers, set before or after the plugin, work for all routes and for tasks', async t => {
  for (const order of ['before', 'after'] as const) {
    const app = Fastify().withTypeProvider<ZodTypeProvider>()
    t.teardown(() => app.close())
    const setCompilers = (): void => {
      app.setValidatorCompiler(validatorCompiler)
      app.setSerializerCompiler(serializerCompiler)
    }
    if (order === 'before') setCompilers()
    const prefix = randomPrefix()
    await app.register(tasks, { prefix, redis: REDIS_URL, routes: { cancel: true } })
    if (order === 'after') setCompilers()
    const schema = { data: Mail, result: z.object({ sent: z.number() }), progress: z.object({ n: z.number() }) }
    const mail = app.tasks.define('mail', { schema }, async (data: z.output<typeof Mail>, task) => {
      await task.reportProgress({ n: 1, secret: 1 } as any)
      return { sent: data.times, secret: 2 }
    })
    app.post('/mail', { schema: { body: Mail } }, async (request, reply) =>
      reply.accepted(await mail.enqueue(request.body)))
    app.post('/unchecked', async (request, reply) => reply.accepted(await mail.enqueue(request.body as any)))
    await app.ready()

    const bad = await app.inject({ method: 'POST', url: '/unchecked', payload: { to: 'nobody' } })
    t.match(bad.json(), {
      statusCode: 400,
      code: 'FST_ERR_VALIDATION',
      error: 'Bad Request',
      message: 'data/to Invalid email address'
    }, order)
    t.same(await connect(t).keys(`${prefix}*`), [], 'nothing was stored in Redis')

    const { id } = (await app.inject({ method: 'POST', url: '/mail', payload: { to: 'ada@example.com' } })).json()
    // Our routes have JSON Schemas, which zod's compilers refuse.
    t.match((await app.inject(`/tasks/${id}`)).json(), { id, state: 'waiting' })
    t.match((await app.inject('/tasks/nobody')).json(), { statusCode: 404, code: 'FST_TASKS_NOT_FOUND' })
    await app.tasks.startWorker()
    await reaches(app, id, 'succeeded')
    const record = (await app.inject(`/tasks/${id}`)).json()
    const removed = 'properties that the schemas do not name are removed'
    t.same([record.result, record.progress], [{ sent: 1 }, { n: 1 }], removed)
    t.match((await app.inject(`/tasks/${id}/events`)).body, /"sent":1/)
    t.equal((await app.inject({ method: 'DELETE', url: `/tasks/${id}` })).json().code, 'FST_TASKS_FINISHED')
  }
})

t.test('a scope may use zod, and the rest of the app JSON Schema', async t => {
  const app = await build(t, { worker: true }, app => {
    app.tasks.define('plain', { schema: { data: { type: 'integer' } } }, (data: number) => data + 1)
    app.register(async scope => {
      scope.setValidatorCompiler(validatorCompiler)
      scope.setSerializerCompiler(serializerCompiler)
      const schema = { data: z.string().toUpperCase(), result: z.array(z.string()) }
      scope.tasks.define('typed', { schema }, (data: string) => [data])
    })
  })
  t.equal(await (await app.tasks.enqueue('plain', '1')).result({ timeout: 60_000 }), 2)
  t.same(await (await app.tasks.enqueue('typed', 'a')).result({ timeout: 60_000 }), ['A'])
  t.match(await errorOf(app.tasks.enqueue('typed', 1)), { code: 'FST_ERR_VALIDATION', statusCode: 400 })
})

t.test('transforms run once, in the worker: the input is stored, the handler gets the output', async t => {
  const Length = z.string().transform(text => text.length)
  const When = z.object({
    at: z.iso.datetime().transform(text => new Date(text)),
    length: Length,
    twice: z.number().transform(n => n * 2),
    more: z.string().default('x')
  })
  const app = await zodApp(t, app => {
    app.tasks.define('x', {
      expose: ['data'],
      retries: 1,
      backoff: { strategy: 'immediate' },
      schema: { data: When }
    }, (data: z.output<typeof When>, task) => {
      if (task.attempt === 1) throw new Error('again: the second attempt has the input too')
      return [data.at instanceof Date && data.at.getTime(), data.length, data.twice, data.more]
    })
  }, { worker: true })
  const data = { at: '2026-01-01T00:00:00.000Z', length: 'four', twice: 21 }
  const handle = await app.tasks.enqueue('x', data)
  t.same(await handle.result({ timeout: 60_000 }), [Date.parse(data.at), 4, 42, 'x'])
  t.same((await handle.status())!.data, data)
  const error = await errorOf(app.tasks.enqueue('x', { ...data, length: 4 }))
  t.match(error, { code: 'FST_ERR_VALIDATION' }, 'an output is not a valid input')
})

t.test('codecs decode the data for the handler, and encode the result', async t => {
  const dateCodec = { decode: (text: string) => new Date(text), encode: (date: Date) => date.toISOString() }
  const day = z.codec(z.iso.datetime(), z.date(), dateCodec)
  const app = await zodApp(t, app => {
    app.tasks.define('next', { schema: { data: day, result: z.object({ day }) } }, (data: Date) =>
      ({ day: new Date(data.getTime() + 86_400_000) }))
  }, { worker: true })
  const handle = await app.tasks.enqueue('next', '2026-01-01T00:00:00.000Z')
  t.same(await handle.result({ timeout: 60_000 }), { day: '2026-01-02T00:00:00.000Z' })
})

t.test('data is validated as JSON: the schema gets a Date as a string', async t => {
  const app = await zodApp(t, app => {
    app.tasks.define('strict', { schema: { data: z.object({ at: z.date() }) } })
    const coerced = z.object({ at: z.coerce.date() })
    app.tasks.define('coerced', { schema: { data: coerced } }, ({ at }: { at: Date }) => at.getTime())
  }, { worker: { queues: ['default'] } })
  const at = new Date(1_000)
  t.match(await errorOf(app.tasks.enqueue('strict', { at })), { code: 'FST_ERR_VALIDATION', message: /data\/at/ })
  t.equal(await (await app.tasks.enqueue('coerced', { at })).result({ timeout: 60_000 }), 1_000)
})

t.test('a worker validates too: invalid data fails with a code, without retries', async t => {
  const prefix = randomPrefix()
  const old = await build(t, { prefix }, app => { app.tasks.define('x') })
  const { id } = await old.tasks.enqueue('x', { to: 'nobody' }, { retries: 3 })
  await zodApp(t, app => { app.tasks.define('x', { schema: { data: Mail } }, () => 1) }, { prefix, worker: true })
  t.match(await reaches(old, id, 'failed'), {
    attempt: 1,
    attempts: 4,
    error: { code: 'FST_TASKS_DATA_REFUSED', message: /Invalid email address/ }
  })
})

t.test('a task fails if its schema refuses its result, or cannot encode it', async t => {
  const app = await zodApp(t, app => {
    app.tasks.define('wrong', { schema: { result: z.object({ n: z.number() }) } }, () => ({ n: 'one' }))
    app.tasks.define('oneway', { schema: { result: z.string().transform(text => text.length) } }, () => 3)
  }, { worker: true })
  for (const name of ['wrong', 'oneway']) {
    const { id } = await app.tasks.enqueue(name)
    t.match(await reaches(app, id, 'failed'), { error: { code: 'FST_TASKS_RESULT_INVALID' } }, name)
  }
})

t.test('a schema that the app\'s compilers do not understand is an error', async t => {
  const result = await errorOf(zodApp(t, app => {
    app.tasks.define('x', { schema: { result: { type: 'object', properties: {} } } }, () => 1)
  }))
  t.match(result, { code: 'FST_TASKS_SCHEMA_INVALID', message: /its result.*Invalid schema/ }, 'at the boot')
  const app = await zodApp(t, app => {
    app.tasks.define('json', { schema: { data: { type: 'object' } } })
    app.tasks.define('slow', { schema: { data: z.string().refine(async () => true) } })
  })
  // zod's compiler reads a data schema only when it is first used.
  t.match(await errorOf(app.tasks.enqueue('json', {})), { code: 'FST_TASKS_SCHEMA_INVALID', statusCode: 500 })
  t.match(await errorOf(app.tasks.enqueue('slow', 'text')), { code: 'FST_TASKS_SCHEMA_INVALID', message: /sync/ })
  const ajv = await errorOf(build(t, {}, app => { app.tasks.define('x', { schema: { data: Mail } }) }))
  t.match(ajv, { code: 'FST_TASKS_SCHEMA_INVALID' }, 'zod without its compilers')
})
