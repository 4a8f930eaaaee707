import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { build, errorOf, inRedis, latch, logger, randomPrefix, reaches, until } from '../support/helpers.ts'

t.test('worker: a worker starts when the app is ready, and runs at most concurrency tasks at once', async t => {
  let running = 0
  let most = 0
  const app = await build(t, { worker: { concurrency: 3 } }, app => {
    app.tasks.define('x', async () => {
      most = Math.max(most, ++running)
      await new Promise(resolve => setTimeout(resolve, 20))
      running--
    })
  })
  const handles = await app.tasks.enqueueMany('x', Array.from({ length: 20 }, () => ({})))
  await Promise.all(handles.map(handle => handle.result({ timeout: 10_000 })))
  t.equal(most, 3)
})

t.test('a slow task does not hold up the others', async t => {
  const go = latch()
  const app = await build(t, { worker: { concurrency: 2 } }, app => {
    app.tasks.define('slow', () => go.promise)
    app.tasks.define('fast', () => 1)
  })
  const slow = await app.tasks.enqueue('slow')
  await reaches(app, slow.id, 'active')
  const fast = await app.tasks.enqueueMany('fast', Array.from({ length: 50 }, () => ({})))
  await Promise.all(fast.map(handle => handle.result({ timeout: 60_000 })))
  t.equal((await slow.status())!.state, 'active')
  go.open()
  await slow.result({ timeout: 60_000 })
})

inRedis('an idle worker starts a task at once, also if another process enqueued it', 'two processes', async t => {
  const prefix = randomPrefix()
  const web = await build(t, { prefix }, app => { app.tasks.define('x') })
  await build(t, { prefix, worker: true }, app => { app.tasks.define('x', () => Date.now()) })
  for (let i = 0; i < 20; i++) {
    const start = Date.now()
    const at = await (await web.tasks.enqueue('x')).result({ timeout: 4_000 }) as number
    t.ok(at - start < 4_000, 'not when its wait times out, after 5 s') // result() itself waits no longer
  }
})

inRedis('two workers share one queue', 'two processes', async t => {
  const prefix = randomPrefix()
  const seen = new Map<string, number>()
  const both = latch()
  const define = (worker: string) => (app: any): void => {
    app.tasks.define('x', async () => {
      seen.set(worker, (seen.get(worker) ?? 0) + 1)
      if (seen.size === 2) both.open()
      await both.promise
    })
  }
  const app = await build(t, { prefix, worker: { concurrency: 1 } }, define('a'))
  await build(t, { prefix, worker: { concurrency: 1 } }, define('b'))
  const handles = await app.tasks.enqueueMany('x', Array.from({ length: 10 }, () => ({})))
  await Promise.all(handles.map(handle => handle.result({ timeout: 60_000 })))
  t.equal(seen.get('a')! + seen.get('b')!, 10, 'each task ran once')
})

t.test('a worker serves the queues that it is given, else all queues with handlers', async t => {
  const app = await build(t, {}, app => {
    app.tasks.define('a', () => 'a')
    app.tasks.define('b', { queue: 'mail' }, () => 'b')
    app.tasks.define('c', { queue: 'else' })
  })
  const [a, b] = [await app.tasks.enqueue('a'), await app.tasks.enqueue('b')]
  const mail = await app.tasks.startWorker({ queues: ['mail'] })
  t.same(mail.queues, ['mail'])
  t.equal(await b.result({ timeout: 60_000 }), 'b')
  t.equal((await a.status())!.state, 'waiting')
  const all = await app.tasks.startWorker()
  t.same(all.queues, ['default', 'mail'], 'the queues that have handlers')
  t.equal(await a.result({ timeout: 60_000 }), 'a')
  t.match(await errorOf(app.tasks.startWorker({ queues: ['else'] })), {
    code: 'FST_TASKS_NO_HANDLERS', message: /c \(queue else, no handler\)/
  })
  t.match(await errorOf(app.tasks.startWorker({ queues: ['nowhere'] })), { code: 'FST_TASKS_QUEUE_UNKNOWN' })
  t.match(await errorOf(app.tasks.startWorker({ concurrency: 0 })), {
    code: 'FST_TASKS_PLUGIN_OPTION_INVALID', message: /worker\.concurrency.*0/
  })
})

t.test('a queue that is named twice is served once: concurrency is never exceeded', async t => {
  let running = 0
  let most = 0
  const app = await build(t, {}, app => {
    app.tasks.define('x', async () => {
      most = Math.max(most, ++running)
      await new Promise(resolve => setTimeout(resolve, 20))
      running--
    })
  })
  const worker = await app.tasks.startWorker({ queues: ['default', 'default'], concurrency: 2 })
  t.same(worker.queues, ['default'])
  const handles = await app.tasks.enqueueMany('x', Array.from({ length: 20 }, () => ({})))
  await Promise.all(handles.map(handle => handle.result({ timeout: 60_000 })))
  t.equal(most, 2)
})

t.test('a queue from the options is served, also if no task has it as its own queue', async t => {
  const app = await build(t, { queues: ['side'] }, app => { app.tasks.define('x', () => 'ran') })
  const all = await app.tasks.startWorker()
  t.same(all.queues, ['default', 'side'])
  t.equal(await (await app.tasks.enqueue('x', 1, { queue: 'side' })).result({ timeout: 60_000 }), 'ran')
  await all.close()
  await app.tasks.startWorker({ queues: ['side'] })
  t.equal(await (await app.tasks.enqueue('x', 1, { queue: 'side' })).result({ timeout: 60_000 }), 'ran')
})

t.test('the arguments and this of a handler', async t => {
  const log = logger()
  const app = await build(t, { worker: true }, app => {
    app.decorate('db', 'the db')
    app.tasks.define('x', { retries: 2 }, async function (this: any, data, task) {
      task.log.info('from inside')
      await task.updateState('HALF', { n: 1 })
      await task.reportProgress({ n: 2 })
      const { id, name, queue, attempt, attempts, signal } = task
      return [this.db, data, id, name, queue, task.data, attempt, attempts, signal.aborted]
    })
    app.post('/x', async (_request, reply) => reply.accepted(await app.tasks.enqueue('x', { a: 1 })))
  }, { logger: { stream: log.stream } } as any)
  const { id } = (await app.inject({ method: 'POST', url: '/x' })).json()
  const record = await reaches(app, id, 'succeeded')
  t.same(record.result, ['the db', { a: 1 }, id, 'x', 'default', { a: 1 }, 1, 3, false])
  t.match([record.stage, record.progress], ['HALF', { n: 2 }], 'reportProgress does not change the stage')
  t.match(log.find('from inside'), { taskId: id, task: 'x', attempt: 1, reqId: /req-/ })
})

t.test('progress that cannot be stored fails the attempt, also if the handler does not await it', async t => {
  const circular: any = {}
  circular.self = circular
  const bad: Array<(task: any) => unknown> = [
    task => task.reportProgress(1n),
    task => task.reportProgress(circular),
    task => task.reportProgress(undefined),
    task => task.reportProgress(() => {}),
    task => task.reportProgress('x'.repeat(70_000)),
    task => task.updateState(7),
    task => task.updateState('x'.repeat(300))
  ]
  const app = await build(t, { worker: true }, app => {
    app.tasks.define('x', async (n: number, task) => { bad[n]!(task) })
  })
  for (const [n] of bad.entries()) {
    const { id } = await app.tasks.enqueue('x', n)
    t.match((await reaches(app, id, 'failed')).error, { code: 'FST_TASKS_PROGRESS_INVALID' })
  }
})

t.test('a result that JSON cannot carry, or that is too large, fails the task at once with its code', async t => {
  const circular: any = {}
  circular.self = circular
  const results: Array<[unknown, string]> = [
    [1n, 'FST_TASKS_RESULT_INVALID'],
    [circular, 'FST_TASKS_RESULT_INVALID'],
    [() => {}, 'FST_TASKS_RESULT_INVALID'],
    [Symbol('s'), 'FST_TASKS_RESULT_INVALID'],
    [{ toJSON () { throw new Error('no') } }, 'FST_TASKS_RESULT_INVALID'],
    ['é'.repeat(60), 'FST_TASKS_RESULT_TOO_LARGE']
  ]
  const options = { worker: true, maxResultSize: 100, retries: 3, backoff: { strategy: 'immediate' as const } }
  const app = await build(t, options, app => {
    app.tasks.define('x', (n: number) => results[n]![0])
  })
  for (const [n, [, code]] of results.entries()) {
    const { id } = await app.tasks.enqueue('x', n)
    t.match(await reaches(app, id, 'failed'), { error: { code }, attempt: 1 })
  }
})

t.test('any thrown value is a failure', async t => {
  const hostile = { get message () { throw new Error('no') }, get name () { throw new Error('no') } }
  const thrown: Array<[unknown, RegExp]> = [
    [undefined, /undefined/],
    [null, /null/],
    [0, /0/],
    [false, /false/],
    ['', /^$/],
    ['text', /text/],
    [{ a: 1 }, /^an object with the properties a, and not an Error$/],
    [new AggregateError([new Error('one'), 'two'], 'both'), /both: one; two/],
    [hostile, /./]
  ]
  const app = await build(t, { worker: true }, app => {
    app.tasks.define('x', async (n: number) => { throw thrown[n]![0] })
    app.tasks.define('sync', () => { throw new Error('sync') })
  })
  for (const [n, [, message]] of thrown.entries()) {
    const { id } = await app.tasks.enqueue('x', n)
    t.match((await reaches(app, id, 'failed')).error!.message, message)
  }
  const { id } = await app.tasks.enqueue('sync')
  t.match((await reaches(app, id, 'failed')).error, { message: 'sync' })
})

inRedis('a task without a handler is put back, and a worker that has its handler runs it', 'two processes', async t => {
  const prefix = randomPrefix()
  const log = logger()
  const app = await build(t, { prefix, worker: true }, app => {
    app.tasks.define('known', () => 1)
    app.tasks.define('unknown')
  }, { logger: { stream: log.stream } } as any)
  t.match(log.find('worker.handlers_missing'), { level: 40 })
  const { id } = await app.tasks.enqueue('unknown')
  await until('the task was put back', () => log.find('task.deferred'))
  t.match(await reaches(app, id, 'delayed'), { attempt: 0 })
  await build(t, { prefix, worker: true }, app => { app.tasks.define('unknown', () => 'here') })
  await app.close()
  const other = await build(t, { prefix }, () => {})
  t.equal((await reaches(other, id, 'succeeded')).result, 'here')
})

inRedis('a worker with a different stall interval on the same queue does not start', 'two processes', async t => {
  const prefix = randomPrefix()
  const start = (stallInterval: number): Promise<unknown> =>
    build(t, { prefix, worker: true, stallInterval }, app => { app.tasks.define('x', () => 1) })
  await start(10_000)
  const error = await errorOf(start(20_000))
  t.match(error, { code: 'FST_TASKS_STALL_INTERVAL_CLASH', message: /10000.*20000/ })
})

inRedis('a worker that cannot start for one of its queues serves none of the others', 'two processes', async t => {
  const prefix = randomPrefix()
  const log = logger()
  await build(t, { prefix, worker: true, stallInterval: 10_000 }, app => { app.tasks.define('x', () => 1) })
  const define = (app: FastifyInstance): void => {
    app.tasks.define('x', () => 1)
    app.tasks.define('letter', { queue: 'mail' }, () => 'sent')
  }
  const app = await build(t, { prefix, stallInterval: 20_000 }, define, { logger: { stream: log.stream } } as any)
  t.match(await errorOf(app.tasks.startWorker()), { code: 'FST_TASKS_STALL_INTERVAL_CLASH' })
  await until('it has closed', () => log.find('worker.closed'))
  const letter = await app.tasks.enqueue('letter')
  await app.tasks.startWorker({ queues: ['mail'] })
  t.equal(await letter.result({ timeout: 60_000 }), 'sent')
})

t.test('an app keeps no worker that has closed', async t => {
  setFlagsFromString('--expose-gc')
  const collectGarbage: () => void = runInNewContext('gc')
  const app = await build(t, {}, app => { app.tasks.define('x', () => 1) })
  const closed: Array<WeakRef<object>> = []
  const startAndClose = async (): Promise<void> => {
    const worker = await app.tasks.startWorker()
    await worker.close()
    closed.push(new WeakRef(worker))
  }
  for (let i = 0; i < 3; i++) await startAndClose() // a function of its own, whose variables are gone when it ends
  await until('they are gone', () => {
    collectGarbage()
    return closed.every(worker => worker.deref() === undefined)
  })
})
