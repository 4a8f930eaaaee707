import Fastify from 'fastify'
import { Type, TypeBoxValidatorCompiler, type Static, type TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import t from 'tap'
import tasks from '../../lib/plugin.ts'
import { build, connect, errorOf, randomPrefix, reaches, REDIS_URL } from '../support/helpers.ts'

const Data = Type.Object({
  width: Type.Integer({ maximum: 1_000 }),
  format: Type.Union([Type.Literal('png'), Type.Literal('webp')], { default: 'png' })
}, { additionalProperties: false })
const Result = Type.Object({ bytes: Type.Integer(), note: Type.Optional(Type.String()) })
const Progress = Type.Object({ done: Type.Number() })

type Resize = Static<typeof Data>

for (const compiler of ['Fastify\'s own', 'TypeBoxValidatorCompiler'] as const) {
  t.test(`TypeBox with the compiler ${compiler}`, async t => {
    const prefix = randomPrefix()
    const app = Fastify().withTypeProvider<TypeBoxTypeProvider>()
    t.teardown(() => app.close())
    if (compiler === 'TypeBoxValidatorCompiler') app.setValidatorCompiler(TypeBoxValidatorCompiler)
    await app.register(tasks, { prefix, redis: REDIS_URL, routes: { cancel: true } })
    const schema = { data: Data, result: Result, progress: Progress }
    const resize = app.tasks.define('resize', { schema }, async ({ width }: Resize, task) => {
      await task.reportProgress({ done: 0.5, secret: 1 } as any)
      return { bytes: width * 2, secret: 2 }
    })
    app.post('/resize', { schema: { body: Data } }, async (request, reply) =>
      reply.accepted(await resize.enqueue(request.body)))
    app.post('/unchecked', async (request, reply) => reply.accepted(await resize.enqueue(request.body as Resize)))
    await app.ready()

    const bad = await app.inject({ method: 'POST', url: '/unchecked', payload: { width: 5_000, format: 'png' } })
    t.match(bad.json(), {
      statusCode: 400,
      code: 'FST_ERR_VALIDATION',
      error: 'Bad Request',
      message: 'data/width must be <= 1000'
    })
    t.match(await errorOf(resize.enqueue({ width: 1, format: 'gif' } as any)), {
      code: 'FST_ERR_VALIDATION',
      statusCode: 400,
      validationContext: 'data'
    })
    t.same(await connect(t).keys(`${prefix}*`), [], 'nothing was stored in Redis')

    await app.tasks.startWorker()
    const accepted = await app.inject({ method: 'POST', url: '/resize', payload: { width: 100, format: 'webp' } })
    t.equal(accepted.statusCode, 202)
    const { id } = accepted.json()
    t.match(await reaches(app, id, 'succeeded'), { state: 'succeeded' })
    const record = (await app.inject(`/tasks/${id}`)).json()
    const removed = 'properties that the schemas do not name are removed'
    t.same([record.result, record.progress], [{ bytes: 200 }, { done: 0.5 }], removed)
    const stored = await connect(t).hget(`${prefix}:{default}:jobs`, id)
    t.match(stored, '"bytes":200')
    t.notMatch(stored, 'secret', 'they are not in Redis either')
    t.same(await (await app.tasks.handle(id))!.result(), { bytes: 200 })
    t.equal((await app.inject({ method: 'DELETE', url: `/tasks/${id}` })).statusCode, 409)
  })
}

t.test('Ajv sets the defaults of TypeBox\' schemas; TypeBox\' own compiler does not, as for bodies', async t => {
  const app = await build(t, {}, app => { app.tasks.define('x', { expose: ['data'], schema: { data: Data } }) })
  t.same((await (await app.tasks.enqueue('x', { width: '7' })).status())!.data, { width: 7, format: 'png' })
  const strict = await build(t, {}, app => {
    app.setValidatorCompiler(TypeBoxValidatorCompiler)
    app.tasks.define('x', { schema: { data: Data } })
  })
  const error = await errorOf(strict.tasks.enqueue('x', { width: '7', format: 'png' }))
  t.match(error, { code: 'FST_ERR_VALIDATION', message: 'data/width must be integer' })
})

t.test('a worker validates too: invalid data fails with a code, without retries', async t => {
  const prefix = randomPrefix()
  const old = await build(t, { prefix }, app => { app.tasks.define('x') })
  const { id } = await old.tasks.enqueue('x', { width: 'wide' }, { retries: 3 })
  await build(t, { prefix, worker: true }, app => {
    app.setValidatorCompiler(TypeBoxValidatorCompiler)
    app.tasks.define('x', { schema: { data: Data } }, () => 1)
  })
  t.match(await reaches(old, id, 'failed'), {
    attempt: 1,
    attempts: 4,
    error: { code: 'FST_TASKS_DATA_REFUSED', message: /width|format/ }
  })
})

t.test('TypeBox schemas may refer to shared schemas', async t => {
  const app = await build(t, {}, app => {
    app.addSchema(Type.Object({ name: Type.String() }, { $id: 'Person' }))
    const schema = { data: Type.Object({ to: Type.Unsafe(Type.Ref('Person#')) }), result: Type.Ref('Person#') }
    app.tasks.define('x', { schema }, (data: any) => data.to)
  })
  const error = await errorOf(app.tasks.enqueue('x', { to: {} }))
  t.match(error, { message: 'data/to must have required property \'name\'' })
  await app.tasks.startWorker()
  const handle = await app.tasks.enqueue('x', { to: { name: 'Ada', secret: 1 } })
  t.same(await handle.result({ timeout: 60_000 }), { name: 'Ada' })
})
