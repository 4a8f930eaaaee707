// Types through @fastify/type-provider-json-schema-to-ts: JSON Schema as it stands, without `as const`.
import type { FastifyPluginAsyncJsonSchemaToTs, JsonSchemaToTsProvider } from '@fastify/type-provider-json-schema-to-ts'
import type { FastifyInstance } from 'fastify'
import { expect, test } from 'tstyche'
import type { Task, TaskContext } from 'fastify-tasks'

declare const plain: FastifyInstance
const app = plain.withTypeProvider<JsonSchemaToTsProvider>()

test('data, result and progress', () => {
  const task = app.tasks.define('x', {
    schema: {
      data: { type: 'object', required: ['total', 'kind'], additionalProperties: false, properties: { total: { type: 'integer' }, kind: { enum: ['up', 'down'] } } },
      result: { type: 'array', items: { type: 'number' } },
      progress: { type: 'number' }
    }
  }, async (data, task) => {
    expect(data).type.toBe<{ total: number, kind: 'up' | 'down' }>()
    expect(task).type.toBe<TaskContext<{ total: number, kind: 'up' | 'down' }, number>>()
    return [data.total]
  })
  expect(task).type.toBe<Task<{ total: number, kind: 'up' | 'down' }, number[], number>>()
  expect(task.enqueue).type.toBeCallableWith({ total: 1, kind: 'up' })
  expect(task.enqueue).type.not.toBeCallableWith({ total: 1, kind: 'left' })
  // @ts-expect-error Type '"left"' is not assignable to type '"up" | "down"'
  task.enqueue({ total: 1, kind: 'left' })
  // @ts-expect-error not assignable to type 'Promise<number[]>'
  app.tasks.define('x', { schema: { result: { type: 'array', items: { type: 'number' } } } }, async () => ['one'])
})

test('defaults: left out at enqueue, there in the handler, where the provider is told so', () => {
  const schema = { data: { type: 'object', required: ['total'], additionalProperties: false, properties: { total: { type: 'integer' }, step: { type: 'integer', default: 1 } } } } as const
  const told = plain.withTypeProvider<JsonSchemaToTsProvider<{ SerializerSchemaOptions: { keepDefaultedPropertiesOptional: true } }>>()
  const task = told.tasks.define('x', { schema }, data => {
    expect(data).type.toBe<{ total: number, step: number }>()
  })
  expect(task.enqueue).type.toBeCallableWith({ total: 1 })
  expect(app.tasks.define('x', { schema }).enqueue).type.not.toBeCallableWith({ total: 1 })
})

test('in a typed plugin', () => {
  const plugin: FastifyPluginAsyncJsonSchemaToTs = async fastify => {
    expect(fastify.tasks.define('x', { schema: { data: { type: 'string' } } }, data => data.length)).type.toBe<Task<string, number, any>>()
  }
  expect(plain.register).type.toBeCallableWith(plugin)
  expect(app).type.toBeAssignableTo<FastifyInstance>()
})
