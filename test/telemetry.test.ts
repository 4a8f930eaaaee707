import { AsyncLocalStorage } from 'node:async_hooks'
import { channel, subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel'
import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { claims, stalls, type AttemptEvent, type ClaimEvent, type EnqueueEvent, type SettleEvent } from '../lib/telemetry.ts'
import { build, errorOf, randomPrefix, until } from './support/helpers.ts'

/** What is published on a channel from now on, until the test ends. */
function heard<Event> (t: Test, name: string): Event[] {
  const events: Event[] = []
  const listener = (message: unknown): void => { events.push({ ...message as Event }) }
  subscribe(name, listener)
  t.teardown(() => unsubscribe(name, listener))
  return events
}

t.test('an enqueue and its attempt, each with the plugin instance that it comes from', async t => {
  const enqueues = heard<EnqueueEvent>(t, 'tracing:fastify-tasks.enqueue:asyncEnd')
  const attempts = heard<AttemptEvent>(t, 'tracing:fastify-tasks.attempt:asyncEnd')
  const app = await build(t, {}, app => app.tasks.define('x', () => 'done'))
  const worker = await app.tasks.startWorker()
  const task = await app.tasks.enqueue('x')
  await task.result()
  const { instanceId: instance } = app.tasks
  t.match(enqueues, [{ instance, name: 'x', count: 1, ids: [task.id] }])
  t.match(attempts, [{
    instance, worker: worker.id, queue: 'default', name: 'x', taskId: task.id, attempt: 1, attempts: 1, outcome: 'succeeded'
  }])
  t.ok(attempts[0]!.waitedMs! >= 0)
})

t.test('two apps in one process are told apart', async t => {
  const attempts = heard<AttemptEvent>(t, 'tracing:fastify-tasks.attempt:asyncEnd')
  const apps = await Promise.all(['one', 'two'].map(name => build(t, { prefix: randomPrefix() }, app => app.tasks.define(name, () => {}))))
  for (const app of apps) await app.tasks.startWorker()
  await Promise.all(apps.map(async (app, i) => (await app.tasks.enqueue(i === 0 ? 'one' : 'two')).result()))
  t.not(apps[0]!.tasks.instanceId, apps[1]!.tasks.instanceId)
  t.same(new Set(attempts.map(({ instance, name }) => `${instance} ${name}`)), new Set([
    `${apps[0]!.tasks.instanceId} one`, `${apps[1]!.tasks.instanceId} two`
  ]))
})

t.test('a failed attempt has its error, each attempt is an operation of its own', async t => {
  const errors = heard<AttemptEvent>(t, 'tracing:fastify-tasks.attempt:error')
  const ends = heard<AttemptEvent>(t, 'tracing:fastify-tasks.attempt:asyncEnd')
  const app = await build(t, {}, app => {
    app.tasks.define('x', { retries: 1, backoff: { strategy: 'immediate' } }, () => { throw new Error('bad') })
  })
  await app.tasks.startWorker()
  t.match(await errorOf((await app.tasks.enqueue('x')).result()), { code: 'FST_TASKS_FAILED' })
  t.match(errors, [{ error: { message: 'bad' } }, { error: { message: 'bad' } }])
  t.match(ends, [{ attempt: 1, outcome: 'failed' }, { attempt: 2, outcome: 'failed', waitedMs: null }])
})

t.test('a refused enqueue is an operation with an error', async t => {
  const errors = heard<EnqueueEvent>(t, 'tracing:fastify-tasks.enqueue:error')
  const app = await build(t, {}, app => app.tasks.define('x', () => {}))
  await errorOf(app.tasks.enqueue('x', 1n))
  t.match(errors, [{ name: 'x', error: { code: 'FST_TASKS_DATA_INVALID' } }])
})

t.test('a store bound to the attempt\'s start is set in the handler, and in all that it awaits', async t => {
  const store = new AsyncLocalStorage<any>()
  const { start } = tracingChannel<AttemptEvent>('fastify-tasks.attempt')
  start.bindStore(store, (event: any) => event.taskId)
  t.teardown(() => start.unbindStore(store))
  const app = await build(t, {}, app => app.tasks.define('x', async () => {
    await new Promise(resolve => setImmediate(resolve))
    return store.getStore()
  }))
  await app.tasks.startWorker()
  const task = await app.tasks.enqueue('x')
  t.equal(await task.result(), task.id)
})

t.test('claims and settlements', async t => {
  const claimed = heard<ClaimEvent>(t, 'fastify-tasks.claim')
  const settled = heard<SettleEvent>(t, 'fastify-tasks.settle')
  const app = await build(t, {}, app => app.tasks.define('x', () => {}))
  await app.tasks.startWorker()
  await (await app.tasks.enqueue('x')).result()
  await until('it is told', () => settled.length > 0)
  const { instanceId: instance } = app.tasks
  t.match(claimed[0], { instance, queue: 'default' })
  t.match(settled[0], { instance, queue: 'default', count: 1, lost: 0 })
})

t.test('docs/reference/telemetry.md names every channel', async t => {
  const page = readFileSync('docs/reference/telemetry.md', 'utf8')
  const source = readFileSync('lib/telemetry.ts', 'utf8')
  const names = [...source.matchAll(/typed<\w+>\('(.+?)'\)/g)].map(match => `fastify-tasks.${match[1]}`)
  const tracing = [...source.matchAll(/tracingChannel<\w+>\('(.+?)'\)/g)].map(match => match[1]!)
  t.equal(names.length + tracing.length, 6)
  for (const name of [...names, ...tracing]) t.ok(page.includes(`| \`${name}\` |`), name)
  t.equal(claims, channel('fastify-tasks.claim'))
  t.notOk(stalls.hasSubscribers)
})
