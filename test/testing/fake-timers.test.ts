/**
 * Fake timers stop every clock of the process, as Vitest and Jest do it (both use this library). Tasks in memory mode
 * run all the same, and what was meant as real time is real time. npm run test:tools does it in the runners themselves.
 */
import { createRequire } from 'node:module'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import tasks from '../../lib/plugin.ts'
import { errorOf } from '../support/helpers.ts'

const { install } = createRequire(import.meta.url)('@sinonjs/fake-timers')

const CLOCKS = [
  'Date', 'performance', 'hrtime', 'setImmediate', 'clearImmediate', 'setTimeout', 'clearTimeout', 'setInterval',
  'clearInterval'
]

/** From now on until the end of the test the clocks of the process stand still. */
function stopClocks (t: Test, now?: number): void {
  const clock = install({ toFake: CLOCKS, now })
  t.teardown(() => clock.uninstall())
}

async function build (t: Test): Promise<FastifyInstance> {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(tasks, { mode: 'memory' })
  app.tasks.define('x', { retries: 1, backoff: { strategy: 'fixed', delay: 60_000 } }, async (_data, task) => {
    await task.reportProgress(task.attempt)
    if (task.attempt === 1) throw new Error('again')
    return 'done'
  })
  app.tasks.define('endless', () => new Promise(() => {}))
  app.post('/x', async (_request, reply) => reply.accepted(await app.tasks.enqueue('x')))
  await app.ready()
  return app
}

t.test('drain, advance, result and the routes do not wait for a clock that stands still', async t => {
  const app = await build(t)
  stopClocks(t)
  const reply = await app.inject({ method: 'POST', url: '/x' })
  t.same(await app.tasks.drain({ timeout: 60_000 }), { delayed: 1 })
  const result = (await app.tasks.handle(reply.json().id))!.result({ timeout: 60_000 })
  t.same(await app.tasks.advance(60_000), { delayed: 0 })
  t.equal(await result, 'done')
  t.match((await app.inject(reply.headers.location as string)).json(), { state: 'succeeded', attempt: 2, progress: 2 })
  await app.close()
})

t.test('the whole life of an app', async t => {
  stopClocks(t)
  const app = await build(t)
  const many = await app.tasks.enqueueMany('x', Array.from({ length: 300 }, () => ({})))
  t.same(await app.tasks.drain({ delayed: true }), { delayed: 0 })
  t.same(new Set(await Promise.all(many.map(handle => handle.result()))), new Set(['done']))
  await app.close()
})

t.test('the limit of drain is real time', async t => {
  const app = await build(t)
  stopClocks(t)
  await app.tasks.enqueue('endless')
  t.match(await errorOf(app.tasks.drain({ timeout: 50 })), { code: 'FST_TASKS_NOT_DRAINED' })
})

t.test('a Date of the faked clock is as far away as it says', async t => {
  stopClocks(t, Date.UTC(2030, 0, 1))
  const app = await build(t)
  const handle = await app.tasks.enqueue('x', undefined, { delayUntil: new Date('2030-01-01T01:00:00Z') })
  t.match(await handle.status(), { state: 'delayed', enqueuedAt: '2030-01-01T00:00:00.000Z' })
  await app.tasks.advance(3_600_000)
  t.match(await handle.status(), { state: 'retrying', startedAt: '2030-01-01T01:00:00.000Z' })
})
