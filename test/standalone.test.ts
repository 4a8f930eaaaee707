import type { FastifyInstance } from 'fastify'
import t from 'tap'
import fastifyTasks from '../lib/plugin.ts'
import { runWorker, type WorkerBoot } from '../lib/standalone.ts'
import { build, errorOf, logger, randomPrefix, REDIS_URL } from './support/helpers.ts'

t.test('runs a plugin with its options; no embedded worker starts beside it', async t => {
  const prefix = randomPrefix()
  const log = logger()
  async function app (fastify: any, options: any): Promise<void> {
    await fastify.register(fastifyTasks, { prefix, redis: REDIS_URL, worker: true })
    fastify.tasks.define('x', function (this: any, data: unknown) { return [data, options.greeting] })
  }
  const boots: unknown[] = []
  const worker = await runWorker({
    app,
    appOptions: { greeting: 'hello' },
    concurrency: 3,
    serverOptions: { logger: { stream: log.stream } },
    onBoot: boot => boots.push(boot)
  })
  t.match(boots, [{ app: 'app', queues: ['default'], tasks: ['x'], concurrency: 3 }])
  t.equal(log.lines.filter(line => line.msg === 'worker started').length, 1)
  const web = await build(t, { prefix }, app => { app.tasks.define('x') })
  t.same(await (await web.tasks.enqueue('x', 1)).result({ timeout: 60_000 }), [1, 'hello'])
  t.equal(worker.instance.server.listening, false)
  await Promise.all([worker.close(), worker.close()])
})

t.test('two registered instances are both served', async t => {
  const prefixes = [randomPrefix(), randomPrefix()]
  async function app (fastify: any): Promise<void> {
    await fastify.register(fastifyTasks, { prefix: prefixes[0], redis: REDIS_URL })
    await fastify.register(fastifyTasks, { prefix: prefixes[1], redis: REDIS_URL, name: 'reports' })
    fastify.tasks.define('a', () => 'a')
    fastify.reports.define('b', { queue: 'nightly' }, () => 'b')
  }
  const worker = await runWorker({ app, logLevel: 'silent' })
  t.teardown(() => worker.close())
  t.same([worker.queues, worker.tasks, worker.workers.length], [['default', 'nightly'], ['a', 'b'], 2])
  const web = await build(t, { prefix: prefixes[1] }, app => { app.tasks.define('b', { queue: 'nightly' }) })
  t.equal(await (await web.tasks.enqueue('b')).result({ timeout: 60_000 }), 'b')
})

t.test('a queue that is only named at enqueue is served', async t => {
  const prefix = randomPrefix()
  async function app (fastify: any): Promise<void> {
    await fastify.register(fastifyTasks, { prefix, redis: REDIS_URL, queues: ['side'] })
    fastify.tasks.define('x', () => 'ran')
  }
  const worker = await runWorker({ app, queues: ['side'], logLevel: 'silent' })
  t.teardown(() => worker.close())
  t.match(worker, { queues: ['side'], tasks: ['x'] })
  const web = await build(t, { prefix, queues: ['side'] }, app => { app.tasks.define('x') })
  t.equal(await (await web.tasks.enqueue('x', 1, { queue: 'side' })).result({ timeout: 60_000 }), 'ran')
})

t.test('a queue that the app does not have: a warning names the nearest one', async t => {
  const [prefix, log] = [randomPrefix(), logger()]
  async function app (fastify: any): Promise<void> {
    await fastify.register(fastifyTasks, { prefix, redis: REDIS_URL, queues: ['reports'] })
    fastify.tasks.define('x', () => 'ran')
  }
  const serverOptions = { logger: { stream: log.stream } }
  const worker = await runWorker({ app, queues: ['default', 'repotrs', 'x'], serverOptions })
  t.teardown(() => worker.close())
  t.same(worker.queues, ['default'])
  t.match(log.lines.filter(({ event }) => event === 'worker.queue_unknown'), [
    { level: 40, queue: 'repotrs', nearest: 'reports', queues: ['default', 'reports'] }, { queue: 'x' }
  ])
})

t.test('an error of the app at boot is thrown', async t => {
  const app = async (): Promise<void> => { throw new Error('of the app') }
  t.match(await errorOf(runWorker({ app, logLevel: 'silent' })), { message: 'of the app' })
})

t.test('nothing answers on monitorPort once the worker has closed, or if it could not start', async t => {
  const app = async (fastify: FastifyInstance): Promise<void> => {
    await fastify.register(fastifyTasks, { prefix: randomPrefix(), redis: REDIS_URL })
    fastify.tasks.define('x', () => 'ran')
    fastify.addHook('onClose', async () => { throw new Error('of onClose') })
  }
  const urls: string[] = []
  const options = { app, logLevel: 'silent', monitorPort: 0, monitorHost: '127.0.0.1' }
  const refuse = ({ monitor }: WorkerBoot): void => {
    urls.push(monitor!)
    throw new Error('of onBoot')
  }
  t.match(await errorOf(runWorker({ ...options, onBoot: refuse })), { message: 'of onBoot' })
  const worker = await runWorker(options)
  urls.push(worker.monitor!)
  t.equal((await fetch(`${worker.monitor}/ready`)).status, 200)
  t.match(await errorOf(worker.close()), { message: 'of onClose' })
  for (const url of urls) t.match(await errorOf(fetch(`${url}/live`)), { cause: { code: 'ECONNREFUSED' } }, url)
})

t.test('options of runWorker that do not fit', async t => {
  const app = async (): Promise<never> => { throw new Error('the app is not booted') }
  const wrong: Array<[options: any, code: string, says: string]> = [
    [undefined, 'FST_TASKS_PLUGIN_OPTION_INVALID', 'got undefined'],
    [Promise.resolve({ app }), 'FST_TASKS_PLUGIN_OPTION_INVALID', 'got a promise that was not awaited'],
    [{}, 'FST_TASKS_PLUGIN_OPTION_INVALID', '"worker.app"'],
    [{ app: import('node:os') }, 'FST_TASKS_PLUGIN_OPTION_INVALID', 'got a promise that was not awaited'],
    [{ app, concurency: 5 }, 'FST_TASKS_OPTION_UNKNOWN', 'Did you mean "concurrency"'],
    [{ app, queues: 'mail' }, 'FST_TASKS_PLUGIN_OPTION_INVALID', '"worker.queues"'],
    [{ app, monitorPort: '9464' }, 'FST_TASKS_PLUGIN_OPTION_INVALID', '"worker.monitorPort"'],
    [{ app, monitorPort: 65_536 }, 'FST_TASKS_PLUGIN_OPTION_INVALID', '0 to 65,535'],
    [{ app, monitorHost: 5 }, 'FST_TASKS_PLUGIN_OPTION_INVALID', '"worker.monitorHost"'],
    [{ app, onBoot: 5 }, 'FST_TASKS_PLUGIN_OPTION_INVALID', '"worker.onBoot"'],
    [{ app, logLevel: 5 }, 'FST_TASKS_PLUGIN_OPTION_INVALID', '"worker.logLevel"'],
    [{ app, logStream: {} }, 'FST_TASKS_PLUGIN_OPTION_INVALID', '"worker.logStream"'],
    [{ app, appOptions: 5 }, 'FST_TASKS_PLUGIN_OPTION_INVALID', '"worker.appOptions"'],
    [{ app, serverOptions: null }, 'FST_TASKS_PLUGIN_OPTION_INVALID', '"worker.serverOptions"']
  ]
  for (const [options, code, says] of wrong) {
    const error = await errorOf(runWorker(options))
    t.equal(error.code, code, error.message)
    t.ok(error.message.includes(says), `${error.message} says ${says}`)
  }
})
