/**
 * `limit: { max, key }` over all workers.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import t from 'tap'
import {
  build, connect, errorOf, inRedis, latch, memoryMode, pass, randomPrefix, reaches, until, type Latch
} from '../support/helpers.ts'
import { RedisQueue } from '../../lib/store/redis/queue.ts'
import { startRedis } from '../../scripts/redis.ts'
import { claimsMeanwhile, commandsOf } from '../support/monitor.ts'

const byTenant = (data: any): string => data.tenant

t.test('over two workers no key has more tasks running than its limit, and keys do not wait', async t => {
  const prefix = randomPrefix()
  const running: Record<string, number> = { a: 0, b: 0 }
  const most: Record<string, number> = { a: 0, b: 0 }
  const go = latch()
  const define = (app: any): void => {
    app.tasks.define('sync', { limit: { max: 2, key: byTenant } }, async ({ tenant }: any) => {
      most[tenant] = Math.max(most[tenant]!, ++running[tenant]!)
      await go.promise
      running[tenant]!--
    })
  }
  const app = await build(t, { prefix }, define)
  const other = memoryMode ? app : await build(t, { prefix }, define)
  for (const worker of [app, other]) await worker.tasks.startWorker({ concurrency: 20 })
  const ofA = await app.tasks.enqueueMany('sync', Array.from({ length: 10 }, () => ({ data: { tenant: 'a' } })))
  const ofB = await app.tasks.enqueue('sync', { tenant: 'b' })
  await until('both keys run', () => running.a === 2 && running.b === 1)
  t.match(await app.tasks.status(ofA[9]!.id), {
    state: 'waiting', blockedBy: { kind: 'limit', key: 'a', text: 'limit of key "a", 2 of 2' }
  })
  t.match(await app.tasks.status(ofA[0]!.id), { blockedBy: null })
  t.match(await app.tasks.counts(), { default: { waiting: 8, active: 3 } })
  t.equal((await app.tasks.list({ state: 'waiting', queue: 'default' })).tasks.length, 8)
  t.equal(await ofA[8]!.cancel(), 'cancelled')
  t.equal(await app.tasks.remove(ofA[7]!.id), 'removed')
  go.open()
  for (const { id } of [...ofA.slice(0, 7), ofA[9]!, ofB]) await reaches(app, id, 'succeeded')
  t.same(most, { a: 2, b: 1 })
  t.match(await app.tasks.counts(), { default: { waiting: 0, succeeded: 9, cancelled: 1 } })
})

t.test('the end of a task claims the next of its key, and wakes no worker', { skip: memoryMode }, async t => {
  const [prefix, counted, COUNT] = [randomPrefix(), { claimed: 0 }, 40]
  const app = await build(t, { prefix }, app => {
    app.tasks.define('sync', { limit: { max: 1, key: byTenant } }, async () => {})
  })
  const onClaim = ({ claimed, instance }: any): void => {
    if (instance === app.tasks.instanceId) counted.claimed += claimed
  }
  subscribe('fastify-tasks.claim', onClaim)
  t.teardown(() => unsubscribe('fastify-tasks.claim', onClaim))
  const data = Array.from({ length: COUNT }, (_, i) => ({ data: { tenant: i % 2 === 0 ? 'a' : 'b' } }))
  const handles = await app.tasks.enqueueMany('sync', data)
  await app.tasks.startWorker({ concurrency: 4 })
  for (const { id } of handles) await reaches(app, id, 'succeeded')
  t.ok(counted.claimed >= COUNT - 2, `${counted.claimed} of ${COUNT} without a wait`)
})

inRedis('the end of a task wakes no worker that waits', 'it counts commands', async t => {
  const [prefix, go, COUNT] = [randomPrefix(), latch(), 40]
  let running = 0
  const buildOne = (): ReturnType<typeof build> => build(t, { prefix }, app => {
    app.tasks.define('sync', { limit: { max: 1, key: byTenant } }, async () => {
      running++
      await go.promise
    })
  })
  const [busy, idle] = [await buildOne(), await buildOne()]
  const data = Array.from({ length: COUNT }, (_, i) => ({ data: { tenant: i % 2 === 0 ? 'a' : 'b' } }))
  const handles = await busy.tasks.enqueueMany('sync', data)
  await busy.tasks.startWorker({ concurrency: 2 })
  await until('both keys run', () => running === 2)
  const commands = await commandsOf(t)
  const waits = async (): Promise<number> =>
    (await commands()).filter(line => line.includes(prefix) && /"blmove"/i.test(line)).length
  await idle.tasks.startWorker({ concurrency: 2 })
  await until('the other worker waits', async () => await waits() > 0)
  go.open()
  for (const { id } of handles) await reaches(busy, id, 'succeeded')
  // The first wait, those of the busy worker in the end, and some of 5 s that were over.
  t.ok(await waits() <= 10, `${await waits()} waits for ${COUNT} tasks`)
})

t.test('outcomes are written while claims fail', { skip: memoryMode }, async t => {
  const prefix = randomPrefix()
  const redis = connect(t)
  const go = latch()
  const app = await build(t, { prefix, worker: true }, app => {
    app.tasks.define('sync', { limit: { max: 1 } }, () => go.promise)
  })
  const { id } = await app.tasks.enqueue('sync', {})
  await reaches(app, id, 'active')
  await redis.set(`${prefix}:{default}:low`, 'no list')
  go.open()
  await until('it is written', async () => await redis.sismember(`${prefix}:{default}:succeeded`, id) === 1)
  t.equal(await redis.del(`${prefix}:{default}:low`), 1)
  await reaches(app, (await app.tasks.enqueue('sync', {})).id, 'succeeded')
})

inRedis('an outcome is written that comes while a claim is on its way, which fails', 'it stops Redis', async t => {
  const server = await startRedis()
  t.teardown(() => server.stop())
  const prefix = randomPrefix()
  const redis = connect(t, server.url)
  const gates: Record<string, Latch> = { a: latch(), b: latch() }
  const ended: string[] = []
  const app = await build(t, { redis: server.url, prefix, worker: { concurrency: 2 } }, app => {
    app.tasks.define('sync', { limit: { max: 1, key: byTenant } }, async ({ tenant }: any) => {
      await gates[tenant]!.promise
      ended.push(tenant)
    })
  })
  const ids: string[] = []
  for (const tenant of ['a', 'b']) ids.push((await app.tasks.enqueue('sync', { tenant })).id)
  for (const id of ids) await reaches(app, id, 'active')
  await redis.set(`${prefix}:{default}:low`, 'no list')
  await redis.client('PAUSE', 2_000, 'WRITE')
  for (const tenant of ['a', 'b']) {
    gates[tenant]!.open()
    await until(`${tenant} has ended`, () => ended.includes(tenant))
  }
  await redis.client('UNPAUSE')
  for (const id of ids) {
    await until('it is written', async () => await redis.sismember(`${prefix}:{default}:succeeded`, id) === 1)
  }
})

t.test('ordered: one at a time, in order, through a retry', async t => {
  const ran: string[] = []
  const app = await build(t, { worker: true }, app => {
    const options = { limit: { ordered: true, key: byTenant }, retries: 1, backoff: { strategy: 'fixed', delay: 50 } }
    app.tasks.define('step', options as any, async ({ step }: any, task) => {
      ran.push(`${step}.${task.attempt}`)
      if (step === 1 && task.attempt === 1) throw new Error('again')
    })
  })
  const steps = await app.tasks.enqueueMany('step', [1, 2, 3].map(step => ({ data: { tenant: 'a', step } })))
  await reaches(app, steps[0]!.id, 'retrying', 'succeeded')
  await pass(app, 100)
  for (const { id } of steps) await reaches(app, id, 'succeeded')
  t.same(ran, ['1.1', '1.2', '2.1', '3.1'])
})

t.test('a delayed task, a retry by hand and a limit without a key', async t => {
  let [running, most, fails] = [0, 0, true]
  const app = await build(t, { worker: true }, app => {
    app.tasks.define('one', { limit: { max: 1 } }, async (data: any) => {
      most = Math.max(most, ++running)
      await new Promise(resolve => setImmediate(resolve))
      running--
      if (data === 'fails' && fails) throw new Error('no')
    })
  })
  const delayed = await app.tasks.enqueueMany('one', Array.from({ length: 5 }, () => ({ data: 1, delay: 50 })))
  const failed = await app.tasks.enqueue('one', 'fails')
  await reaches(app, failed.id, 'failed')
  fails = false
  t.equal(await app.tasks.retry(failed.id), 'queued')
  await pass(app, 100)
  for (const { id } of [...delayed, failed]) await reaches(app, id, 'succeeded')
  t.equal(most, 1)
})

t.test('tasks that are promoted, or retried, cancelled and removed with many others, keep to the limit', async t => {
  let fails = true
  const app = await build(t, {}, app => {
    app.tasks.define('one', { limit: { max: 1 } }, async () => { if (fails) throw new Error('no') })
  })
  const later = await app.tasks.enqueue('one', null, { delay: 86_400_000 })
  const handles = await app.tasks.enqueueMany('one', [{}, {}, {}, {}])
  const waiting = { state: 'waiting', name: 'one' } as const
  t.equal(await app.tasks.count(waiting), 4, 'those that wait for the slot too')
  t.match(await app.tasks.cancelMany(waiting, { limit: 1 }), { matched: 1, changed: 1 })
  t.match(await app.tasks.removeMany(waiting, { limit: 1 }), { matched: 1, changed: 1 })
  t.match(await app.tasks.status(handles[2]!.id), { blockedBy: null })
  t.match(await app.tasks.status(handles[3]!.id), { blockedBy: { text: 'limit of task "one", 1 of 1' } })
  await app.tasks.startWorker({ concurrency: 10 })
  for (const { id } of handles.slice(2)) await reaches(app, id, 'failed')
  fails = false
  await app.tasks.pause({ queue: 'default' })
  t.match(await app.tasks.retryMany({ name: 'one' }), { matched: 2, changed: 2 })
  const records = await Promise.all(handles.slice(2).map(({ id }) => app.tasks.status(id)))
  const blocked = records.map(record => record!.blockedBy!.kind)
  t.same(blocked.sort(), ['limit', 'pause'], 'one waits for the slot of the other')
  await app.tasks.resume({ queue: 'default' })
  t.equal(await app.tasks.promote(later.id), 'promoted')
  await pass(app, 0)
  for (const { id } of [...handles.slice(2), later]) await reaches(app, id, 'succeeded')
})

t.test('setLimit changes it at run time', async t => {
  const go = latch()
  let running = 0
  const app = await build(t, { worker: { concurrency: 10 } }, app => {
    app.tasks.define('x', { limit: { max: 1 } }, async () => {
      running++
      await go.promise
    })
    app.tasks.define('free', async () => {})
    app.tasks.define('ordered', { limit: { ordered: true } }, async () => {})
  })
  const handles = await app.tasks.enqueueMany('x', Array.from({ length: 5 }, () => ({})))
  await until('one runs', () => running === 1)
  await app.tasks.setLimit('x', { limit: { max: 3 } })
  await until('three run', () => running === 3)
  await app.tasks.setLimit('x', null)
  t.match(await app.tasks.status(handles[4]!.id), { blockedBy: { text: 'limit of task "x", 3 of 1' } })
  go.open()
  for (const { id } of handles) await reaches(app, id, 'succeeded')
  const refused = async (name: string, change: any, code: string): Promise<void> => {
    t.match(await errorOf(app.tasks.setLimit(name, change)), { code }, `${name} ${JSON.stringify(change)}`)
  }
  await refused('free', { limit: { max: 1 } }, 'FST_TASKS_LIMIT_UNKNOWN')
  await refused('nobody', null, 'FST_TASKS_NOT_DEFINED')
  for (const change of [5, {}, { limit: 5 }, { limit: {} }, { limit: { max: 0 } }]) {
    await refused('x', change, 'FST_TASKS_PLUGIN_OPTION_INVALID')
  }
  await refused('x', { max: 2 }, 'FST_TASKS_OPTION_UNKNOWN')
  await refused('ordered', { limit: { max: 2 } }, 'FST_TASKS_OPTION_CLASH')
  await app.tasks.setLimit('ordered', { limit: { max: 1 } })
})

t.test('what is wrong is refused', async t => {
  const app = await build(t, { queues: ['mail'] }, app => {
    app.tasks.define('x', { limit: { max: 1, key: byTenant } })
    for (const limit of [{}, { max: 0 }, { max: 1.5 }, { key: 'a', max: 1 }, { ordered: 1 }]) {
      t.throws(() => app.tasks.define('y', { limit } as any), { code: 'FST_TASKS_TASK_OPTION_INVALID' })
    }
    t.throws(() => app.tasks.define('y', { limit: { max: 2, ordered: true } }), { code: 'FST_TASKS_OPTION_CLASH' })
    t.throws(() => app.tasks.define('y', { limit: { max: 2, rate: 1 } } as any), { code: 'FST_TASKS_OPTION_UNKNOWN' })
  })
  const refused = async (data: any, options: any, code: string): Promise<void> => {
    t.match(await errorOf(app.tasks.enqueue('x', data, options)), { code })
  }
  await refused({ tenant: 5 }, {}, 'FST_TASKS_LIMIT_KEY_INVALID')
  await refused({ tenant: 'x'.repeat(101) }, {}, 'FST_TASKS_LIMIT_KEY_INVALID')
  await refused({ tenant: 'a' }, { queue: 'mail' }, 'FST_TASKS_LIMIT_QUEUE')
  await app.tasks.enqueue('x', { tenant: 'a' }, { queue: 'default' })
})

t.test('members of a flow and ticks of a schedule have the limit too', async t => {
  let [running, most] = [0, 0]
  const app = await build(t, { worker: { concurrency: 10 } }, app => {
    app.tasks.define('x', { limit: { max: 1 } }, async () => {
      most = Math.max(most, ++running)
      await new Promise(resolve => setImmediate(resolve))
      running--
    })
  })
  const { group } = await import('../../lib/plugin.ts')
  const x = (app.tasks as any).define('y', { limit: { max: 1 } }, async () => {
    most = Math.max(most, ++running)
    running--
  })
  const flow = await app.tasks.enqueueFlow(group(...Array.from({ length: 5 }, () => x.signature())) as any)
  await flow.result({ timeout: 60_000 })
  await app.tasks.schedules.set('s', { task: 'x', every: 86_400_000 })
  const triggered = await Promise.all(Array.from({ length: 5 }, () => app.tasks.schedules.trigger('s')))
  for (const { id } of triggered) await reaches(app, id, 'succeeded')
  t.equal(most, 1)
})

t.test('definitions that differ: the newest counts, and old workers obey', { skip: memoryMode }, async t => {
  const prefix = randomPrefix()
  const gates = [latch(), latch()]
  let running = 0
  const buildWith = (max: number, options = {}): ReturnType<typeof build> => build(t, { prefix, ...options }, app => {
    app.tasks.define('x', { limit: { max } }, async (gate: number) => {
      running++
      await gates[gate]!.promise
      running--
    })
  })
  const items = (gate: number): Array<{ data: number }> => Array.from({ length: 5 }, () => ({ data: gate }))
  const older = await buildWith(1, { worker: { concurrency: 10 } })
  const first = await older.tasks.enqueueMany('x', items(0))
  await until('one runs', () => running === 1)
  const start = Date.now()
  await until('a process that starts now is newer', () => Date.now() > start)
  // It only works, and it has a larger limit.
  const newer = await buildWith(3, { worker: { concurrency: 1 } })
  await until('three run', () => running === 3)
  await older.tasks.enqueue('x', 0)
  t.match(await first[4]!.status(), { blockedBy: { text: 'limit of task "x", 3 of 3' } })
  gates[0]!.open()
  for (const { id } of first) await reaches(older, id, 'succeeded')
  await newer.close()
  const next = await older.tasks.enqueueMany('x', items(1))
  await until('the old worker runs three', () => running === 3)
  gates[1]!.open()
  for (const { id } of next) await reaches(older, id, 'succeeded')
})

inRedis('a worker whose tasks wait for slots sends only its wait', 'it counts commands', async t => {
  const prefix = randomPrefix()
  const go = latch()
  let running = 0
  const app = await build(t, { prefix, worker: { concurrency: 50 } }, app => {
    app.tasks.define('sync', { limit: { max: 2, key: byTenant } }, async () => {
      running++
      await go.promise
    })
  })
  const tenants = ['a', 'b', 'c'].flatMap(tenant => Array.from({ length: 20 }, () => ({ data: { tenant } })))
  const handles = await app.tasks.enqueueMany('sync', tenants)
  await until('each key has two', () => running === 6)
  t.ok(await claimsMeanwhile(t, prefix) < 10, 'a wait for a task, and another if that has just ended')
  t.equal(running, 6)
  go.open()
  for (const { id } of handles) await reaches(app, id, 'succeeded')
})

t.test('setLimit outlasts a deploy; without it the process counts that started last', { skip: memoryMode }, async t => {
  const [prefix, redis] = [randomPrefix(), connect(t)]
  const buildWith = async (max: number): ReturnType<typeof build> => {
    const start = Date.now()
    await until('a process that starts now is newer', () => Date.now() > start)
    return build(t, { prefix }, app => { app.tasks.define('x', { limit: { max } }, async () => {}) })
  }
  const app = await buildWith(1)
  const [, second] = await app.tasks.enqueueMany('x', Array.from({ length: 9 }, () => ({})))
  const { lanes } = new RedisQueue(redis, 'default', prefix)
  const counts = async (what: string, max: number): Promise<void> => {
    await until(`${what}: ${max}`, async () => (await lanes.read('x ')).max === max)
  }
  await counts('the code', 1)
  await app.tasks.setLimit('x', { limit: { max: 3 } })
  await counts('setLimit', 3)
  await buildWith(2)
  await counts('a deploy with another limit', 3)
  await app.tasks.setLimit('x', null)
  await counts('the limit of the deploy', 2)
  await buildWith(1)
  await counts('an old version that is started again', 1)
  t.match(await second!.status(), { state: 'waiting' })
})
