/**
 * Parts of a flow that are gone: by a Redis that lost or evicted keys, or by other hands. Nothing waits for ever, and
 * nobody sees more than before.
 */
import t, { type Test } from 'tap'
import type { FastifyInstance } from 'fastify'
import type { Redis } from 'ioredis'
import { MemberContext } from '../../lib/flows/member-context.ts'
import { chain, group } from '../../lib/plugin.ts'
import { build, connect, errorOf, latch, randomPrefix, until, type Latch } from '../support/helpers.ts'
import type { FlowEngine } from '../../lib/flows/engine.ts'

const LONG = { timeout: 30_000 }
const member = (task: string, data?: unknown): any => ({ kind: 'signature', task, data, options: {} })

interface Fixture {
  app: FastifyInstance
  redis: Redis
  prefix: string
  key: (name: string) => string
  gate: Latch
  started: Latch
  work: () => Promise<unknown>
}

async function fixture (t: Test): Promise<Fixture> {
  const prefix = randomPrefix()
  const [gate, started] = [latch(), latch()]
  const app = await build(t, { prefix, stallInterval: 1_000 }, app => {
    app.tasks.define('x', async (data: any) => data)
    app.tasks.define('no', () => { throw new Error('no luck') })
    app.tasks.define('far', { queue: 'far' }, async () => {})
    app.tasks.define('slow', async () => {
      started.open()
      await gate.promise
    })
    app.tasks.define('read', async (_data, task: any) => {
      started.open()
      await gate.promise
      return task.results()
    })
    app.tasks.define('mine', { authorize: () => true }, async () => {})
  })
  const work = (): Promise<unknown> => app.tasks.startWorker({ queues: ['default'] })
  return { app, redis: connect(t), prefix, key: name => `${prefix}:{default}:${name}`, gate, started, work }
}

t.test('a flow of which only the time is left, at which somebody has to look at it', async t => {
  const { redis, key, work } = await fixture(t)
  await redis.zadd(key('flows'), 0, 'ghost')
  await work()
  await until('it is gone', async () => await redis.zcard(key('flows')) === 0, 20_000)
})

t.test('the record of a member that has not started is lost: it counts as removed', async t => {
  const { app, redis, key, work } = await fixture(t)
  const handle = await app.tasks.enqueueFlow(chain(member('x', 1), group(member('x', 2), member('x', 3))))
  await redis.hdel(key(`flow:${handle.id}/texts`), '2')
  await work()
  t.match(await errorOf(handle.result(LONG)), { message: /Member "1\.1" \(x\) of the flow was removed/ })
  t.match(await handle.status(), { flow: { done: 3, total: 3 } })
})

t.test('nobody knows any more what an open member is: it counts as removed, and the flow ends', async t => {
  const { app, redis, key, prefix, work } = await fixture(t)
  const handle = await app.tasks.enqueueFlow(group(member('x'), member('far')))
  const cancelled = await app.tasks.enqueueFlow(group(member('far'), member('x')))
  await redis.hdel(key(`flow:${handle.id}/nodes`), '1')
  await redis.hdel(`${prefix}:{far}:flow:${cancelled.id}/nodes`, '0')
  await cancelled.cancel()
  t.match(await errorOf(cancelled.result(LONG)), { code: 'FST_TASKS_CANCELLED' })
  await work()
  t.match(await errorOf(handle.result(LONG)), { message: /Member "1" \(unknown\) of the flow was removed/ })
})

t.test('the state of a flow is lost: it is shown, and can be removed, but not retried', async t => {
  const { app, redis, key, gate, work } = await fixture(t)
  await work()
  const handle = await app.tasks.enqueueFlow(member('no'))
  await errorOf(handle.result(LONG))
  const running = await app.tasks.enqueueFlow(member('slow'))
  for (const { id } of [handle, running]) {
    await redis.del(...['', '/nodes', '/joins', '/texts'].map(part => key(`flow:${id}${part}`)))
  }
  t.equal(await app.tasks.retry(handle.id), 'refused')
  t.match(await handle.status(), { state: 'failed' })
  gate.open()
  t.match(await running.status(), { name: 'flow', progress: null })
  t.same(await app.tasks.list({ flow: running.id }), { tasks: [], cursor: null })
  t.equal(await app.tasks.remove(handle.id), 'removed')
  t.equal(await handle.status(), null)
})

t.test('a record that only looks like that of a flow', async t => {
  const { app, redis, key } = await fixture(t)
  const options = { timestamp: 1, attempts: 1, graph: { tasks: [], life: 1 } }
  await redis.hset(key('jobs'), 'forged', JSON.stringify({ data: { name: 'flow' }, options, status: 'succeeded' }))
  t.match(await app.tasks.status('forged'), { state: 'succeeded', result: null, flow: { done: 0, total: 0 } })
})

t.test('a cancel of a flow with a member whose record cannot be read', async t => {
  const { app, redis, key } = await fixture(t)
  const handle = await app.tasks.enqueueFlow(chain(member('x'), member('x')))
  await redis.hset(key('jobs'), `${handle.id}.0`, 'garbage')
  t.equal(await handle.cancel(), 'cancelled')
})

t.test('what a member reads is gone: its error says so', async t => {
  for (const [part, field] of [['joins', '1'], ['nodes', '0']]) {
    const { app, redis, key, work, gate, started } = await fixture(t)
    await work()
    const handle = await app.tasks.enqueueFlow(chain(member('x', 1), member('read')))
    await started.promise
    await redis.hdel(key(`flow:${handle.id}/${part}`), field!)
    gate.open()
    t.match(await errorOf(handle.result(LONG)), { message: /The result of member "\w" is not stored any more/ }, part!)
  }
})

t.test('the worker closes before a record is read: that is said, and not that the record is gone', async t => {
  const joins = ['0 "0"', null]
  const nodes = ['0 0 - ["default","x","0",0]']
  const engine = {
    call: async (what: string, send: () => Promise<unknown>) => what === 'read of a member' ? undefined : send(),
    flowsOf: () => ({ readMany: async (_id: string, part: string) => part === 'joins' ? joins : nodes }),
    queueOf: () => ({ readTask: async () => null })
  } as unknown as FlowEngine
  const member = { id: 'f', home: 'default', node: '1', generation: 0, join: '0', key: '1', keep: 0 }
  const context = new MemberContext(engine, member, () => { throw new Error('it adds none') })
  t.match(await errorOf(context.previous()), { code: 'FST_TASKS_SHUTDOWN' })
  t.match(await errorOf(context.results()), { code: 'FST_TASKS_SHUTDOWN' })
})

t.test('members that are not known any more agree to nothing', async t => {
  const { app, redis, key } = await fixture(t)
  const handle = await app.tasks.enqueueFlow(member('mine'))
  const codeNow = async (): Promise<number> => (await app.inject({ url: handle.location! })).statusCode
  t.equal(await codeNow(), 200)
  await redis.del(key(`flow:${handle.id}/nodes`))
  t.equal(await codeNow(), 404)
})

t.test('nobody sees a flow that is still being written: not all of its members are known', async t => {
  const { app, redis, key } = await fixture(t)
  const handle = await app.tasks.enqueueFlow(group(member('mine'), member('x')))
  const codeNow = async (): Promise<number> => (await app.inject({ url: handle.location! })).statusCode
  t.equal(await codeNow(), 200)
  await redis.hset(key(`flow:${handle.id}`), 'state', 'building')
  t.equal(await codeNow(), 404)
  t.ok(await app.tasks.status(handle.id), 'but for the app itself')
})

t.test('members in a queue that an app does not know', async t => {
  const { app, prefix } = await fixture(t)
  const handle = await app.tasks.enqueueFlow(group(member('x'), member('far')))
  const other = await build(t, { prefix })
  const { tasks } = await other.tasks.list({ flow: handle.id })
  t.match(tasks, [{ queue: 'default', state: 'waiting' }, { queue: 'far', state: 'waiting', name: 'far' }])
  t.match(await (await other.tasks.handle(handle.id))!.cancel(), 'cancelled')
  t.match(await app.tasks.status(`${handle.id}.1`), { state: 'cancelled' })
})
