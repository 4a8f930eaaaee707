// Without a type provider and without merged names: the handler's own types, or type arguments, or any.
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import { expect, test } from 'tstyche'
import type { AttemptEnd, DefineOptions, EnqueueEntry, FastifyTasks, HookDone, HookError, ScheduledTick, Stall, StalledTask, Task, TaskContext, TaskHandle, TaskHandler, TaskLogs, TaskPage, TaskRecord } from 'fastify-tasks'

declare const app: FastifyInstance

test('nothing says anything: any data, a result of the handler\'s', () => {
  const task = app.tasks.define('x', async (data, task) => {
    expect(data).type.toBe<any>()
    expect(task).type.toBe<TaskContext<any, any>>()
    expect(task.log).type.toBe<FastifyBaseLogger>()
    return { answer: data.total }
  })
  expect(task).type.toBe<Task<any, { answer: any }, any>>()
  expect(app.tasks.define('x', { retries: 3 }, () => 42)).type.toBe<Task<any, number, any>>()
  expect(app.tasks.define('x', async () => { await sleep(1) })).type.toBe<Task<any, void, any>>()
  expect(app.tasks.define('x', data => data)).type.toBe<Task<any, any, any>>()
  expect(app.tasks.define('x')).type.toBe<Task<any, unknown, any>>()
  expect(app.tasks.define('x', { queue: 'mail' })).type.toBe<Task<any, unknown, any>>()
  expect(app.tasks.define('x', { schema: { data: { type: 'object' }, result: { type: 'null' } } }, data => data)).type.toBe<Task<any, any, any>>()
})

test('the handler\'s annotations are taken', async () => {
  const double = app.tasks.define('double', async (data: { n: number }, task: TaskContext<{ n: number }, { at: number }>) => {
    await task.reportProgress({ at: 1 })
    // @ts-expect-error Type 'string' is not assignable to type 'number'
    await task.updateState('HALF', { at: 'half' })
    return String(data.n * 2)
  })
  expect(double).type.toBe<Task<{ n: number }, string, { at: number }>>()
  const handle = await double.enqueue({ n: 1 }, { delay: 1_000 })
  expect(handle).type.toBe<TaskHandle<string, { at: number }>>()
  expect(await handle.result({ timeout: 1_000 })).type.toBe<string>()
  expect(await handle.status()).type.toBe<TaskRecord<string, { at: number }> | null>()
  expect(await double.enqueueMany([{ data: { n: 1 }, delay: 1 }, { data: { n: 2 } }])).type.toBe<Array<TaskHandle<string, { at: number }>>>()
})

test('a handler of its own', () => {
  const send: TaskHandler<{ to: string }, { sent: boolean }, number> = async function (data, task) {
    this.log.info(data.to)
    await task.reportProgress(0.5)
    return { sent: true }
  }
  expect(app.tasks.define('send', { retries: 3 }, send)).type.toBe<Task<{ to: string }, { sent: boolean }, number>>()
  expect(app.tasks.define('send', send)).type.toBe<Task<{ to: string }, { sent: boolean }, number>>()
})

test('type arguments', () => {
  const one = app.tasks.define<{ n: number }>('x', data => {
    expect(data).type.toBe<{ n: number }>()
    return 1
  })
  expect(one).type.toBe<Task<{ n: number }, unknown, any>>()
  const all = app.tasks.define<{ n: number }, string, boolean>('x', { schema: { data: { type: 'object' } } }, async (data, task) => {
    expect(task).type.toBe<TaskContext<{ n: number }, boolean>>()
    return String(data.n)
  })
  expect(all).type.toBe<Task<{ n: number }, string, boolean>>()
  expect(app.tasks.define<{ n: number }, string>('enqueued here only')).type.toBe<Task<{ n: number }, string, any>>()
  // @ts-expect-error Type 'number' is not assignable to type 'string'
  app.tasks.define<{ n: number }, string>('x', {}, async data => data.n)
  // @ts-expect-error Type '{ n: number; }' is not assignable to type 'string'
  app.tasks.define<{ n: number }>('x', {}, (data: string) => data)
})

test('the type that a function returns, literals included', () => {
  function define ({ tasks }: FastifyInstance): Task<void, { kind: 'done' | 'left' }, { current: number }> {
    return tasks.define('x', async (_data, task) => {
      await task.updateState('ONE', { current: 1 })
      return { kind: 'done' }
    })
  }
  expect(define(app)).type.toBe<Task<void, { kind: 'done' | 'left' }, { current: number }>>()
})

test('a reader gets what JSON makes of a result', async () => {
  const task = app.tasks.define('x', () => ({ at: new Date(), file: Buffer.from(''), list: [new Date()], pair: [1, new URL('http://x')] as const, left: undefined, run () {}, more: {} as unknown }))
  expect(await (await task.enqueue()).result()).type.toBe<{
    at: string
    file: { type: 'Buffer', data: number[] }
    list: string[]
    pair: readonly [1, string]
    left: undefined
    run: undefined
    more: unknown
  }>()
  const maybe = app.tasks.define('x', (data: number) => data > 1 ? 'yes' : undefined)
  expect(maybe).type.toBe<Task<number, 'yes' | null, any>>()
  type Tree = string | Tree[] | { [key: string]: Tree }
  expect(app.tasks.define('x', async (): Promise<Tree> => 'leaf')).type.toBeAssignableTo<Task<any, Tree>>()
  interface Report { lines: Array<{ text: string, note?: string }> }
  expect(app.tasks.define('x', async (): Promise<Report> => ({ lines: [] }))).type.toBeAssignableTo<Task<any, Report>>()
})

test('data is asked for, unless it may be undefined', () => {
  const needs = app.tasks.define('x', (data: { n: number }) => data.n)
  expect(needs.enqueue).type.toBeCallableWith({ n: 1 })
  expect(needs.enqueue).type.toBeCallableWith({ n: 1 }, { delay: 1, expires: new Date(), id: 'one', backoff: { strategy: 'fixed', delay: 1 } })
  expect(needs.enqueue).type.not.toBeCallableWith()
  expect(needs.enqueue).type.not.toBeCallableWith({ n: '1' })
  expect(needs.enqueue).type.not.toBeCallableWith({ n: 1, m: 2 })
  expect(needs.enqueue).type.not.toBeCallableWith({ n: 1 }, { dely: 1 })
  expect(needs.enqueueMany).type.not.toBeCallableWith([{ delay: 1 }])
  // @ts-expect-error Type 'string' is not assignable to type 'number'
  needs.enqueue({ n: '1' })
  // @ts-expect-error Expected 1-2 arguments, but got 0
  needs.enqueue()
  // @ts-expect-error 'dely' does not exist in type 'EnqueueOptions'
  needs.enqueue({ n: 1 }, { dely: 1 })
  // @ts-expect-error Type 'string' is not assignable to type 'number'
  needs.enqueueMany([{ data: { n: '1' } }])
  // @ts-expect-error Property 'data' is missing
  needs.enqueueMany([{ delay: 1 }])
  // @ts-expect-error 'dely' does not exist in type
  needs.enqueueMany([{ data: { n: 1 }, dely: 1 }])

  const none = app.tasks.define('x', async (_data: void) => 1)
  const open = app.tasks.define('x')
  const optional = app.tasks.define('x', (data: { n: number } | undefined) => data?.n)
  expect(none.enqueue).type.toBeCallableWith()
  expect(open.enqueue).type.toBeCallableWith()
  expect(optional.enqueue).type.toBeCallableWith()
  none.enqueue(undefined, { delay: 1 })
  none.enqueueMany([{}, { delay: 1 }])
  open.enqueue(7, { delay: 1 })
  optional.enqueueMany([{ data: { n: 1 } }, {}])
  // @ts-expect-error Argument of type '[1]' is not assignable
  none.enqueue(1)
})

test('a helper for any task', () => {
  async function run<Data, Result> (task: Task<Data, Result>, data: Data): Promise<Result> {
    await task.enqueueMany([{ data }])
    return (await task.enqueue(data, { delay: 1 })).result()
  }
  expect(run(app.tasks.define('x', (data: { n: number }) => String(data.n)), { n: 1 })).type.toBe<Promise<string>>()
})

test('this is the instance on which define was called', () => {
  app.tasks.define('x', {}, async function (data: { n: number }) {
    const self = this
    expect(self).type.toBe<FastifyInstance>()
    // @ts-expect-error Property 'nothing' does not exist
    return this.nothing
  })
  const decorated = app as FastifyInstance & { db: { find (id: number): string } }
  expect(decorated.tasks.define('x', function (data: number) { return this.db.find(data) })).type.toBe<Task<number, string, any>>()
  app.tasks.define('x', { authorize (request, record) { return this.hasDecorator('db') && request.id === record.id } })
  // @ts-expect-error The 'this' types of each signature are incompatible
  app.tasks.define('x', {}, function (this: { db: string }) { return this.db })
})

test('wrong options', () => {
  // @ts-expect-error 'retry' does not exist in type 'DefineOptions
  app.tasks.define('x', { retry: 3 })
  // @ts-expect-error Type 'string' is not assignable to type 'number'
  app.tasks.define('x', { retries: '3' }, () => 1)
  // @ts-expect-error 'body' does not exist in type 'TaskSchemas
  app.tasks.define('x', { schema: { body: {} } }, () => 1)
  // @ts-expect-error Type '"result"' is not assignable to type '"data"'
  app.tasks.define('x', { expose: ['result'] })
  // @ts-expect-error Argument of type 'number' is not assignable to parameter of type 'string'
  app.tasks.define(7, {}, () => 1)
  // @ts-expect-error No overload matches this call
  app.tasks.define('x', 'handler')
  app.tasks.define('x', { unique: { key: data => data.id, scope: 5_000, onConflict: 'replace' } })
  app.tasks.define('x', { debounce: { key: data => data.id, wait: 5_000, maxWait: 60_000 } })
  // @ts-expect-error Type '"active"' is not assignable to type
  app.tasks.define('x', { unique: { scope: 'active' } })
  // @ts-expect-error Type '"throw"' is not assignable to type
  app.tasks.define('x', { unique: { onConflict: 'throw' } })
  // @ts-expect-error Property 'wait' is missing in type
  app.tasks.define('x', { debounce: { maxWait: 5 } })
  const shared: DefineOptions = { retries: 3, schema: { data: { type: 'object' } } }
  expect(app.tasks.define('x', shared, (data: { n: number }) => data.n)).type.toBe<Task<{ n: number }, number, any>>()
})

test('by name, open if no names are merged', async () => {
  const handle = await app.tasks.enqueue('any', { any: 'data' }, { delay: 1 })
  expect(handle).type.toBe<TaskHandle<unknown, unknown>>()
  await app.tasks.enqueue('any')
  await app.tasks.enqueueMany('any', [{}, { data: 1 }])
  expect(await app.tasks.handle<string>('id')).type.toBe<TaskHandle<string, unknown> | null>()
  expect(await app.tasks.status<string, number>('id')).type.toBe<TaskRecord<string, number> | null>()
  // @ts-expect-error 'dely' does not exist in type 'EnqueueOptions'
  await app.tasks.enqueue('any', {}, { dely: 1 })
  // @ts-expect-error Argument of type 'number' is not assignable to parameter of type 'string'
  await app.tasks.enqueue(7)
  // @ts-expect-error Argument of type '{}' is not assignable
  await app.tasks.list({})
})

test('reply.accepted takes a handle', () => {
  const task = app.tasks.define('x', (data: { n: number }) => data.n)
  app.post('/async', async (_request, reply) => reply.accepted(await task.enqueue({ n: 1 })))
  app.post<{ Body: { n: number } }>('/block', async (request, reply) => {
    await reply.accepted(await task.enqueue(request.body)).code(202)
  })
  app.post('/wrong', async (_request, reply) => {
    expect(reply.accepted).type.toBeCallableWith(await task.enqueue({ n: 1 }))
    expect(reply.accepted).type.not.toBeCallableWith(task.enqueue({ n: 1 }))
    expect(reply.accepted).type.not.toBeCallableWith('id')
    expect(reply.accepted).type.not.toBeCallableWith()
    // @ts-expect-error Argument of type 'Promise<TaskHandle<number, any>>' is not assignable
    reply.accepted(task.enqueue({ n: 1 }))
    // @ts-expect-error Argument of type 'Task<{ n: number; }, number, any, unknown>' is not assignable
    reply.accepted(task)
  })
})

test('the type of fastify.tasks', () => {
  expect(app.tasks).type.toBe<FastifyTasks>()
})

test('the data of a schedule is that of its task', () => {
  const report = app.tasks.define('report', async (data: { kind: string }, task) => {
    expect(task.schedule).type.toBe<ScheduledTick | null>()
    return data.kind
  })
  const plain = app.tasks.define('plain', async (_data: void) => {})
  app.tasks.defineSchedule('a', { task: report, data: { kind: 'daily' }, cron: '0 3 * * *', options: { retries: 3 } })
  app.tasks.defineSchedule('b', { task: plain, every: 60_000 })
  app.tasks.defineSchedule('c', { task: 'by-name', data: 1, every: 60_000 })
  // @ts-expect-error is not assignable
  app.tasks.defineSchedule('d', { task: report, data: { kind: 1 }, every: 60_000 })
  // @ts-expect-error 'id' does not exist in type
  app.tasks.defineSchedule('e', { task: plain, every: 60_000, options: { id: 'own' } })
})

test('a schedule has cron or every', () => {
  const task = app.tasks.define('plain', async (_data: void) => {})
  const { schedules } = app.tasks
  void schedules.set('a', { task, cron: '0 3 * * *', every: undefined, timezone: 'Europe/Berlin' })
  void schedules.set('b', { task: 'plain', every: 60_000, startAt: 0 })
  // @ts-expect-error 'number' is not assignable to type 'undefined'
  void schedules.set('c', { task, cron: '0 3 * * *', every: 60_000 })
  // @ts-expect-error No overload matches this call
  app.tasks.defineSchedule('d', { task, cron: '0 3 * * *', every: 60_000 })
  // @ts-expect-error is not assignable to parameter of type
  void schedules.set('e', { task })
  // @ts-expect-error 'string' is not assignable to type 'undefined'
  void schedules.set('f', { task, every: 60_000, timezone: 'Europe/Berlin' })
})

test('hooks of a scope', () => {
  const same = app.tasks.addHook('preHandler', async function (task) {
    expect(this).type.toBe<FastifyInstance>()
    expect(task).type.toBe<TaskContext<any, any>>()
  })
  expect(same).type.toBe<FastifyTasks>()
  app.tasks.addHook('preEnqueue', (entry, done) => {
    expect(entry).type.toBe<EnqueueEntry<any>>()
    expect(done).type.toBe<HookDone>()
    entry.options.delay = 1_000
    // @ts-expect-error Cannot assign to 'name' because it is a read-only property
    entry.name = 'y'
    done(new Error('no'))
  })
  app.tasks.addHook('onSuccess', (_task, result) => { expect(result).type.toBe<any>() })
  app.tasks.addHook('onError', async (_task, error) => { expect(error).type.toBe<HookError>() })
  app.tasks.addHook('onFailed', async (task, error) => {
    expect(task).type.toBe<StalledTask<any>>()
    expect(error).type.toBe<HookError>()
  })
  app.tasks.addHook('onAttemptEnd', async (_task, end) => { expect(end).type.toBe<AttemptEnd>() })
  app.tasks.addHook('onStalled', async (task, stall) => {
    expect(stall).type.toBe<Stall>()
    // @ts-expect-error Property 'signal' does not exist
    task.signal.throwIfAborted()
  })
  // @ts-expect-error Argument of type '"onRequest"' is not assignable
  app.tasks.addHook('onRequest', async () => {})
})

test('hooks of a task leave the handler\'s own types to it', () => {
  const task = app.tasks.define('x', { preHandler: task => { expect(task.data).type.toBe<any>() }, onSuccess: [async (_task, result) => { expect(result).type.toBe<any>() }] },
    async (data: { n: number }, task) => {
      await task.reportProgress(1)
      return data.n
    })
  expect(task).type.toBe<Task<{ n: number }, number, any>>()
})

test('limits and rates', async () => {
  app.tasks.define('x', { limit: { max: 2, key: data => data.tenant }, rate: { max: 10, timeWindow: 1_000 } }, () => {})
  app.tasks.define('x', { rate: [{ max: 1, timeWindow: 100, key: (data: { of: string }) => data.of }] }, () => {})
  // @ts-expect-error is not assignable to type
  app.tasks.define('x', { rate: { max: 10 } }, () => {})
  // @ts-expect-error is not assignable to type
  app.tasks.define('x', { rate: { max: 10, timeWindow: 1_000, key: () => 5 } }, () => {})
  expect(app.tasks.setLimit('x', { rate: [] })).type.toBe<Promise<void>>()
  expect(app.tasks.setLimit('x', { limit: { max: 1 }, rate: { max: 1, timeWindow: 100 } })).type.toBe<Promise<void>>()
})

test('tags, and lists by a tag', async () => {
  const handle = await app.tasks.enqueue('x', null, { tags: ['tenant:42'] })
  expect((await handle.status())!.tags).type.toBe<string[]>()
  expect(app.tasks.list({ tag: 'tenant:42' })).type.toBe<Promise<TaskPage>>()
  expect(app.tasks.list({ tag: 'tenant:42', state: 'failed' })).type.toBe<Promise<TaskPage>>()
  expect(app.tasks.count({ state: 'failed', tag: 'tenant:42' })).type.toBe<Promise<number>>()
  // @ts-expect-error is not assignable to type
  await app.tasks.enqueue('x', null, { tags: 'tenant:42' })
  // @ts-expect-error is not assignable to type
  app.tasks.list({ tag: 42 })
  // @ts-expect-error is not assignable to parameter
  app.tasks.list({})
})

test('the log of a task', async () => {
  app.tasks.define('x', { keepLogs: 65_536 }, () => {})
  expect(app.tasks.logs('id', { queue: 'mail', after: 7 })).type.toBe<Promise<TaskLogs | null>>()
  // @ts-expect-error is not assignable to type
  app.tasks.define('x', { keepLogs: true }, () => {})
  // @ts-expect-error is not assignable to type
  app.tasks.logs('id', { after: '7' })
})

test('priority, unique and debounce', async () => {
  app.tasks.define('x', { priority: 'high', unique: { key: data => data.id, scope: 60_000, onConflict: 'keep' } }, () => {})
  app.tasks.define('x', { debounce: { key: (data: { of: string }) => data.of, wait: 5_000, maxWait: 60_000 } }, () => {})
  const handle = await app.tasks.enqueue('x', null, { priority: 'low' })
  expect(handle.created).type.toBe<boolean>()
  // @ts-expect-error is not assignable to type
  await app.tasks.enqueue('x', null, { priority: 1 })
  // @ts-expect-error is not assignable to type
  app.tasks.define('x', { priority: 'urgent' }, () => {})
  // @ts-expect-error is not assignable to type
  app.tasks.define('x', { unique: { scope: 'always' } }, () => {})
  // @ts-expect-error is not assignable to type
  app.tasks.define('x', { unique: { onConflict: 'drop' } }, () => {})
  // @ts-expect-error Property 'wait' is missing
  app.tasks.define('x', { debounce: { maxWait: 60_000 } }, () => {})
})
