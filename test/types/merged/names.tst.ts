// With names merged into `Tasks`: a program of its own, because they hold for all of it.
import { Type, type TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { FastifyInstance } from 'fastify'
import { expect, test } from 'tstyche'
import z from 'zod'
import type { FastifyTasks, Task, TaskContext, TaskHandle, TaskName, TaskRecord } from 'fastify-tasks'

declare module 'fastify-tasks' {
  interface Tasks {
    mail: { data: { to: string, urgent?: boolean }, result: { at: Date, kind: 'sent' | 'bounced' }, progress: number }
    sweep: { result: number }
    tick: { data: void }
  }
}

// What register(tasks, { name: 'reports' }) adds.
declare module 'fastify' {
  interface FastifyInstance {
    reports: this['tasks']
  }
}

declare const app: FastifyInstance

test('by name', async () => {
  expect<TaskName>().type.toBe<'mail' | 'sweep' | 'tick'>()
  const handle = await app.tasks.enqueue('mail', { to: 'a@example.com' }, { delay: 1_000 })
  expect(handle).type.toBe<TaskHandle<{ at: string, kind: 'sent' | 'bounced' }, number>>()
  expect(await handle.result()).type.toBe<{ at: string, kind: 'sent' | 'bounced' }>()
  expect(await handle.status()).type.toBe<TaskRecord<{ at: string, kind: 'sent' | 'bounced' }, number> | null>()
  expect(await app.tasks.enqueueMany('mail', [{ data: { to: 'a@example.com' } }])).type.toBe<Array<TaskHandle<{ at: string, kind: 'sent' | 'bounced' }, number>>>()
  expect(await app.tasks.enqueue('sweep')).type.toBe<TaskHandle<number, unknown>>()
  expect(await app.tasks.enqueue('sweep', { what: 'ever' })).type.toBe<TaskHandle<number, unknown>>()
  expect(await app.tasks.enqueue('tick')).type.toBe<TaskHandle<unknown, unknown>>()
})

test('by name, wrong', () => {
  // @ts-expect-error Argument of type '"mial"' is not assignable to parameter of type 'keyof Tasks'
  app.tasks.enqueue('mial', { to: 'a@example.com' })
  // @ts-expect-error Type 'number' is not assignable to type 'string'
  app.tasks.enqueue('mail', { to: 1 })
  // @ts-expect-error 'too' does not exist in type
  app.tasks.enqueue('mail', { too: 'a@example.com' })
  // @ts-expect-error Expected 2-3 arguments, but got 1
  app.tasks.enqueue('mail')
  // @ts-expect-error 'dely' does not exist in type 'EnqueueOptions'
  app.tasks.enqueue('mail', { to: 'a@example.com' }, { dely: 1 })
  // @ts-expect-error Property 'data' is missing
  app.tasks.enqueueMany('mail', [{ delay: 1 }])
  // @ts-expect-error Argument of type '"mial"' is not assignable
  app.tasks.enqueueMany('mial', [])
  // @ts-expect-error Argument of type '["now"]' is not assignable
  app.tasks.enqueue('tick', 'now')
})

test('define takes what was merged, where nothing else says', () => {
  const mail = app.tasks.define('mail', { retries: 3 }, async (data, task) => {
    expect(data).type.toBe<{ to: string, urgent?: boolean }>()
    expect(task).type.toBe<TaskContext<{ to: string, urgent?: boolean }, number>>()
    return { at: new Date(), kind: 'sent' as const }
  })
  expect(mail).type.toBe<Task<{ to: string, urgent?: boolean }, { at: string, kind: 'sent' | 'bounced' }, number>>()
  expect(app.tasks.define('mail')).type.toBe<Task<{ to: string, urgent?: boolean }, { at: string, kind: 'sent' | 'bounced' }, number>>()
  expect(app.tasks.define('sweep', data => data.count as number)).type.toBe<Task<any, number, any>>()
  expect(app.tasks.define('sweep', (data: { count: number }) => data.count)).type.toBe<Task<{ count: number }, number, any>>()
  app.tasks.define('mail', async (data: { to: string }) => ({ at: new Date(), kind: data.to === '' ? 'bounced' as const : 'sent' as const }))
})

test('hooks of a task see what was merged', () => {
  app.tasks.define('mail', {
    preHandler: async task => { expect(task.data).type.toBe<{ to: string, urgent?: boolean }>() },
    onSuccess: async (_task, result) => { expect(result).type.toBe<{ at: Date, kind: 'sent' | 'bounced' }>() }
  })
})

test('a handler that clashes with what was merged', () => {
  // @ts-expect-error Type 'string' is not assignable to type 'number'
  app.tasks.define('mail', {}, async (data: { to: number }) => ({ at: new Date(), kind: 'sent' as const }))
  // @ts-expect-error Property 'cc' is missing in type
  app.tasks.define('mail', {}, async (data: { to: string, cc: string }) => ({ at: new Date(), kind: 'sent' as const }))
  // @ts-expect-error Type 'string' is not assignable to type 'Date'
  app.tasks.define('mail', {}, async () => ({ at: 'now', kind: 'sent' as const }))
  // @ts-expect-error Type 'Promise<string>' is not assignable to type 'Promise<number>'
  app.tasks.define('sweep', {}, async () => 'all')
  // @ts-expect-error No overload matches this call
  app.tasks.define('sweep', async () => 'all')
  // @ts-expect-error Argument of type 'string' is not assignable to parameter of type 'number'
  app.tasks.define('mail', {}, async (_data, task) => { await task.reportProgress('half'); return { at: new Date(), kind: 'sent' as const } })
})

test('a schema speaks for itself, and must not clash with what was merged', () => {
  const typed = app.withTypeProvider<TypeBoxTypeProvider>()
  const data = Type.Object({ to: Type.String(), urgent: Type.Optional(Type.Boolean()) })
  const result = Type.Object({ at: Type.String(), kind: Type.Literal('sent') })
  expect(typed.tasks.define('mail', { schema: { data, result } })).type.toBe<Task<{ to: string, urgent?: boolean }, { at: string, kind: 'sent' }, number>>()
  // @ts-expect-error interface Tasks says something else of
  typed.tasks.define('mail', { schema: { data: Type.Object({ to: Type.Number() }) } }, async () => ({ at: new Date(), kind: 'sent' as const }))
  // @ts-expect-error interface Tasks says something else of
  typed.tasks.define('sweep', { schema: { result: Type.String() } }, async () => 'all')
  // @ts-expect-error interface Tasks says something else of
  typed.tasks.define('mail', { schema: { progress: Type.String() } }, async () => ({ at: new Date(), kind: 'sent' as const }))

  const zodded = app.withTypeProvider<ZodTypeProvider>()
  const Mail = z.object({ to: z.string(), urgent: z.boolean().default(false) })
  expect(zodded.tasks.define('mail', { schema: { data: Mail } }, async data => {
    expect(data).type.toBe<{ to: string, urgent: boolean }>()
    return { at: new Date(), kind: 'sent' as const }
  })).type.toBe<Task<{ to: string, urgent?: boolean | undefined }, { at: string, kind: 'sent' | 'bounced' }, number>>()
})

test('other names stay open to define, and type arguments say what they say', () => {
  expect(app.tasks.define('other', (data: { n: number }) => data.n)).type.toBe<Task<{ n: number }, number, any>>()
  expect(app.tasks.define('other', data => data)).type.toBe<Task<any, any, any>>()
  expect(app.tasks.define<{ n: number }, string>('other', data => String(data.n))).type.toBe<Task<{ n: number }, string, any>>()
  const name: string = 'computed'
  expect(app.tasks.define(name, () => 1)).type.toBe<Task<any, number, any>>()
})

test('a second one, under another name', () => {
  expect(app.reports).type.toBe<FastifyTasks>()
  const typed = app.withTypeProvider<TypeBoxTypeProvider>()
  expect(typed.reports.define('x', { schema: { data: Type.String() } }, data => data.length)).type.toBe<Task<string, number, any>>()
  expect(typed).type.toBeAssignableTo<FastifyInstance>()
  expect(app.reports.define('x', function (data: number) { return this.hasDecorator('reports') ? data : 0 })).type.toBe<Task<number, number, any>>()
})
