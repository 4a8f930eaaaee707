/**
 * Whose hooks a task has: those of the scope that defines it and of the scopes around it, as a route of Fastify.
 */
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { HOOK_NAMES } from '../../lib/options.ts'
import { build, errorOf, where } from '../support/helpers.ts'

const result = async (app: FastifyInstance, name: string): Promise<unknown> =>
  (await app.tasks.enqueue(name)).result({ timeout: 60_000 })

t.test('two sibling scopes: the hooks of one are not those of the other', async t => {
  const seen: string[] = []
  const app = await build(t, { ...where(), worker: true }, async app => {
    for (const side of ['left', 'right']) {
      await app.register(async scope => {
        scope.tasks.addHook('preHandler', async task => { seen.push(`${side} ${task.name}`) })
        scope.tasks.define(side, () => side)
      })
    }
    app.tasks.define('outside', () => 'outside')
  })
  for (const name of ['left', 'right', 'outside']) t.equal(await result(app, name), name)
  t.strictSame(seen, ['left left', 'right right'])
})

t.test('outermost scope first, then the scope of the task, then its own; also hooks that were added later', async t => {
  const seen: string[] = []
  const hook = (what: string) => async (): Promise<void> => { seen.push(what) }
  const app = await build(t, { ...where(), worker: true }, async app => {
    app.tasks.addHook('preHandler', hook('around'))
    await app.register(async scope => {
      scope.tasks.define('nested', { preHandler: [hook('own 1'), hook('own 2')] }, () => 1)
      scope.tasks.addHook('preHandler', hook('of its scope')).addHook('preHandler', hook('and another'))
    })
    app.tasks.addHook('preHandler', hook('around, later'))
  })
  await result(app, 'nested')
  t.strictSame(seen, ['around', 'around, later', 'of its scope', 'and another', 'own 1', 'own 2'])
})

t.test('a hook\'s this is the instance of the task, as the handler\'s', async t => {
  const app = await build(t, { ...where(), worker: true }, async app => {
    app.tasks.addHook('preHandler', function (_task, done) {
      t.equal((this as any).mine, 'yes')
      done()
    })
    await app.register(async scope => {
      scope.decorate('mine', 'yes')
      scope.tasks.define('x', () => 1)
    })
  })
  t.equal(await result(app, 'x'), 1)
})

t.test('a second instance of the plugin has hooks of its own', async t => {
  const seen: string[] = []
  const app = await build(t, { ...where(), worker: true }, async app => {
    const { default: tasks } = await import('../../lib/plugin.ts')
    await app.register(tasks, { ...where(), name: 'reports', worker: true })
    app.tasks.addHook('preHandler', async () => { seen.push('tasks') })
    app.tasks.define('x', () => 1)
    const { reports } = app as any
    reports.addHook('preHandler', async () => { seen.push('reports') })
    reports.define('y', () => 2)
  })
  await result(app, 'x')
  t.equal(await (await (app as any).reports.enqueue('y')).result({ timeout: 60_000 }), 2)
  t.strictSame(seen, ['tasks', 'reports'])
})

t.test('a wrong hook is Fastify\'s own error', async t => {
  const app = await build(t, where(), async app => {
    const add = (name: any, hook: any): Promise<any> => errorOf(() => app.tasks.addHook(name, hook))
    const ASYNC = { code: 'FST_ERR_HOOK_INVALID_ASYNC_HANDLER' }
    const withDone = async (_task: any, _error: any, _done: any): Promise<void> => {}
    t.match(await add('preHandler', async (_task: any, _done: any) => {}), ASYNC)
    t.match(await add('onError', withDone), ASYNC)
    t.match(await add('preHandler', 'x'), { code: 'FST_ERR_HOOK_INVALID_HANDLER', message: /got a string/ })
    t.match(await add('onRequest', () => {}), { code: 'FST_ERR_HOOK_NOT_SUPPORTED', message: /onRequest/ })
    t.match(await add(5, () => {}), { code: 'FST_ERR_HOOK_INVALID_TYPE' })
    t.match(await errorOf(() => app.tasks.define('x', { onFailed: withDone })), ASYNC)
    for (const name of HOOK_NAMES) t.doesNotThrow(() => app.tasks.addHook(name, () => {}))
  })
  const late = await errorOf(() => app.tasks.addHook('preHandler', async () => {}))
  t.equal(late.code, 'FST_ERR_INSTANCE_ALREADY_LISTENING', 'after the start, as of Fastify')
})

t.test('a hook that is added after a task was enqueued, before the app is ready', async t => {
  const seen: string[] = []
  let early!: { result (options: object): Promise<unknown> }
  const app = await build(t, { ...where(), worker: true }, async app => {
    app.tasks.define('x', { preEnqueue: entry => { seen.push(`enqueue ${entry.data}`) } }, () => 1)
    early = await app.tasks.enqueue('x', 1)
    app.tasks.addHook('preHandler', async task => { seen.push(`run ${task.data}`) })
    app.tasks.addHook('preEnqueue', async entry => { entry.data = 3 })
  })
  await early.result({ timeout: 60_000 })
  await (await app.tasks.enqueue('x', 2)).result({ timeout: 60_000 })
  t.strictSame(seen.filter(what => what !== 'run 1'), ['enqueue 1', 'enqueue 3', 'run 3'])
})

t.test('a task that is defined after the start has the hooks of its scope', async t => {
  let seen = 0
  const app = await build(t, where(), app => { app.tasks.addHook('preHandler', async () => { seen++ }) })
  app.tasks.define('late', () => 'late')
  await app.tasks.startWorker()
  t.equal(await result(app, 'late'), 'late')
  t.equal(seen, 1)
})
