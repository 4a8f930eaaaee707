import { AsyncLocalStorage } from 'node:async_hooks'
import { channel, subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel'
import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import {
  claims, stalls, type AttemptEvent, type ClaimEvent, type EnqueueEvent, type SettleEvent, type TickEvent
} from '../lib/telemetry.ts'
import { build, connect, errorOf, latch, randomPrefix, reaches, until } from './support/helpers.ts'

/** The events of a channel, from now until the test ends. */
function record<Event> (t: Test, name: string): Event[] {
  const events: Event[] = []
  const listener = (message: unknown): void => { events.push({ ...message as Event }) }
  subscribe(name, listener)
  t.teardown(() => unsubscribe(name, listener))
  return events
}

t.test('an enqueue and its attempt: both events name the plugin instance', async t => {
  const enqueues = record<EnqueueEvent>(t, 'tracing:fastify-tasks.enqueue:asyncEnd')
  const attempts = record<AttemptEvent>(t, 'tracing:fastify-tasks.attempt:asyncEnd')
  const app = await build(t, {}, app => app.tasks.define('x', () => 'done'))
  const worker = await app.tasks.startWorker()
  const task = await app.tasks.enqueue('x')
  await task.result()
  const { instanceId: instance } = app.tasks
  t.match(enqueues, [{ instance, name: 'x', count: 1, ids: [task.id] }])
  t.match(attempts, [{
    instance,
    worker: worker.id,
    queue: 'default',
    name: 'x',
    taskId: task.id,
    attempt: 1,
    attempts: 1,
    outcome: 'succeeded'
  }])
  t.ok(attempts[0]!.waitedMs! >= 0)
})

t.test('two apps in one process have different instance ids', async t => {
  const attempts = record<AttemptEvent>(t, 'tracing:fastify-tasks.attempt:asyncEnd')
  const apps = await Promise.all(['first', 'second'].map(name => {
    return build(t, { prefix: randomPrefix() }, app => app.tasks.define(name, () => {}))
  }))
  for (const app of apps) await app.tasks.startWorker()
  await Promise.all(apps.map(async (app, i) => (await app.tasks.enqueue(i === 0 ? 'first' : 'second')).result()))
  t.not(apps[0]!.tasks.instanceId, apps[1]!.tasks.instanceId)
  t.same(new Set(attempts.map(({ instance, name }) => `${instance} ${name}`)), new Set([
    `${apps[0]!.tasks.instanceId} first`, `${apps[1]!.tasks.instanceId} second`
  ]))
})

t.test('the event of a failed attempt has the error; each attempt has its own events', async t => {
  const errors = record<AttemptEvent>(t, 'tracing:fastify-tasks.attempt:error')
  const ends = record<AttemptEvent>(t, 'tracing:fastify-tasks.attempt:asyncEnd')
  const app = await build(t, {}, app => {
    app.tasks.define('x', { retries: 1, backoff: { strategy: 'immediate' } }, () => { throw new Error('bad') })
  })
  await app.tasks.startWorker()
  t.match(await errorOf((await app.tasks.enqueue('x')).result()), { code: 'FST_TASKS_FAILED' })
  t.match(errors, [{ error: { message: 'bad' } }, { error: { message: 'bad' } }])
  t.match(ends, [{ attempt: 1, outcome: 'failed' }, { attempt: 2, outcome: 'failed', waitedMs: null }])
})

t.test('an attempt whose data the worker refuses has its events, and its hooks run in their store', async t => {
  const { prefix, refused } = { prefix: randomPrefix(), refused: ['plain', 'hooked'] }
  const store = new AsyncLocalStorage<string>()
  const { start } = tracingChannel<AttemptEvent>('fastify-tasks.attempt')
  start.bindStore(store as AsyncLocalStorage<any>, (event: any) => event.taskId)
  t.teardown(() => start.unbindStore(store as AsyncLocalStorage<any>))
  const [starts, errors, ends] = ['start', 'error', 'asyncEnd']
    .map(name => record<AttemptEvent>(t, `tracing:fastify-tasks.attempt:${name}`))
  const heard: unknown[] = []
  const app = await build(t, { prefix }, app => {
    const schema = { data: { type: 'number' } }
    app.tasks.define('plain', { schema }, () => {})
    app.tasks.define('hooked', { schema, onFailed: async () => { heard.push(store.getStore()) } }, () => {})
  })
  const producer = await build(t, { prefix }, app => refused.forEach(name => app.tasks.define(name, () => {})))
  for (const name of refused) await producer.tasks.enqueue(name, 'no number', { id: name })
  await app.tasks.startWorker()
  for (const name of refused) await reaches(app, name, 'failed')
  t.strictSame(starts!.map(({ taskId }) => taskId).sort(), refused.toSorted())
  t.match(errors, refused.map(() => ({ error: { code: 'FST_TASKS_DATA_REFUSED' } })))
  t.match(ends, refused.map(() => ({ outcome: 'failed' })))
  t.strictSame(heard, ['hooked'])
})

t.test('a refused enqueue publishes an error event', async t => {
  const errors = record<EnqueueEvent>(t, 'tracing:fastify-tasks.enqueue:error')
  const app = await build(t, {}, app => app.tasks.define('x', () => {}))
  await errorOf(app.tasks.enqueue('x', 1n))
  t.match(errors, [{ name: 'x', error: { code: 'FST_TASKS_DATA_INVALID' } }])
})

t.test('a store bound to the attempt\'s start is available in the handler, also after an await', async t => {
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

t.test('events of claims and settlements', async t => {
  const claimed = record<ClaimEvent>(t, 'fastify-tasks.claim')
  const settled = record<SettleEvent>(t, 'fastify-tasks.settle')
  const app = await build(t, {}, app => app.tasks.define('x', () => {}))
  await app.tasks.startWorker()
  await (await app.tasks.enqueue('x')).result()
  await until('a settle event is published', () => settled.length > 0)
  const { instanceId: instance } = app.tasks
  t.match(claimed[0], { instance, queue: 'default' })
  t.match(settled[0], { instance, queue: 'default', count: 1, lost: 0 })
})

t.test('ticks of a schedule: fired, skipped and missed', async t => {
  const ticks = record<TickEvent>(t, 'fastify-tasks.tick')
  const prefix = randomPrefix()
  const [redis, end] = [connect(t), latch()]
  const app = await build(t, { prefix }, app => { app.tasks.define('x', () => end.promise) })
  await app.tasks.schedules.set('s', { task: 'x', every: 60_000 })
  // As if no worker had been there for more than three minutes.
  const states = `${prefix}:{default}:scheduleStates`
  const state = JSON.parse((await redis.hget(states, 's'))!)
  state.next -= 4 * 60_000
  await redis.multi().hset(states, 's', JSON.stringify(state)).zadd(`${prefix}:{default}:ticks`, state.next, 's').exec()
  const worker = await app.tasks.startWorker()
  await until('the latest fired, three were missed', () => ticks.length === 2)
  await app.tasks.schedules.set('s', { task: 'x', every: 100 })
  await until('the next is skipped', () => ticks.length > 2)
  await app.tasks.schedules.pause('s')
  end.open()
  const of = { instance: app.tasks.instanceId, worker: worker.id, queue: 'default', schedule: 's' }
  const plannedAt = new Date(state.next + 3 * 60_000).toISOString()
  const { taskId } = (await app.tasks.schedules.get('s'))!.last!
  t.match(ticks.slice(0, 2), [
    { ...of, outcome: 'missed', count: 3, plannedAt: null, taskId: null, lateBy: null },
    { ...of, outcome: 'fired', count: 1, plannedAt, taskId, lateBy: Number }
  ])
  t.match(ticks[2], { ...of, outcome: 'skipped', count: 1, plannedAt: String, taskId: null, lateBy: null })
})

t.test('in memory mode ticks are published too', async t => {
  const ticks = record<TickEvent>(t, 'fastify-tasks.tick')
  const app = await build(t, { mode: 'memory', redis: undefined, prefix: undefined } as any, app => {
    app.tasks.define('x', () => {})
    app.tasks.defineSchedule('s', { task: 'x', every: 60_000 })
  })
  await app.tasks.advance(120_000)
  const of = { instance: app.tasks.instanceId, worker: null }
  t.match(ticks, [{ ...of, outcome: 'fired' }, { ...of, outcome: 'fired', lateBy: 0 }])
})

t.test('docs/reference/telemetry.md names every channel', async t => {
  const page = readFileSync('docs/reference/telemetry.md', 'utf8')
  const source = readFileSync('lib/telemetry.ts', 'utf8')
  const names = [...source.matchAll(/typed<\w+>\('(.+?)'\)/g)].map(match => `fastify-tasks.${match[1]}`)
  const tracing = [...source.matchAll(/tracingChannel<\w+>\('(.+?)'\)/g)].map(match => match[1]!)
  t.equal(names.length + tracing.length, 7)
  for (const name of [...names, ...tracing]) t.ok(page.includes(`| \`${name}\` |`), name)
  t.equal(claims, channel('fastify-tasks.claim'))
  t.notOk(stalls.hasSubscribers)
})
