/**
 * `mode: 'memory'`, beside what both-modes.test.ts tests: the clock that tests move, no Redis, and how it closes.
 */
import { spawn } from 'node:child_process'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import Fastify, { type FastifyInstance } from 'fastify'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import tasks from '../../lib/plugin.ts'
import { runWorker } from '../../lib/standalone.ts'
import { errorOf, latch, logger, REDIS_URL, until } from '../support/helpers.ts'
import type { TaskHandle, TaskRecord, TasksOptions } from '../../lib/types.ts'

const DAY = 86_400_000

/** An app in memory mode. It is closed when the test ends. `define` is called before it is ready. */
async function build (
  t: Test, options: TasksOptions = {}, define?: (app: FastifyInstance) => unknown, server = {}
): Promise<FastifyInstance> {
  const app: FastifyInstance = Fastify(server)
  t.teardown(() => app.close())
  await app.register(tasks, { mode: 'memory', ...options })
  await define?.(app)
  await app.ready()
  return app
}

const at = (time: string | null): number => Date.parse(time!)
/** Ms from the enqueue of a task to the start of its last attempt. */
const startedAfter = ({ enqueuedAt, startedAt }: TaskRecord<any, any>): number => at(startedAt) - at(enqueuedAt)
/** The same, for the current record of a handle. */
const startOf = async (handle: TaskHandle<any, any>): Promise<number> =>
  startedAfter((await handle.status())!)

/** A handler that waits until its task is aborted. */
async function untilAborted (_data: unknown, task: { signal: AbortSignal }): Promise<never> {
  await once(task.signal, 'abort')
  throw task.signal.reason
}

t.test('a task runs without a call, with its data as JSON', async t => {
  const app = await build(t, {}, app => {
    app.tasks.define('x', function (this: any, data) { return [data, this === app] })
  })
  t.equal(app.tasks.ready, true)
  const handle = await app.tasks.enqueue('x', { at: new Date(0), nothing: undefined })
  t.same(await handle.result({ timeout: 60_000 }), [{ at: '1970-01-01T00:00:00.000Z' }, true])
  t.same(await app.tasks.drain(), { delayed: 0 })
})

t.test('no socket is opened, whatever Redis is named', async t => {
  const sockets: unknown[] = []
  const onSocket = (message: unknown): void => { sockets.push(message) }
  subscribe('net.client.socket', onSocket)
  t.teardown(() => unsubscribe('net.client.socket', onSocket))
  const client = new Redis({ lazyConnect: true, port: 1, retryStrategy: () => null }).on('error', () => {})
  const app = await build(t, { worker: true, routes: { cancel: true } }, app => {
    app.decorate('redis', client as any)
    app.tasks.define('x', { retries: 1 }, async (_data, task) => {
      await task.updateState('ON', 1)
      if (task.attempt === 1) throw new Error('no')
    })
    app.post('/x', async (_request, reply) => reply.accepted(await app.tasks.enqueue('x')))
  })
  const { headers } = await app.inject({ method: 'POST', url: '/x' })
  await app.tasks.drain({ delayed: true })
  const url = headers.location as string
  t.match((await app.inject(url)).json(), { state: 'succeeded', attempt: 2, progress: 1 })
  t.equal((await app.inject({ url, headers: { prefer: 'wait=1' } })).statusCode, 200)
  t.equal((await app.inject({ method: 'DELETE', url })).statusCode, 409)
  await app.close()
  t.same(sockets, [])
  t.equal(client.status, 'wait', 'fastify.redis is not used')
  client.connect().catch(() => {})
  await until('a socket of a client is counted', () => sockets.length === 1)
  client.disconnect()
})

t.test('advance', async t => {
  t.test('a delayed task runs when it is due, to the ms', async t => {
    const app = await build(t, {}, app => { app.tasks.define('x', () => 'ran') })
    const handle = await app.tasks.enqueue('x', 1, { delay: 60_000 })
    t.same(await app.tasks.drain(), { delayed: 1 }, 'drain leaves it, and counts it')
    t.same(await app.tasks.advance(59_999), { delayed: 1 })
    t.equal((await handle.status())!.state, 'delayed')
    t.same(await app.tasks.advance(1), { delayed: 0 })
    t.match(await handle.status(), { state: 'succeeded', result: 'ran' })
    t.equal(await startOf(handle), 60_000)
  })

  t.test('due tasks run in the order of their times, each at its own, with all tasks that they enqueue', async t => {
    const order: string[] = []
    const app = await build(t, { queues: ['side'] }, app => {
      app.tasks.define('x', async (name: string) => {
        order.push(name)
        await sleep(1) // however long a task takes, the clock stands still until it has finished
        order.push(`end of ${name}`)
        if (name === 'early') await app.tasks.enqueue('x', 'child', { delay: 1_000 })
      })
    })
    const late = await app.tasks.enqueue('x', 'late', { delay: 5_000 })
    await app.tasks.enqueue('x', 'early', { delay: 1_000, queue: 'side' })
    await app.tasks.enqueue('x', 'mid', { delayUntil: new Date(Date.now() + 3_000) })
    await app.tasks.enqueue('x', 'far', { delay: DAY })
    t.same(await app.tasks.advance(10_000), { delayed: 1 })
    t.same(order.filter(step => !step.startsWith('end')), ['early', 'child', 'mid', 'late'])
    t.same(order[1], 'end of early')
    t.equal(await startOf(late), 5_000)
  })

  t.test('retries run at their own times', async t => {
    const starts: number[] = []
    const app = await build(t, {}, app => {
      app.tasks.define('x', { retries: 3, backoff: { strategy: 'exponential', delay: 1_000 } }, async (_data, task) => {
        starts.push(startedAfter((await app.tasks.status(task.id))!))
        throw Object.assign(new Error('no'), task.attempt === 3 ? { retryAfter: DAY } : {})
      })
    })
    const handle = await app.tasks.enqueue('x')
    await app.tasks.advance(2_999)
    t.same(starts, [0, 1_000])
    t.match(await handle.status(), { state: 'retrying', attempt: 2 })
    await app.tasks.advance(1)
    t.same(starts, [0, 1_000, 3_000])
    await app.tasks.advance(DAY)
    t.same(starts, [0, 1_000, 3_000, 3_000 + DAY])
    t.match(await handle.status(), { state: 'failed', attempt: 4 })
  })

  t.test('expires and resultTtl follow the clock', async t => {
    const app = await build(t, { worker: { concurrency: 1 }, resultTtl: DAY }, app => {
      app.tasks.define('x', () => 1)
      app.tasks.define('slow', () => go.promise)
    })
    const go = latch()
    const slow = await app.tasks.enqueue('slow')
    const short = await app.tasks.enqueue('x', 1, { expires: 1_000 })
    const long = await app.tasks.enqueue('x', 1, { expires: new Date(Date.now() + 60_000) })
    await app.tasks.advance(1_000, { wait: false })
    go.open()
    await app.tasks.drain()
    const states = [slow, short, long].map(async handle => (await handle.status())!.state)
    t.same(await Promise.all(states), ['succeeded', 'expired', 'succeeded'])
    await app.tasks.advance(DAY - 1)
    t.ok(await slow.status())
    await app.tasks.advance(1)
    t.same(await Promise.all([slow, short, long].map(handle => handle.status())), [null, null, null])
    t.match(await errorOf(slow.result()), { code: 'FST_TASKS_NOT_FOUND' })
  })

  t.test('a Date is as far away as on the app\'s own clock, even after the clock was moved', async t => {
    const app = await build(t, {}, app => { app.tasks.define('x', () => 1) })
    await app.tasks.advance(365 * DAY)
    const inSeconds = (seconds: number): Date => new Date(Date.now() + seconds * 1_000)
    const soon = await app.tasks.enqueue('x', 1, { delayUntil: inSeconds(60), expires: inSeconds(90) })
    const now = await app.tasks.enqueue('x', 1, { delayUntil: new Date() })
    t.equal(now.snapshot!.state, 'waiting')
    await app.tasks.advance(50_000)
    t.equal((await soon.status())!.state, 'delayed')
    t.equal((await app.inject(soon.location!)).headers['retry-after'], '10')
    await app.tasks.advance(10_000)
    t.equal((await soon.status())!.state, 'succeeded')
  })

  t.test('waits for running tasks; wait: false does not', async t => {
    const go = latch()
    const app = await build(t, {}, app => {
      app.tasks.define('held', { retries: 1, backoff: { strategy: 'fixed', delay: 1_000 } }, async (_data, task) => {
        if (task.attempt > 1) return
        await go.promise
        throw new Error('no')
      })
      app.tasks.define('x', () => 1)
    })
    const held = await app.tasks.enqueue('held')
    const delayed = await app.tasks.enqueue('x', 1, { delay: 1_000 })
    await until('the task runs', async () => (await held.status())!.state === 'active')
    t.match(await errorOf(app.tasks.advance(1_000, { timeout: 50 })), { code: 'FST_TASKS_NOT_DRAINED' })
    t.equal((await delayed.status())!.state, 'delayed', 'the clock has not moved')
    await app.tasks.advance(1_000, { wait: false })
    t.equal(await delayed.result({ timeout: 60_000 }), 1)
    go.open()
    await app.tasks.advance(1_000)
    t.match(await held.status(), { state: 'succeeded', attempt: 2 })
    t.equal(await startOf(held), 2_000, 'its wait began when its attempt ended')
  })

  t.test('calls at the same time take turns', async t => {
    const app = await build(t, {}, app => { app.tasks.define('x', () => sleep(5)) })
    const handles = await app.tasks.enqueueMany('x', [1_000, 2_000, 3_000].map(delay => ({ delay })))
    const advance = () => app.tasks.advance(1_000)
    const left = await Promise.all([advance(), advance(), app.tasks.drain(), advance()])
    t.same(left.map(({ delayed }) => delayed), [2, 1, 1, 0])
    t.same(await Promise.all(handles.map(startOf)), [1_000, 2_000, 3_000])
  })
})

t.test('drain', async t => {
  t.test('waits for running tasks, and for all tasks that they enqueue', async t => {
    const ran: number[] = []
    const app = await build(t, {}, app => {
      app.tasks.define('x', async (n: number) => {
        await sleep(1)
        ran.push(n)
        if (n < 5) await app.tasks.enqueue('next', n + 1)
      })
      app.tasks.define('next', { queue: 'other' }, async (n: number) => { void app.tasks.enqueue('x', n) })
    })
    await app.tasks.enqueueMany('x', [{ data: 1 }, { data: 1 }])
    await app.tasks.drain()
    t.same(ran.sort(), [1, 1, 2, 2, 3, 3, 4, 4, 5, 5])
    await app.tasks.drain()
  })

  t.test('delayed: true runs delayed tasks too, each at its own time', async t => {
    const app = await build(t, {}, app => {
      app.tasks.define('x', { retries: 2 }, async (_data, task) => { if (task.attempt < 3) throw new Error('no') })
    })
    const [far, now] = [await app.tasks.enqueue('x', 1, { delay: DAY / 2 }), await app.tasks.enqueue('x')]
    t.same(await app.tasks.drain(), { delayed: 2 })
    t.same(await app.tasks.drain({ delayed: true }), { delayed: 0 })
    for (const handle of [far, now]) t.match(await handle.status(), { state: 'succeeded', attempt: 3 })
    t.ok(await startOf(far) >= DAY / 2 && await startOf(now) <= 3_000)
  })

  t.test('names the tasks that do not finish', async t => {
    const go = latch()
    t.teardown(() => go.open())
    const app = await build(t, {}, app => {
      app.tasks.define('held', () => go.promise)
      app.tasks.define('itself', () => app.tasks.drain({ timeout: 20 }))
      app.tasks.define('again', () => app.tasks.enqueue('again', 1, { delay: 1 }).then(() => {}))
    })
    const { id } = await app.tasks.enqueue('held')
    const error = await errorOf(app.tasks.drain({ timeout: 50 }))
    t.match(error, { code: 'FST_TASKS_NOT_DRAINED', message: /^fastify\.tasks\.drain\(\) gave up: not within 50 ms\. / })
    t.ok(error.message.includes(`"held" (${id}, active)`), error.message)
    await app.tasks.enqueueMany('held', Array.from({ length: 30 }, () => ({})))
    const { message } = await errorOf(app.tasks.advance(1, { timeout: 50 }))
    t.equal(message.match(/"held"/g)!.length, 10)
    t.match(message, /advance\(\) gave up.*active\), …/)
    go.open()
    const itself = await app.tasks.enqueue('itself')
    t.match(await errorOf(itself.result({ timeout: 60_000 })), {
      code: 'FST_TASKS_FAILED',
      record: { error: { code: 'FST_TASKS_NOT_DRAINED', message: /"itself" \(.*active\)/ } }
    })
    await app.tasks.enqueue('again')
    t.same(await app.tasks.drain(), { delayed: 1 })
    const endless = await errorOf(app.tasks.drain({ delayed: true, timeout: 100 }))
    t.match(endless, { code: 'FST_TASKS_NOT_DRAINED', message: /"again"/ })
  })

  t.test('gives up too if a task enqueues another at once, again and again', async t => {
    let goesOn = true
    const app = await build(t, {}, app => {
      app.tasks.define('at-once', async () => { if (goesOn) await app.tasks.enqueue('at-once') })
    })
    await app.tasks.enqueue('at-once')
    const error = await errorOf(app.tasks.drain({ timeout: 50 }))
    goesOn = false
    t.match(error, { code: 'FST_TASKS_NOT_DRAINED', message: /have not ended: \S/ })
  })

  t.test('fails if no task of a queue has a handler', async t => {
    const app = await build(t, {}, app => {
      app.tasks.define('x', () => 1)
      app.tasks.define('letter', { queue: 'mail' })
    })
    const letter = await app.tasks.enqueue('letter')
    const message = /letter \(queue mail, no handler\)/
    t.match(await errorOf(app.tasks.drain()), { code: 'FST_TASKS_NO_HANDLERS', message })
    t.equal((await letter.status())!.state, 'waiting')
    await letter.cancel()
    await app.tasks.drain()
  })

  t.test('checks its options', async t => {
    const app = await build(t)
    const cases: Array<[() => Promise<unknown>, string, RegExp]> = [
      [() => app.tasks.advance('1 day' as any), 'FST_TASKS_PLUGIN_OPTION_INVALID', /"advance" must be a whole number of ms.*"1 day"/],
      [() => app.tasks.advance(-1), 'FST_TASKS_PLUGIN_OPTION_INVALID', /-1/],
      [() => app.tasks.advance(undefined as any), 'FST_TASKS_PLUGIN_OPTION_INVALID', /got undefined/],
      [() => app.tasks.advance(1, { delayed: true } as any), 'FST_TASKS_OPTION_UNKNOWN', /"delayed" in advance\(options\)/],
      [() => app.tasks.advance(1, { wait: 1 as any }), 'FST_TASKS_PLUGIN_OPTION_INVALID', /"advance\.wait"/],
      [() => app.tasks.drain({ timeout: 0 }), 'FST_TASKS_PLUGIN_OPTION_INVALID', /"drain\.timeout"/],
      [() => app.tasks.drain({ delayed: 'all' as any }), 'FST_TASKS_PLUGIN_OPTION_INVALID', /"drain\.delayed"/],
      [() => app.tasks.drain(null as any), 'FST_TASKS_PLUGIN_OPTION_INVALID', /an object/]
    ]
    for (const [run, code, message] of cases) t.match(await errorOf(run()), { code, message })
  })
})

t.test('workers', async t => {
  t.test('worker: false: enqueued tasks wait until drain, so that a test can look at them', async t => {
    const app = await build(t, { worker: false }, app => { app.tasks.define('x', () => 1) })
    const first = await app.tasks.enqueue('x', 1)
    await app.tasks.enqueue('x', 2, { delay: 1_000 })
    t.equal((await first.status())!.state, 'waiting')
    t.same((await app.tasks.list({ state: 'waiting' })).tasks.map(({ id }) => id), [first.id])
    t.same(await app.tasks.drain(), { delayed: 1 })
    t.equal((await first.status())!.state, 'succeeded')
    await app.tasks.advance(1_000, { wait: false })
    const last = await app.tasks.enqueue('x')
    t.match((await app.tasks.counts()).default, { waiting: 2, succeeded: 1 }, 'it waits again')
    await app.tasks.advance(0)
    t.match((await app.tasks.counts()).default, { waiting: 0, succeeded: 3 })
    t.equal((await last.status())!.attempt, 1)
  })

  t.test('a worker that the test started is the only worker of its queues', async t => {
    const log = logger()
    let running = 0
    let most = 0
    const app = await build(t, {}, app => {
      app.tasks.define('x', async () => {
        most = Math.max(most, ++running)
        await sleep(1)
        running--
      })
      app.tasks.define('letter', { queue: 'mail' }, () => 'sent')
    }, { logger: { stream: log.stream } })
    const worker = await app.tasks.startWorker({ queues: ['default'], concurrency: 1 })
    await app.tasks.enqueueMany('x', Array.from({ length: 5 }, () => ({})))
    await app.tasks.drain()
    t.equal(most, 1)
    const letter = await app.tasks.enqueue('letter')
    t.equal(await letter.result({ timeout: 60_000 }), 'sent', 'other queues are served all the same')
    await worker.close()
    await app.tasks.enqueueMany('x', Array.from({ length: 5 }, () => ({})))
    await app.tasks.drain()
    t.ok(most > 1, 'another worker after it was closed')
    const started = log.lines.filter(line => line.msg === 'worker started')
    t.same(started.map(line => line.queues), [['default'], ['mail'], ['default']])
  })

  t.test('a task that is enqueued before the app is ready runs when it is ready', async t => {
    const app = Fastify()
    t.teardown(() => app.close())
    let ready = false
    await app.register(tasks, { mode: 'memory' })
    app.tasks.define('x', () => ready)
    const early = await app.tasks.enqueue('x')
    await sleep(5)
    t.equal((await early.status())!.state, 'waiting')
    app.register(async () => { await sleep(5); ready = true })
    await app.ready()
    t.equal(await early.result({ timeout: 60_000 }), true)
  })

  t.test('a queue that is defined later is served', async t => {
    const app = await build(t, {}, app => { app.tasks.define('x', () => 1) })
    await app.tasks.enqueue('x')
    app.tasks.define('late', { queue: 'later' }, () => 'late')
    t.equal(await (await app.tasks.enqueue('late')).result({ timeout: 60_000 }), 'late')
  })

  t.test('a task without a handler in a queue with other tasks is deferred, as in Redis', async t => {
    const log = logger()
    const app = await build(t, {}, app => {
      app.tasks.define('x', () => 1)
      app.tasks.define('unknown')
    }, { logger: { stream: log.stream } })
    const { id } = await app.tasks.enqueue('unknown')
    t.same(await app.tasks.drain(), { delayed: 1 })
    t.match(await app.tasks.status(id), { state: 'delayed', attempt: 0 })
    t.ok(log.find('task.deferred'))
    await app.tasks.advance(20_000)
    t.equal((await app.tasks.status(id))!.state, 'delayed')
  })

  t.test('a worker in a process of its own: an error that says why not', async t => {
    async function app (fastify: FastifyInstance): Promise<void> {
      await fastify.register(tasks, { mode: 'memory' })
      fastify.tasks.define('x', () => 1)
    }
    const error = await errorOf(runWorker({ app, logLevel: 'silent' }))
    t.match(error, { code: 'FST_TASKS_APP_MEMORY_MODE', message: /^app registers.*tests/ })
  })
})

t.test('a task that calls again and again does not hold up timers and other tasks', async t => {
  const app = await build(t, {}, app => {
    app.tasks.define('polls', { timeout: 20 }, async (other: string, task) => {
      if (!other) while (!task.signal.aborted) await task.reportProgress(1)
      else while ((await app.tasks.status(other))!.state !== 'succeeded');
    })
    app.tasks.define('timer', () => sleep(5))
  })
  const timer = await app.tasks.enqueue('timer')
  const polls = await app.tasks.enqueue('polls', timer.id, { timeout: 0 })
  const reports = await app.tasks.enqueue('polls')
  await app.tasks.drain()
  t.equal((await polls.status())!.state, 'succeeded')
  t.match(await reports.status(), { state: 'failed', error: { code: 'FST_TASKS_TIMEOUT' } })
})

t.test('two apps share nothing', async t => {
  const ran: string[] = []
  const make = (name: string): Promise<FastifyInstance> =>
    build(t, {}, app => { app.tasks.define('x', () => { ran.push(name) }) })
  const [one, two] = [await make('one'), await make('two')]
  const options = { id: 'same', delay: 1_000 }
  const handles = [await one.tasks.enqueue('x', 1, options), await two.tasks.enqueue('x', 1, options)]
  t.same(handles.map(({ created }) => created), [true, true])
  t.equal((await one.tasks.advance(1_000)).delayed, 0)
  t.equal((await two.tasks.drain()).delayed, 1)
  t.same(ran, ['one'])

  const both = Fastify()
  t.teardown(() => both.close())
  await both.register(tasks, { mode: 'memory' })
  await both.register(tasks, { mode: 'memory', name: 'reports' })
  const reports = (both as any).reports
  both.tasks.define('x', () => 1)
  reports.define('x', () => 2)
  t.equal((await reports.enqueue('x', 1, { id: 'same' })).created, true)
  t.equal(await both.tasks.status('same'), null)
})

t.test('options', async t => {
  await t.test('mode and redis together are a clash', async t => {
    const client = new Redis({ lazyConnect: true })
    for (const redis of [REDIS_URL, {}, client]) {
      const error = await errorOf(async () => Fastify().register(tasks, { mode: 'memory', redis }))
      t.match(error, { code: 'FST_TASKS_OPTION_CLASH', message: /"mode" and "redis"/ })
    }
    await build(t, { redis: undefined })
  })

  await t.test('options that are about Redis have no effect', async t => {
    const options = { prefix: 'p', stallInterval: 1_000, maxStalls: 0, connectTimeout: 1, redisTimeout: 1 }
    const app = await build(t, options, app => { app.tasks.define('x', () => 1) })
    t.equal(await (await app.tasks.enqueue('x')).result(), 1)
  })

  await t.test('in production there is a warning', async t => {
    const { NODE_ENV } = process.env
    t.teardown(() => {
      if (NODE_ENV === undefined) delete process.env.NODE_ENV
      else process.env.NODE_ENV = NODE_ENV
    })
    const warned = async (): Promise<boolean> => {
      const log = logger()
      await build(t, {}, undefined, { logger: { stream: log.stream } })
      return log.find('app.memory_mode') !== undefined
    }
    t.equal(await warned(), false)
    process.env.NODE_ENV = 'production'
    t.equal(await warned(), true)
  })

  await t.test('with Redis there is no clock to move', async t => {
    const app = Fastify()
    t.teardown(() => app.close())
    await app.register(tasks, { redis: REDIS_URL, name: 'jobs' })
    for (const call of ['drain', 'advance']) {
      const message = new RegExp(`^fastify\\.jobs\\.${call}\\(\\).*mode: "memory"`)
      t.match(await errorOf((app as any).jobs[call](1)), { code: 'FST_TASKS_NOT_MEMORY_MODE', message })
    }
  })
})

t.test('close', async t => {
  t.test('aborts running tasks at once, and starts no more', async t => {
    const hasBegun = latch()
    let reason: any
    const app = await build(t, {}, app => {
      app.tasks.define('x', async (_data, task) => {
        hasBegun.open()
        await untilAborted(null, task).catch(error => { reason = error })
        throw reason
      })
    })
    const handle = await app.tasks.enqueue('x', 1, { retries: 3 })
    await hasBegun.promise
    const result = errorOf(handle.result())
    await app.close()
    t.equal(reason.code, 'FST_TASKS_SHUTDOWN')
    t.equal((await result).code, 'FST_TASKS_CLOSED', 'it has not ended')
    t.equal((await errorOf(app.tasks.enqueue('x'))).code, 'FST_TASKS_CLOSED')
  })

  t.test('with the worker option it waits for running tasks, as in Redis', async t => {
    const hasBegun = latch()
    const app = await build(t, { worker: { closeTimeout: 60_000 } }, app => {
      app.tasks.define('x', async () => {
        hasBegun.open()
        await sleep(20)
        return 'whole'
      })
    })
    const handle = await app.tasks.enqueue('x')
    await hasBegun.promise
    const result = handle.result()
    await app.close()
    t.equal(await result, 'whole')
  })

  t.test('ends a drain that waits', async t => {
    const app = await build(t, {}, app => { app.tasks.define('x', untilAborted) })
    const { id } = await app.tasks.enqueue('x')
    const drained = errorOf(app.tasks.drain({ timeout: 60_000 }))
    await until('the task runs', async () => (await app.tasks.status(id))!.state === 'active')
    await app.close()
    t.match(await drained, { code: 'FST_TASKS_NOT_DRAINED', message: /the app is being closed/ })
    t.match(await errorOf(app.tasks.drain()), { code: 'FST_TASKS_CLOSED' }, 'and a drain after the close')
  })

  t.test('without a close the process exits all the same', async t => {
    const script = `
      import Fastify from 'fastify'
      import tasks from '${new URL('../../lib/plugin.js', import.meta.url)}'
      const app = Fastify()
      await app.register(tasks, { mode: 'memory' })
      app.tasks.define('x', { timeout: 3_600_000 }, data => data)
      await app.ready()
      const handle = await app.tasks.enqueue('x', 'ran')
      await app.tasks.enqueue('x', 1, { delay: 3_600_000 })
      await app.tasks.drain()
      console.log(await handle.result({ timeout: 3_600_000 }))`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      env: { ...process.env, REDIS_URL: 'redis://127.0.0.1:1' },
      stdio: ['ignore', 'pipe', 'inherit']
    })
    t.teardown(() => child.kill('SIGKILL'))
    let out = ''
    child.stdout.on('data', chunk => { out += chunk })
    const [code] = await once(child, 'close')
    t.same([out, code], ['ran\n', 0])
  })
})
