// Types through fastify-type-provider-zod. What is said here of codecs and defaults runs in test/tasks/type-providers.test.ts.
import type { FastifyPluginAsyncZod, ZodTypeProvider } from 'fastify-type-provider-zod'
import type { FastifyInstance } from 'fastify'
import { expect, test } from 'tstyche'
import z from 'zod'
import { chain, type Task } from 'fastify-tasks'

declare const plain: FastifyInstance
const app = plain.withTypeProvider<ZodTypeProvider>()

const isoDate = z.codec(z.iso.datetime(), z.date(), { decode: text => new Date(text), encode: date => date.toISOString() })
const decimal = z.codec(z.string(), z.number(), { decode: Number, encode: String })

test('an enqueue takes the input, the handler gets the output', () => {
  const task = app.tasks.define('x', { schema: { data: z.object({ n: z.coerce.number<string>(), step: z.number().default(1), at: isoDate.optional() }) } }, async data => {
    expect(data).type.toBe<{ n: number, step: number, at?: Date | undefined }>()
    return data.step
  })
  expect(task).type.toBe<Task<{ n: string, step?: number | undefined, at?: string | undefined }, number, any>>()
  expect(task.enqueue).type.toBeCallableWith({ n: '1' })
  expect(task.enqueue).type.toBeCallableWith({ n: '1', step: 2, at: '2026-01-01T00:00:00Z' })
  expect(task.enqueue).type.not.toBeCallableWith({ n: 1 })
  // @ts-expect-error Type 'number' is not assignable to type 'string'
  task.enqueue({ n: 1 })
  // @ts-expect-error Property 'n' is missing
  task.enqueue({ step: 1 })
})

test('the handler returns the output of the result\'s schema, a reader gets what is written', async () => {
  const task = app.tasks.define('x', { schema: { result: z.object({ at: isoDate, count: z.number().default(0) }), progress: z.number() } }, async function (data, task) {
    await task.reportProgress(0.5)
    return { at: new Date(), count: 1 }
  })
  expect(task).type.toBe<Task<any, { at: string, count: number }, number>>()
  expect(app.tasks.define('x', { schema: { result: z.object({ n: decimal }) } }, () => ({ n: 1 }))).type.toBe<Task<any, { n: string }, any>>()
  expect(app.tasks.define('x', { schema: { result: z.object({ n: decimal, count: z.number().default(0), more: z.array(decimal) }) } }, () => ({ n: 1, count: 1, more: [1] }))).type.toBe<Task<any, { n: string, count: number, more: string[] }, any>>()
  expect(app.tasks.define('x', { schema: { result: z.object({ at: z.date() }) } }, () => ({ at: new Date() }))).type.toBe<Task<any, { at: string }, any>>()
  // @ts-expect-error Type 'string' is not assignable to type 'Date'
  app.tasks.define('x', { schema: { result: z.object({ at: isoDate }) } }, async () => ({ at: 'now' }))
  // @ts-expect-error Argument of type 'string' is not assignable to parameter of type 'number'
  app.tasks.define('x', { schema: { progress: z.number() } }, async (_data, task) => { await task.reportProgress('half') })
})

test('data that may be left out', () => {
  const task = app.tasks.define('x', { schema: { data: z.object({ n: z.number() }).default({ n: 1 }) } }, data => data.n)
  expect(task.enqueue).type.toBeCallableWith()
  expect(task.enqueue).type.not.toBeCallableWith({ n: '1' })
})

test('in a typed plugin', () => {
  const plugin: FastifyPluginAsyncZod = async fastify => {
    const task = fastify.tasks.define('x', { schema: { data: z.string() } }, async data => data.length)
    fastify.post('/', { schema: { body: z.object({ text: z.string() }) } }, async (request, reply) =>
      reply.accepted(await task.enqueue(request.body.text)))
  }
  expect(plain.register).type.toBeCallableWith(plugin)
  expect(app).type.toBeAssignableTo<FastifyInstance>()
})

test('without the provider a schema says nothing', () => {
  expect(plain.tasks.define('x', { schema: { data: z.string(), result: z.number() } }, () => 1)).type.toBe<Task<any, number, any>>()
})

test('hooks of a task see the output of its schemas, and the input before the enqueue', () => {
  const schema = { data: z.object({ n: z.coerce.number<string>() }), result: z.object({ sum: z.number() }), progress: z.number() }
  const task = app.tasks.define('x', {
    schema,
    preEnqueue: entry => { expect(entry.data).type.toBe<{ n: string }>() },
    preHandler: async task => { expect(task.data).type.toBe<{ n: number }>() },
    onSuccess: async (_task, result) => { expect(result).type.toBe<{ sum: number }>() }
  }, async data => ({ sum: data.n }))
  expect(task).type.toBe<Task<{ n: string }, { sum: number }, number>>()
})

test('in a chain the input of schema.previous is compared, the handler gets its output', () => {
  const before = app.tasks.define('a', { schema: { result: z.object({ n: decimal }) } }, async () => ({ n: 1 }))
  const schema = { previous: z.object({ n: decimal, step: z.number().default(1) }) }
  const after = app.tasks.define('b', { schema }, async (_data, task) => {
    expect(await task.previous()).type.toBe<{ n: number, step: number }>()
  })
  const number = app.tasks.define('c', { schema: { result: z.object({ n: z.number() }) } }, async () => ({ n: 1 }))
  expect(chain).type.toBeCallableWith(before.signature(), after.signature())
  expect(chain).type.not.toBeCallableWith(number.signature(), after.signature())
})
