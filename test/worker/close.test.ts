/**
 * What a close of the app reaches, and in which order.
 */
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import tasks from '../../lib/plugin.ts'
import { runWorker } from '../../lib/standalone.ts'
import {
  build, errorOf, inRedis, latch, randomPrefix, REDIS_URL, until, where, type Latch
} from '../support/helpers.ts'

interface Order {
  /** What happened, in order. */
  events: string[]
  hasBegun: Latch
  finish: Latch
}

const makeOrder = (): Order => ({ events: [], hasBegun: latch(), finish: latch() })

/** An app whose task uses what is opened after the plugin, and in the scope that defines the task. */
async function appWithDatabases (
  app: FastifyInstance, options: object, { events, hasBegun, finish }: Order
): Promise<void> {
  await app.register(tasks, { ...where(), ...options })
  app.addHook('onClose', async () => { events.push('database of the app closed') })
  app.addHook('preClose', async () => { events.push('a preClose hook of the app') })
  await app.register(async scope => {
    scope.addHook('onClose', async () => { events.push('database of the scope closed') })
    scope.tasks.define('x', async () => {
      hasBegun.open()
      await finish.promise
      events.push('task ended')
    })
  })
}

const AFTER_THE_DRAIN = ['a preClose hook of the app', 'database of the app closed', 'database of the scope closed']

function checkOrder (t: Test, events: string[]): void {
  t.equal(events[0], 'task ended', 'before every hook')
  t.same(events.slice(1).toSorted(), AFTER_THE_DRAIN)
}

t.test('what is opened after the plugin, or in the scope of the task, closes after the task has ended', async t => {
  const order = makeOrder()
  const app: FastifyInstance = Fastify()
  t.teardown(() => app.close())
  await appWithDatabases(app, { worker: true }, order)
  await app.ready()
  await app.tasks.enqueue('x')
  await order.hasBegun.promise
  const closed = app.close()
  setImmediate(() => order.finish.open())
  await closed
  checkOrder(t, order.events)
})

inRedis('the same in a worker of its own process', 'no other process', async t => {
  const order = makeOrder()
  const prefix = randomPrefix()
  const worker = await runWorker({
    app: app => appWithDatabases(app, { prefix }, order), logLevel: 'silent'
  })
  t.teardown(() => worker.close())
  const web = await build(t, { prefix }, app => { app.tasks.define('x') })
  await web.tasks.enqueue('x')
  await order.hasBegun.promise
  const closed = worker.close()
  setImmediate(() => order.finish.open())
  await closed
  checkOrder(t, order.events)
})

t.test('a drain that takes longer than Fastify lets a hook take: onClose hooks wait for it', async t => {
  const order = makeOrder()
  const { events, finish } = order
  const app: FastifyInstance = Fastify({ pluginTimeout: 1_000 })
  t.teardown(() => app.close())
  await appWithDatabases(app, { worker: { closeTimeout: 60_000 } }, order)
  await app.ready()
  const serverClosed = latch()
  app.server.once('close', serverClosed.open)
  await app.listen({ port: 0 })
  await app.tasks.enqueue('x')
  await order.hasBegun.promise
  const closed = app.close()
  await serverClosed.promise // Fastify goes on to close its listening socket
  t.same(events, ['a preClose hook of the app'], 'it is called, and no database is closed')
  finish.open()
  await closed
  t.equal(events[1], 'task ended')
  t.same(events.toSorted(), [...AFTER_THE_DRAIN, 'task ended'].toSorted())
})

t.test('all instances of the plugin drain at once', async t => {
  const started = [latch(), latch()]
  const aborted: string[] = []
  const app: FastifyInstance = Fastify()
  t.teardown(() => app.close())
  for (const [i, name] of ['tasks', 'reports'].entries()) {
    await app.register(tasks, { ...where(), name, worker: { closeTimeout: 60_000 } })
    ;(app as any)[name].define(`${name}-x`, async () => {
      started[i]!.open()
      await Promise.all(started.map(({ promise }) => promise))
      await until('both workers claim no more', () => closing)
      aborted.push(name)
    })
  }
  let closing = false
  await app.ready()
  await Promise.all([app.tasks.enqueue('tasks-x'), (app as any).reports.enqueue('reports-x')])
  await Promise.all(started.map(({ promise }) => promise))
  const closed = app.close()
  // The worker of the second instance is closing, although a task of the first still runs.
  await until('the second instance refuses a worker', async () =>
    (await errorOf(() => (app as any).reports.startWorker())).code === 'FST_TASKS_CLOSED')
  closing = true
  await closed
  t.same(aborted.toSorted(), ['reports', 'tasks'])
})

t.test('a request that waits for a task is answered by the drain', async t => {
  const { hasBegun, finish } = makeOrder()
  const app = await build(t, { worker: true }, app => {
    const task = app.tasks.define('x', async () => {
      hasBegun.open()
      await finish.promise
      return 'answer'
    })
    app.get('/', async () => (await task.enqueue()).result())
  })
  const address = await app.listen({ port: 0 })
  const reply = fetch(address)
  await hasBegun.promise
  const closed = app.close()
  setImmediate(() => finish.open())
  const answered = await reply
  t.same([answered.status, await answered.text()], [200, 'answer'])
  await closed
})

// Right after the call: a reply that is sent after Fastify has closed idle sockets keeps the client's one for a minute,
// and the close with it.
t.test('a request that begins to wait for a task of another process gets 503 before the close', async t => {
  const waits = latch()
  const app = await build(t, {}, app => {
    const task = app.tasks.define('x', () => {})
    app.get('/', async () => {
      const handle = await task.enqueue()
      const result = handle.result()
      waits.open()
      return result
    })
  })
  const address = await app.listen({ port: 0 })
  const reply = fetch(address)
  await waits.promise
  await app.close()
  const answered = await reply
  t.match([answered.status, await answered.json()], [503, { code: 'FST_TASKS_CLOSED', message: /read its status later/ }])
})

t.test('while the app drains Fastify answers new requests with 503', async t => {
  const { hasBegun, finish } = makeOrder()
  const app = await build(t, { worker: true }, app => {
    app.tasks.define('x', async () => {
      hasBegun.open()
      await finish.promise
    })
    app.get('/', async () => 'here')
  })
  const address = await app.listen({ port: 0 })
  await app.tasks.enqueue('x')
  await hasBegun.promise
  const closed = app.close()
  await until('it is closing', async () => (await fetch(address)).status === 503)
  finish.open()
  await closed
})

t.test('after a close no worker starts, and no wait begins', async t => {
  const app = await build(t, {}, app => { app.tasks.define('x', () => {}) })
  const { id } = await app.tasks.enqueue('x')
  const handle = (await app.tasks.handle(id))!
  await app.close()
  t.match(await errorOf(app.tasks.startWorker()), { code: 'FST_TASKS_CLOSED', statusCode: 503 })
  t.match(await errorOf(handle.result()), { code: 'FST_TASKS_CLOSED' })
})

inRedis('after a close nothing is sent', 'there is no connection', async t => {
  const app = await build(t, { redis: REDIS_URL }, app => { app.tasks.define('x', () => {}) })
  await app.close()
  for (const call of [() => app.tasks.enqueue('x'), () => app.tasks.status('x'), () => app.tasks.counts()]) {
    t.match(await errorOf(call()), { code: 'FST_TASKS_CLOSED', message: /Nothing was sent/ })
  }
})
