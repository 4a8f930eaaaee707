/**
 * Mistakes of an app that would otherwise be found out later, or never: each is named, with its fix.
 */
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import tasks from '../lib/plugin.ts'
import { build, errorOf, logger, randomPrefix, REDIS_URL } from './support/helpers.ts'
import type { TasksOptions } from '../lib/types.ts'

const redis = REDIS_URL

function app (t: Test, server = {}): FastifyInstance {
  const made: FastifyInstance = Fastify(server)
  t.teardown(() => made.close())
  return made
}

/** Registers the plugin in a scope of its own, with one task. */
async function scopeWith (
  app: FastifyInstance, options: TasksOptions, task: string, define: object = {}, run: any = () => 1
): Promise<void> {
  await app.register(async (scope: any) => {
    await scope.register(tasks, { redis, routes: false, ...options })
    scope[options.name ?? 'tasks'].define(task, define, run ?? undefined)
  })
}

t.test('two registrations in sibling scopes run the tasks of one queue', async t => {
  const prefix = randomPrefix()
  const both = app(t)
  await scopeWith(both, { prefix }, 'a')
  await scopeWith(both, { prefix }, 'b')
  const error = await errorOf(Promise.resolve(both.ready()))
  const message = new RegExp(`queue "default".*"${prefix}".*prefix: "${prefix}2"`)
  t.match(error, { code: 'FST_TASKS_QUEUE_SHARED', message })
})

t.test('the same by the option queues, and under two names', async t => {
  const prefix = randomPrefix()
  const both = app(t)
  await both.register(tasks, { redis, prefix })
  both.tasks.define('a', { queue: 'mail' }, () => 1)
  await scopeWith(both, { prefix, name: 'other', queues: ['mail'] }, 'b', { queue: 'fast' })
  const message = /"other" and "tasks".*queue "mail"|"tasks" and "other".*queue "mail"/
  t.match(await errorOf(Promise.resolve(both.ready())), { code: 'FST_TASKS_QUEUE_SHARED', message })
})

t.test('what does not share a queue is silent', async t => {
  const prefix = randomPrefix()
  const cases: Record<string, [TasksOptions, object, unknown]> = {
    'another prefix': [{ prefix: randomPrefix() }, {}, () => 1],
    'another queue': [{ prefix }, { queue: 'mail' }, () => 1],
    'no handler': [{ prefix }, {}, null]
  }
  for (const [name, [options, define, run]] of Object.entries(cases)) {
    const both = app(t)
    await scopeWith(both, { prefix }, 'a')
    await scopeWith(both, options, 'b', define, run)
    await t.resolves(Promise.resolve(both.ready()), name)
  }
  const memory = app(t)
  for (const task of ['a', 'b']) await scopeWith(memory, { redis: undefined, mode: 'memory' }, task)
  await t.resolves(Promise.resolve(memory.ready()), 'in memory nothing is shared')
})

for (const [mode, where] of Object.entries<() => TasksOptions>({
  redis: () => ({ redis, prefix: randomPrefix() }),
  memory: () => ({ redis: undefined, prefix: undefined, mode: 'memory' })
})) {
  t.test(`${mode}: each call after the close says so at once`, async t => {
    const closed = await build(t, where(), app => { app.tasks.define('x', () => 1) })
    const handle = await closed.tasks.enqueue('x')
    await closed.close()
    const { tasks } = closed
    const calls: Record<string, () => Promise<unknown>> = {
      enqueue: () => tasks.enqueue('x'),
      enqueueMany: () => tasks.enqueueMany('x', [{ data: 1 }]),
      status: () => tasks.status('unknown'),
      handle: () => tasks.handle('unknown'),
      cancel: () => tasks.cancel('unknown'),
      retry: () => tasks.retry('unknown'),
      list: () => tasks.list({ state: 'failed' }),
      counts: () => tasks.counts(),
      remove: () => tasks.remove('unknown'),
      purge: () => tasks.purge('default'),
      workers: () => tasks.workers(),
      startWorker: () => tasks.startWorker(),
      result: () => handle.result(),
      'handle.status': () => handle.status()
    }
    if (mode === 'memory') Object.assign(calls, { drain: () => tasks.drain(), advance: () => tasks.advance(1) })
    for (const [name, call] of Object.entries(calls)) t.equal((await errorOf(call())).code, 'FST_TASKS_CLOSED', name)
  })
}

t.test('a route of the app on the path of ours', async t => {
  const memory = { mode: 'memory', routes: { cancel: true } } as const
  const routes: Array<[method: 'get' | 'delete', url: string]> =
    [['get', '/tasks/:id'], ['delete', '/tasks/:id'], ['get', '/tasks/:taskId'], ['get', '/tasks/:id/events']]
  for (const [method, url] of routes) {
    const after = app(t)
    await after.register(tasks, memory)
    const late = await errorOf(() => after[method](url, () => 1))
    t.match(late, { code: 'FST_TASKS_ROUTE_TAKEN', message: /route (GET|DELETE) \/tasks\/:\w+.*routes: \{ prefix/ }, url)
    const before = app(t)
    before[method](url, () => 1)
    const early = await errorOf(Promise.resolve(before.register(tasks, memory)))
    t.match(early, { code: 'FST_TASKS_ROUTE_TAKEN', message: new RegExp(`route (GET|DELETE) ${url}`) }, url)
  }
})

t.test('routes of the app that answer before ours, or that give way to them', async t => {
  const prefixed = { mode: 'memory', routes: { prefix: '/v1/:tenant/tasks' } } as const
  const taken = app(t)
  taken.all('/v1/:org/tasks/:x', () => 'mine')
  const error = await errorOf(Promise.resolve(taken.register(tasks, prefixed)))
  t.match(error, { code: 'FST_TASKS_ROUTE_TAKEN', message: /route GET \/v1\/:org\/tasks\/:x / })
  const constrained = app(t)
  const constraints = { host: 'a.example.com' }
  constrained.get('/tasks/:id', { constraints }, () => 'mine')
  const same = await errorOf(Promise.resolve(constrained.register(tasks, { mode: 'memory', routes: { constraints } })))
  t.match(same, { code: 'FST_TASKS_ROUTE_TAKEN' })
  const fine = app(t)
  for (const url of ['/*', '/:folder/:file', '/v1/:tenant/:kind/:id', '/v1/:tenant/tasks/mine', '/tasks/*']) {
    fine.get(url, () => 'mine')
  }
  fine.get('/v1/:org/tasks/:x', { constraints }, () => 'mine')
  await t.resolves(Promise.resolve(fine.register(tasks, { mode: 'memory' })))
  await t.resolves(Promise.resolve(fine.register(tasks, { ...prefixed, name: 'second' })))
  t.equal((await fine.inject('/tasks/unknown')).json().code, 'FST_TASKS_NOT_FOUND')
})

t.test('other routes of the app are left alone', async t => {
  const fine = app(t)
  await fine.register(tasks, { mode: 'memory' })
  fine.get('/tasks', () => 'list')
  fine.delete('/tasks/:id', () => 'mine') // ours is not mounted
  fine.get('/tasks/:id', { constraints: { host: 'other.example.com' } }, () => 'mine')
  fine.get('/tasks/:id/notes', () => 'mine')
  await fine.register(async scope => { scope.get('/tasks/:id', () => 'mine') }, { prefix: '/v1' })
  await t.resolves(Promise.resolve(fine.ready()))
})

t.test('a reply.accepted of the app stays, and the log names it', async t => {
  const log = logger()
  const own = app(t, { logger: { stream: log.stream } })
  own.decorateReply('accepted', function (this: any) { return this.send('mine') } as any)
  await own.register(tasks, { mode: 'memory' })
  await own.register(tasks, { mode: 'memory', name: 'second' })
  own.get('/x', (_request, reply) => (reply as any).accepted())
  t.equal((await own.inject('/x')).body, 'mine')
  t.match(log.find('app.accepted_taken'), { level: 40, msg: /reply.accepted is the app's own/ })
  const two = app(t, { logger: { stream: log.stream } })
  const before = log.lines.length
  for (const name of ['tasks', 'second']) await two.register(tasks, { mode: 'memory', name })
  t.notOk(log.lines.slice(before).find(line => line.event === 'app.accepted_taken'), 'not for two registrations')
})

t.test('REDIS_URL gets the errors that the option gets', async t => {
  const { REDIS_URL: before } = process.env
  t.teardown(() => { process.env.REDIS_URL = before })
  const wrong = {
    '"redis://localhost:6379"': /begins with a quote/,
    '\'redis://localhost:6379\'': /begins with a quote/,
    'http://localhost:6379': /begins with "http:\/\/"/,
    'valkey://localhost:6379': /begins with "valkey:\/\/"/,
    'valkeys://u:s3cret@localhost/0': /begins with "valkeys:\/\/"/,
    'redis://localhost:6379/abc': /database is a number/,
    'localhost:6379': /redis:\/\//
  }
  for (const [url, message] of Object.entries(wrong)) {
    process.env.REDIS_URL = url
    for (const options of [{}, { redis: url }]) {
      const error = await errorOf(Promise.resolve(app(t).register(tasks, options)))
      t.match(error, { code: 'FST_TASKS_PLUGIN_OPTION_INVALID', message }, url)
      t.notMatch(error.message, /s3cret/)
    }
  }
})
