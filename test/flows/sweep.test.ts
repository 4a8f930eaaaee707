/**
 * What a process that died between two steps has left of a flow, others find and finish; ends that nobody told, too.
 */
import t, { type Test } from 'tap'
import type { FastifyInstance } from 'fastify'
import type { Redis } from 'ioredis'
import { chain, group } from '../../lib/plugin.ts'
import { RedisQueue } from '../../lib/store/redis/queue.ts'
import { build, connect, errorOf, latch, randomPrefix, until } from '../support/helpers.ts'
import type { QueueFlows } from '../../lib/store/flow-contract.ts'
import type { TaskHandle } from '../../lib/types.ts'

const LONG = { timeout: 30_000 }

interface Fixture {
  app: FastifyInstance
  redis: Redis
  key: (name: string) => string
  flows: QueueFlows
  ran: string[]
  signature: (data?: unknown, task?: string) => any
  /** From now on a worker serves the queue, and looks at flows. */
  work: () => Promise<unknown>
}

async function fixture (t: Test): Promise<Fixture> {
  const prefix = randomPrefix()
  const ran: string[] = []
  const app = await build(t, { prefix, stallInterval: 1_000 }, app => {
    app.tasks.define('x', async (data: any) => {
      ran.push(`${data}`)
      return data
    })
    app.tasks.define('elsewhere', { queue: 'idle' }, async () => {})
  })
  const redis = connect(t)
  return {
    app,
    redis,
    key: name => `${prefix}:{default}:${name}`,
    flows: new RedisQueue(redis, 'default', prefix).flows,
    ran,
    signature: (data, task = 'x') => ({ kind: 'signature', task, data, options: {} }),
    work: () => app.tasks.startWorker({ queues: ['default'] })
  }
}

t.test('a member that a plain Bee-Queue ended: the flow goes on', async t => {
  const { app, redis, key, signature, work, ran } = await fixture(t)
  const handle = await app.tasks.enqueueFlow(chain(signature(1), signature(2)))
  await redis.multi().lrem(key('waiting'), 0, `${handle.id}.0`).sadd(key('succeeded'), `${handle.id}.0`).exec()
  await work()
  await until('the next member runs', () => ran.length === 1, 20_000)
  t.same(ran, ['2'])
})

t.test('a member whose record is gone counts as removed', async t => {
  const { app, redis, key, signature, work } = await fixture(t)
  const handle = await app.tasks.enqueueFlow(chain(signature(1), signature(2)))
  await redis.multi().lrem(key('waiting'), 0, `${handle.id}.0`).hdel(key('jobs'), `${handle.id}.0`).exec()
  await work()
  t.match(await errorOf(handle.result(LONG)), { message: /Member "0" \(x\) of the flow was removed/ })
})

t.test('members that were to be started, and were not', async t => {
  const { app, redis, key, signature, work, ran } = await fixture(t)
  const handle = await app.tasks.enqueueFlow(chain(group(signature(1), signature(2)), signature(3)))
  await redis.multi().del(key('waiting')).hdel(key('jobs'), `${handle.id}.0`, `${handle.id}.1`)
    .sadd(key(`flow:${handle.id}/todo`), 'J0').exec()
  await work()
  t.equal(await handle.result(LONG), 3)
  t.same(ran.sort(), ['1', '2', '3'])
})

t.test('a flow that was never written to its end is removed', async t => {
  const { app, redis, key, flows, work } = await fixture(t)
  const record = '{"data":{"name":"flow"},"options":{"timestamp":1,"attempts":1,"graph":{"tasks":["x"],"life":60000}}'
  const flow = { id: 'half', record, ttl: 60_000, life: 60_000, failFast: true, expires: null, final: null }
  await flows.begin(flow, 1_000)
  await flows.write('half', { nodes: [['0', '0 0 - ["default","x","0",0]']], texts: [], joins: [], edges: [] })
  t.match(await app.tasks.status('half'), { state: 'active', flow: { done: 0, total: 1 } })
  await work()
  await until('it is removed', async () => await app.tasks.status('half') === null, 20_000)
  await until('no key is left', async () => (await redis.keys(key('flow*'))).length === 0)
})

t.test('a flow that has lived too long is cancelled, and has failed', async t => {
  const { app, signature, work } = await fixture(t)
  const handle = await app.tasks.enqueueFlow(chain(signature(1), signature(2, 'elsewhere')), { lifetime: 1_000 })
  await work()
  const error = await errorOf(handle.result(LONG))
  t.match(error.cause, { code: 'FST_TASKS_FLOW_TIMEOUT' })
  t.match(await app.tasks.status(`${handle.id}.1`), { state: 'cancelled' })
})

t.test('a cancel that broke off midway goes on', async t => {
  const { app, flows, signature, work } = await fixture(t)
  const handle = await app.tasks.enqueueFlow(chain(signature(1, 'elsewhere'), signature(2)), { id: 'broken' })
  const other = await app.tasks.enqueueFlow(chain(signature(1), signature(2, 'elsewhere')))
  const queue = handle.queue
  t.equal(queue, 'idle')
  await flows.step(other.id, [{ name: 'cancel', cause: 'cancelled', code: '', message: '' }], 500)
  t.match(await other.status(), { state: 'active' })
  await work()
  t.match(await errorOf(other.result(LONG)), { code: 'FST_TASKS_CANCELLED' })
})

t.test('a flow is removed before its members are released: they do not stay as long as a flow may live', async t => {
  const { app, redis, key, flows, signature } = await fixture(t)
  const { id } = await app.tasks.enqueueFlow(chain(signature(1)))
  const week = Date.now() + 604_800_000
  await redis.multi().lrem(key('waiting'), 0, `${id}.0`).zadd(key('done:cancelled'), week, `${id}.0`).exec()
  await flows.step(id, [{ name: 'end', node: '0', generation: '0', outcome: 'cancelled', message: '' }], 60_000)
  await flows.step(id, [], 60_000)
  t.equal(await app.tasks.remove(id), 'removed')
  const expiry = Number(await redis.zscore(key('done:cancelled'), `${id}.0`))
  t.ok(expiry > Date.now() && expiry < week - 86_400_000, `it expires in ${expiry - Date.now()} ms`)
})

t.test('the id of a flow of which nothing stays is used again before its members are released', async t => {
  const { app, redis, key, flows, signature } = await fixture(t)
  const options = { id: 'again', resultTtl: 0 }
  await app.tasks.enqueueFlow(chain(signature(1)), options)
  const week = Date.now() + 604_800_000
  await redis.multi().lrem(key('waiting'), 0, 'again.0').hdel(key('jobs'), 'again.0').exec()
  await flows.step('again', [{ name: 'end', node: '0', generation: '0', outcome: 'removed', message: '' }], 60_000)
  await flows.step('again', [], 60_000)
  t.equal(await app.tasks.status('again'), null)
  await app.tasks.enqueueFlow(chain(signature(2)), options)
  t.match(await app.tasks.status('again'), { state: 'active', progress: { done: 0, total: 1 } })

  await redis.multi().zadd(key('flows'), week, 'lost').zadd(key('flows'), week, 'odd').exec()
  await app.tasks.enqueueFlow(chain(signature(3)), { id: 'lost' })
  await redis.hset(key('flow:odd'), { state: 'running', started: 1, changed: 1, deadline: week })
  t.match(await errorOf(app.tasks.enqueueFlow(chain(signature(4)), { id: 'odd' })),
    { code: 'FST_TASKS_FLOW_INCOMPLETE' }, 'its record was deleted by hand: no endless wait')
})

t.test('an end that is told twice changes nothing, and what ended is released by the sweep', async t => {
  const { app, redis, key, flows, signature, work, ran } = await fixture(t)
  const handle = await app.tasks.enqueueFlow(signature(1))
  const end = { name: 'end', node: '0', generation: '0', outcome: 'succeeded', message: '' } as const
  const first = await flows.step(handle.id, [end], 500)
  const second = await flows.step(handle.id, [end], 500)
  t.same([first.ends, second.ends], [true, false], 'one call ends the flow')
  t.match(await handle.status(), { state: 'succeeded' })
  await work()
  await until('nobody has to look at it', async () => await redis.zcard(key('flows')) === 0, 20_000)
  t.ok(ran.length <= 1)
})

t.test('a worker that dies with a member: the flow goes on with another worker', async t => {
  const { app, redis, key, signature, work, ran } = await fixture(t)
  const handle = await app.tasks.enqueueFlow(chain(signature(1), signature(2)))
  const id = `${handle.id}.0`
  await redis.multi().lrem(key('waiting'), 0, id).hset(key('claims'), id, `dead.1 ${Date.now()}`)
    .zadd(key('leases'), -1_000, 'dead').exec()
  await work()
  t.equal(await handle.result(LONG), 2)
  t.same(ran, ['1', '2'])
})

t.test('an id of one\'s own whose flow is half written: its enqueue waits until it is whole, or removed', async t => {
  const { app, flows, signature, work } = await fixture(t)
  const record = '{"data":{"name":"flow"},"options":{"timestamp":1,"attempts":1,"graph":{"tasks":["x"],"life":60000}}'
  const flow = { id: 'half', record, ttl: 60_000, life: 60_000, failFast: true, expires: null, final: null }
  await flows.begin(flow, 1_000)
  const enqueue = (): Promise<TaskHandle> => app.tasks.enqueueFlow(chain(signature(1), signature(2)), { id: 'half' })
  t.match(await errorOf(enqueue()), { code: 'FST_TASKS_FLOW_INCOMPLETE' })
  await work()
  const handle = await until('it is removed, and written again', () => enqueue().catch(() => null), 30_000)
  t.equal(handle.created, true)
  t.equal(await handle.result(LONG), 2)
  const many = await Promise.all(Array.from({ length: 9 }, () =>
    app.tasks.enqueueFlow(chain(signature(1), signature(2)), { id: 'at-once' })))
  t.equal(many.filter(({ created }) => created).length, 1)
})

t.test('a seal starts some joins at a time, and whoever goes on starts the rest', async t => {
  const { redis, key, flows } = await fixture(t)
  const joins = Array.from({ length: 1_100 }, (_, i) => String(i + 1))
  const record = '{"data":{"name":"flow"},"options":{"timestamp":1,"attempts":1,"graph":{"tasks":["x"],"life":60000}}'
  await flows.begin({ id: 'f', record, ttl: 9_000, life: 60_000, failFast: true, expires: null, final: null }, 60_000)
  await flows.write('f', {
    nodes: [['0', `0 0 ${joins.join(',')} ["q","x","0",0]`]], texts: [], joins: [['0', '0 null']], edges: []
  })
  for (let i = 0; i < joins.length; i += 500) {
    const some = joins.slice(i, i + 500)
    await flows.write('f', {
      nodes: some.map(join => [join, '0 0 - ["q","x","0",0]']),
      texts: [],
      edges: [],
      joins: some.map(join => [join, `${join} "0"`])
    })
  }
  await flows.step('f', [{ name: 'ready', join: '0' }], 60_000)
  const end = { name: 'end', node: '0', generation: '0', outcome: 'succeeded', message: '' } as const
  t.same((await flows.step('f', [end], 60_000)).starts, [], 'they wait for the seal')
  const steps = [await flows.step('f', [{ name: 'seal' }], 60_000)]
  while (steps.at(-1)!.more) steps.push(await flows.step('f', [], 60_000))
  t.same(steps.map(({ starts }) => starts.length), [500, 500, 100])
  t.equal(new Set(steps.flatMap(({ starts }) => starts)).size, 1_100)
  t.equal(await redis.scard(key('flow:f/unwritten')), 0)
})

t.test('all flows that are due are looked at, however many they are', async t => {
  const { redis, key, work } = await fixture(t)
  await redis.zadd(key('flows'), ...Array.from({ length: 95 }, (_, i) => [0, `ghost-${i}`]).flat())
  await work()
  await until('they are gone', async () => await redis.zcard(key('flows')) === 0, 20_000)
})

t.test('nothing is left of the earlier tries of a flow that was retried', async t => {
  const prefix = randomPrefix()
  let fails = true
  const app = await build(t, { prefix, stallInterval: 1_000, resultTtl: 2_000 }, app => {
    app.tasks.define('once', async () => { if (fails) throw new Error('not yet') })
  })
  await app.tasks.startWorker()
  const handle = await app.tasks.enqueueFlow(chain({ kind: 'signature', task: 'once', options: {} } as any))
  await errorOf(handle.result(LONG))
  fails = false
  await app.tasks.retry(handle.id)
  await handle.result(LONG)
  const redis = connect(t)
  const jobs = `${prefix}:{default}:jobs`
  await until('no record is left', async () => await redis.exists(jobs) === 0, 20_000)
})

t.test('the same, if the try behind them was removed', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix, stallInterval: 1_000, resultTtl: 2_000 }, app => {
    app.tasks.define('no', () => { throw new Error('no luck') })
  })
  await app.tasks.startWorker()
  const handle = await app.tasks.enqueueFlow(chain({ kind: 'signature', task: 'no', options: {} } as any))
  await errorOf(handle.result(LONG))
  await app.tasks.pause({ name: 'no' })
  await app.tasks.retry(handle.id)
  t.equal(await app.tasks.remove(`${handle.id}.0-1`), 'removed')
  t.match(await handle.status(), { state: 'failed' })
  const jobs = `${prefix}:{default}:jobs`
  const redis = connect(t)
  await until('no record is left', async () => await redis.exists(jobs) === 0, 20_000)
})

t.test('nothing is left of a flow and its members once their records have expired', async t => {
  const prefix = randomPrefix()
  const gate = latch()
  const app = await build(t, { prefix, stallInterval: 1_000, resultTtl: 300 }, app => {
    app.tasks.define('x', async () => { await gate.promise })
    app.tasks.define('other', { queue: 'more' }, async () => {})
  })
  await app.tasks.startWorker()
  const [x, other] = ['x', 'other'].map(task => ({ kind: 'signature', task, options: {} }) as any)
  const handles = await Promise.all([1, 2, 3].map(() =>
    app.tasks.enqueueFlow(chain(group(x, other, x), other), { finally: x })))
  gate.open()
  for (const handle of handles) await handle.result(LONG).catch(() => {})
  const redis = connect(t)
  const left = async (): Promise<string[]> => (await redis.keys(`${prefix}*`)).filter(key =>
    /:(flow|jobs|done|succeeded|failed|waiting|delayed|claims)/.test(key))
  await until('no key is left', async () => (await left()).length === 0, 20_000)
  t.pass()
})
