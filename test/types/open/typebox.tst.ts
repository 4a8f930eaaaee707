// Types through @fastify/type-provider-typebox.
import { Type, type FastifyPluginAsyncTypebox, type TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import Fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify'
import { expect, test } from 'tstyche'
import type { FastifyTasks, Task, TaskContext, TaskHandle, TaskRecord } from 'fastify-tasks'
import tasks from 'fastify-tasks'

declare const plain: FastifyInstance
const app = plain.withTypeProvider<TypeBoxTypeProvider>()

const Steps = Type.Object({ total: Type.Integer(), label: Type.Optional(Type.String()) })
const Sum = Type.Object({ sum: Type.Number() })
const Progress = Type.Object({ current: Type.Integer() })

test('data, result, progress and this, from their schemas', async () => {
  const task = app.tasks.define('x', { schema: { data: Steps, result: Sum, progress: Progress }, retries: 3 }, async function (data, task) {
    expect(data).type.toBe<{ total: number, label?: string }>()
    expect(task).type.toBe<TaskContext<{ total: number, label?: string }, { current: number }>>()
    const self = this
    expect(self).type.toBe<typeof app>()
    await task.updateState('ONE', { current: 1 })
    // @ts-expect-error 'done' does not exist in type '{ current: number; }'
    await task.reportProgress({ done: 1 })
    return { sum: data.total, more: 'is left out by the serializer' }
  })
  expect(task).type.toBe<Task<{ total: number, label?: string }, { sum: number }, { current: number }>>()
  const handle = await task.enqueue({ total: 1 })
  expect(handle).type.toBe<TaskHandle<{ sum: number }, { current: number }>>()
  expect(await handle.result()).type.toBe<{ sum: number }>()
  expect(await handle.status()).type.toBe<TaskRecord<{ sum: number }, { current: number }> | null>()
  // @ts-expect-error Type 'string' is not assignable to type 'number'
  await task.enqueue({ total: '1' })
  // @ts-expect-error Expected 1-2 arguments, but got 0
  await task.enqueue()
  // @ts-expect-error Type 'string' is not assignable to type 'number'
  await task.enqueueMany([{ data: { total: '1' } }])
})

test('a part without a schema is as without a provider', () => {
  expect(app.tasks.define('x', { schema: { data: Steps } }, data => data.total)).type.toBe<Task<{ total: number, label?: string }, number, any>>()
  expect(app.tasks.define('x', { schema: { result: Sum } }, (data: number) => ({ sum: data }))).type.toBe<Task<number, { sum: number }, any>>()
  expect(app.tasks.define('x', (data: number) => data)).type.toBe<Task<number, number, any>>()
  expect(app.tasks.define('x', { schema: { data: Steps, result: Sum } })).type.toBe<Task<{ total: number, label?: string }, { sum: number }, any>>()
  expect(app.tasks.define<string, number>('x', { schema: { data: { type: 'string' } } }, data => data.length)).type.toBe<Task<string, number, any>>()
  expect(app.tasks.define('x', { schema: { data: Type.Null() } }, data => data)).type.toBe<Task<null, null, any>>()
  expect(plain.tasks.define('x', { schema: { data: Steps } }, data => 1)).type.toBe<Task<any, number, any>>()
})

test('a handler that does not fit', () => {
  app.tasks.define('x', { schema: { data: Steps } }, (data: { total: number }) => data.total)
  // @ts-expect-error Type 'number' is not assignable to type 'string'
  app.tasks.define('x', { schema: { data: Steps } }, (data: { total: string }) => data.total)
  // @ts-expect-error Property 'length' does not exist on type 'number'
  app.tasks.define('x', { schema: { data: Steps } }, data => data.total.length)
  // @ts-expect-error Property 'sum' is missing in type
  app.tasks.define('x', { schema: { result: Sum } }, async () => ({ sums: 1 }))
  // @ts-expect-error Type 'string' is not assignable to type 'number'
  app.tasks.define('x', { schema: { result: Sum } }, async function (data) { return { sum: String(data) } })
  // @ts-expect-error not assignable to parameter of type
  app.tasks.define('x', { schema: { result: Sum } }, () => {})
  // @ts-expect-error 'body' does not exist in type 'TaskSchemas
  app.tasks.define('x', { schema: { body: Steps } }, () => 1)
})

test('a literal is written as const, as in a route\'s handler', () => {
  const kind = Type.Object({ kind: Type.Union([Type.Literal('a'), Type.Literal('b')]) })
  app.tasks.define('x', { schema: { result: kind } }, async () => ({ kind: 'a' as const }))
  // @ts-expect-error Type 'string' is not assignable to type '"a" | "b"'
  app.tasks.define('x', { schema: { result: kind } }, async () => ({ kind: 'a' }))
  // @ts-expect-error '"c"' is not assignable to type '"a" | "b"'
  app.tasks.define('x', { schema: { result: kind } }, async () => ({ kind: 'c' as const }))
})

test('in a route with a schema', () => {
  const task = app.tasks.define('x', { schema: { data: Steps } }, data => data.total)
  app.post('/', { schema: { body: Steps, response: { 202: Type.Object({ id: Type.String() }) } } }, async (request, reply) =>
    reply.accepted(await task.enqueue(request.body)))
  app.post('/wrong', { schema: { body: Sum } }, async (request, reply) => {
    // @ts-expect-error Property 'total' is missing
    return reply.accepted(await task.enqueue(request.body))
  })
})

test('in a typed plugin, which registers as before', () => {
  const plugin: FastifyPluginAsyncTypebox = async fastify => {
    fastify.tasks.define('x', { schema: { data: Steps } }, async function (data) {
      expect(data.total).type.toBe<number>()
      expect(this.log).type.toBe<FastifyBaseLogger>()
    })
  }
  expect(plain.register).type.toBeCallableWith(plugin)
  expect(app.register).type.toBeCallableWith(plugin)
})

test('instances stay as assignable as they were', () => {
  expect(app).type.toBeAssignableTo<FastifyInstance>()
  expect(plain).type.toBeAssignableTo<typeof app>()
  expect(Fastify()).type.toBeAssignableTo<FastifyInstance>()
  const secure = Fastify({ http2: true })
  secure.tasks.define('x', function (data: number) { return this.server.listening && data > 1 })
  secure.register(tasks, { worker: true })
  secure.post('/', async (_request, reply) => reply.accepted(await secure.tasks.enqueue('x')))
  expect(secure).type.not.toBeAssignableTo<FastifyInstance>()
  expect(app.tasks).type.toBe<FastifyTasks<TypeBoxTypeProvider, typeof app>>()
  expect(app.tasks).type.toBeAssignableTo<FastifyTasks>()
})
