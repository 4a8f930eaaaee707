/**
 * The hooks of an attempt: their order, what they get, and what becomes of their failures.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { build, latch, logger, pass, reaches, where } from '../support/helpers.ts'
import type { DefineOptions, TaskHandler, TasksOptions } from '../../lib/types.ts'

const backoff = { strategy: 'immediate' } as const

/** A task `x` whose hooks write down what they get. */
async function bench (
  t: Test, handler: TaskHandler, options: DefineOptions = {}, plugin: TasksOptions = {}
): Promise<{ app: FastifyInstance, seen: unknown[], log: ReturnType<typeof logger> }> {
  const seen: unknown[] = []
  const log = logger()
  const app = await build(t, { ...where(), worker: true, ...plugin }, app => {
    app.tasks.addHook('preHandler', async task => { seen.push(['preHandler', task.attempt]) })
    app.tasks.addHook('onSuccess', async (_task, result) => { seen.push(['onSuccess', result]) })
    app.tasks.addHook('onError', async (_task, error) => { seen.push(['onError', error.code ?? error.message]) })
    app.tasks.addHook('onFailed', async (_task, error) => { seen.push(['onFailed', error.code ?? error.message]) })
    app.tasks.addHook('onAttemptEnd', async (_task, { outcome, error }) => {
      seen.push(['onAttemptEnd', outcome, error && (error.code ?? error.message)])
    })
    app.tasks.define('x', { backoff, ...options }, handler)
  }, { logger: { stream: log.stream } })
  return { app, seen, log }
}

t.test('a task that fails, is tried again, and succeeds', async t => {
  const { app, seen } = await bench(t, (_data, task) => {
    if (task.attempt === 1) throw new Error('once')
    return { at: new Date(0) }
  }, { retries: 1 })
  await (await app.tasks.enqueue('x')).result({ timeout: 60_000 })
  t.strictSame(seen, [
    ['preHandler', 1], ['onError', 'once'], ['onAttemptEnd', 'retrying', 'once'],
    ['preHandler', 2], ['onSuccess', { at: new Date(0) }], ['onAttemptEnd', 'succeeded', null]
  ])
})

t.test('a task that fails for good: the last attempt, and one that is not to be tried again', async t => {
  const { app, seen } = await bench(t, data => { throw Object.assign(new Error('no'), { code: data }) }, { retries: 1 })
  for (const code of ['EBUSY', 'FST_TASKS_UNRECOVERABLE']) {
    seen.length = 0
    await reaches(app, (await app.tasks.enqueue('x', code)).id, 'failed')
    t.strictSame(seen.slice(-3), [['onError', code], ['onFailed', code], ['onAttemptEnd', 'failed', code]])
    t.equal(seen.length, code === 'EBUSY' ? 7 : 4)
  }
})

t.test('a result that cannot be stored is a failure, not a success; so is data that is refused', async t => {
  const schema = { data: { type: 'object', required: ['a'] } }
  const { app, seen } = await bench(t, () => 1n, { schema })
  await reaches(app, (await app.tasks.enqueue('x', { a: 1 })).id, 'failed')
  t.strictSame(seen.map(([name]: any) => name), ['preHandler', 'onError', 'onFailed', 'onAttemptEnd'])
})

t.test('a hook before the handler that fails: so does the attempt, and nothing after it is called', async t => {
  let calls = 0
  const preHandler = [
    (_task: unknown, done: (error?: Error) => void) => done(new Error('no session')),
    async () => { calls++ }
  ]
  const { app, seen } = await bench(t, () => { calls++ }, { preHandler })
  const { id } = await app.tasks.enqueue('x')
  t.match(await reaches(app, id, 'failed'), { error: { message: 'no session' } })
  t.equal(calls, 0)
  t.strictSame(seen.slice(1), [
    ['onError', 'no session'], ['onFailed', 'no session'], ['onAttemptEnd', 'failed', 'no session']
  ])
})

t.test('hooks after the handler: a failure is logged, changes nothing, and the next hook is called', async t => {
  let last = 0
  const { app, seen, log } = await bench(t, () => 'done', {
    onSuccess: [async () => { throw new Error('of onSuccess') }, async () => { last++ }],
    onAttemptEnd: [() => { throw new Error('of onAttemptEnd') }]
  })
  t.equal(await (await app.tasks.enqueue('x')).result({ timeout: 60_000 }), 'done')
  t.equal(last, 1)
  t.strictSame(seen.at(-1), ['onAttemptEnd', 'succeeded', null])
  t.match(log.lines.filter(line => line.event === 'task.hook_failed'), [
    { hook: 'onSuccess', level: 50, task: 'x', err: { message: 'of onSuccess' } },
    { hook: 'onAttemptEnd', taskId: String }
  ])
})

t.test('what was thrown and is no Error is the cause of one', async t => {
  const seen: any[] = []
  const onError = async (_task: unknown, error: unknown): Promise<void> => { seen.push(error) }
  const { app } = await bench(t, () => { throw 'text' }, { onError }) // eslint-disable-line no-throw-literal
  await reaches(app, (await app.tasks.enqueue('x')).id, 'failed')
  t.match(seen[0], { message: 'text', cause: 'text' })
})

/** As an object of a library that lets nobody look into it: `instanceof` throws. */
const untouchable = (): object => new Proxy({ n: 1 }, {
  get (target, key) {
    if (typeof key === 'symbol') throw new Error('no symbols')
    return Reflect.get(target, key)
  },
  getPrototypeOf () { throw new Error('no prototype') }
})

t.test('a promise of a library that throws in its then: as a hook that throws', async t => {
  const broken = { then: () => { throw new Error('no then') } }
  const getter = { get then () { throw new Error('no getter') } }
  for (const [returned, message] of [[broken, 'no then'], [getter, 'no getter']] as const) {
    const { app, seen, log } = await bench(t, () => 'done', {
      onSuccess: [() => returned, (_task, _result, done) => { setImmediate(done) }],
      onAttemptEnd: () => returned
    })
    t.equal(await (await app.tasks.enqueue('x')).result({ timeout: 60_000 }), 'done')
    t.strictSame(seen.at(-1), ['onAttemptEnd', 'succeeded', null])
    const failed = log.lines.filter(line => line.event === 'task.hook_failed')
    t.strictSame(failed.map(line => [line.hook, line.err.message]), [['onSuccess', message], ['onAttemptEnd', message]])
    await app.close()
  }
})

t.test('a value that refuses instanceof, thrown by a handler or its hooks, or returned', async t => {
  const seen: unknown[] = []
  const mine = (_attempt: number, _options: object, error: Error): number => Number(!(error instanceof Error))
  const app = await build(t, { ...where(), worker: true, backoffStrategies: { mine } }, app => {
    const onError = async (_task: unknown, error: Error): Promise<void> => { seen.push(error.message) }
    const retryIf = (error: Error): boolean => error.message === ''
    const preHandler = (): void => { throw untouchable() }
    const fails = (): void => { throw untouchable() }
    app.tasks.define('handler', { onError, retries: 1, backoff: { strategy: 'mine' } }, fails)
    app.tasks.define('hook', { onError, retries: 1, preHandler, retryIf }, () => 1)
    app.tasks.define('returned', { onError }, untouchable)
    app.tasks.define('after', { onSuccess: preHandler, onAttemptEnd: preHandler }, () => 'done')
  })
  for (const name of ['handler', 'hook']) await reaches(app, (await app.tasks.enqueue(name)).id, 'failed')
  t.same(await (await app.tasks.enqueue('returned')).result({ timeout: 60_000 }), { n: 1 })
  t.equal(await (await app.tasks.enqueue('after')).result({ timeout: 60_000 }), 'done')
  t.ok(seen.length === 3 && seen.every(message => typeof message === 'string'))
})

t.test('callback style: all that follows runs in the async context of the caller of done', async t => {
  const tenant = new AsyncLocalStorage<string>()
  const user = new AsyncLocalStorage<number>()
  const seen: unknown[] = []
  const see = (where: string): void => { seen.push([where, tenant.getStore(), user.getStore()]) }
  const { app } = await bench(t, async data => {
    await new Promise(resolve => setImmediate(resolve))
    see('handler')
    if (data === 'fails') throw new Error('no')
  }, {
    preHandler: [
      (task, done) => tenant.run(String(task.data), done),
      async () => { see('async hook') },
      (_task, done) => { setImmediate(() => user.run(7, done)) }
    ],
    onSuccess: async () => { see('onSuccess') },
    onError: async () => { see('onError') },
    onAttemptEnd: (_task, _end, done) => { see('onAttemptEnd'); done() }
  })
  await reaches(app, (await app.tasks.enqueue('x', 'works')).id, 'succeeded')
  await reaches(app, (await app.tasks.enqueue('x', 'fails')).id, 'failed')
  t.strictSame(seen, ['works', 'fails'].flatMap(data => [
    ['async hook', data, undefined],
    ...['handler', data === 'works' ? 'onSuccess' : 'onError', 'onAttemptEnd'].map(where => [where, data, 7])
  ]))
  t.equal(tenant.getStore(), undefined)
})

t.test('a hook before the handler that never ends: those after it are in the context that the others made', async t => {
  const tenant = new AsyncLocalStorage<string>()
  const seen: unknown[] = []
  const { app } = await bench(t, () => { seen.push('handler') }, {
    timeout: 50,
    preHandler: [(_task, done) => tenant.run('a', done), () => new Promise(() => {})],
    onError: async () => { seen.push(['onError', tenant.getStore()]) },
    onAttemptEnd: (_task, _end, done) => { seen.push(['onAttemptEnd', tenant.getStore()]); done() }
  }, { worker: { closeTimeout: 100 } })
  const { id } = await app.tasks.enqueue('x')
  await pass(app, 2_000, { wait: false })
  await reaches(app, id, 'failed')
  t.strictSame(seen, [['onError', 'a'], ['onAttemptEnd', 'a']])
})

t.test('hooks and handler get one and the same task', async t => {
  const seen = new Set<unknown>()
  const add = async (task: unknown): Promise<void> => { seen.add(task) }
  const { app } = await bench(t, (_data, task) => { seen.add(task) },
    { preHandler: add, onSuccess: add, onAttemptEnd: add })
  await reaches(app, (await app.tasks.enqueue('x')).id, 'succeeded')
  t.equal(seen.size, 1)
  t.equal(([...seen][0] as any).start, undefined, 'not the engine\'s own object')
})

t.test('a hook before the handler that takes longer than the timeout: the attempt timed out', async t => {
  const held = latch()
  let calls = 0
  const { app, seen } = await bench(t, () => { calls++ }, {
    timeout: 50,
    preHandler: task => new Promise<void>(resolve => {
      task.signal.addEventListener('abort', () => { resolve(); held.open() })
    })
  })
  const { id } = await app.tasks.enqueue('x')
  await pass(app, 100, { wait: false })
  await held.promise
  t.match(await reaches(app, id, 'failed'), { error: { code: 'FST_TASKS_TIMEOUT' } })
  t.equal(calls, 0, 'its handler was not called')
  t.strictSame(seen.at(-1), ['onAttemptEnd', 'failed', 'FST_TASKS_TIMEOUT'])
})

t.test('a hook after the handler that never ends is given up after the timeout: the result stands', async t => {
  const { app } = await bench(t, () => 'done', { timeout: 50, onSuccess: () => new Promise(() => {}) })
  t.equal(await (await app.tasks.enqueue('x')).result({ timeout: 60_000 }), 'done')
  t.equal(await (await app.tasks.enqueue('x')).result({ timeout: 60_000 }), 'done', 'and its slot is free')
})

t.test('a handler that ignores its timeout: the hooks hear of it when the outcome is decided', async t => {
  const end = latch()
  const { app, seen } = await bench(t, () => end.promise, { timeout: 50 })
  const { id } = await app.tasks.enqueue('x')
  await reaches(app, id, 'failed')
  t.strictSame(seen.slice(1), [
    ['onError', 'FST_TASKS_TIMEOUT'], ['onFailed', 'FST_TASKS_TIMEOUT'], ['onAttemptEnd', 'failed', 'FST_TASKS_TIMEOUT']
  ])
  end.open()
})

t.test('a cancel and a shutdown: onAttemptEnd says so', async t => {
  const started: Array<() => void> = []
  const { app, seen } = await bench(t, (_data, task) => new Promise((_resolve, reject) => {
    task.signal.addEventListener('abort', () => reject(task.signal.reason))
    started.shift()!()
  }), {}, { worker: false })
  const worker = await app.tasks.startWorker({ closeTimeout: 1 })
  const start = async (): Promise<string> => {
    const running = latch()
    started.push(running.open)
    const { id } = await app.tasks.enqueue('x')
    await running.promise
    return id
  }
  const id = await start()
  await app.tasks.cancel(id)
  await reaches(app, id, 'cancelled')
  t.strictSame(seen.at(-1), ['onAttemptEnd', 'cancelled', null])
  await start()
  await worker.close()
  t.strictSame(seen.at(-1), ['onAttemptEnd', 'released', null])
})
