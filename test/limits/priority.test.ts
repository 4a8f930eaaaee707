/**
 * `priority`: high tasks before normal ones, low ones after them.
 */
import t from 'tap'
import { build, errorOf, inRedis, pass, reaches, until } from '../support/helpers.ts'
import { QueueFixture, range, text } from '../support/queue-fixture.ts'
import type { Level } from '../../lib/store/level.ts'

t.test('high, normal, low, each in its order: one at a time, and many in one call', async t => {
  const ran: string[] = []
  const app = await build(t, {}, app => {
    app.tasks.define('x', async (name: string) => { ran.push(name) })
    app.tasks.define('urgent', { priority: 'high' }, async (name: string) => { ran.push(name) })
  })
  await app.tasks.enqueueMany('x', [
    { data: 'n1' }, { data: 'l1', priority: 'low' }, { data: 'h1', priority: 'high' },
    { data: 'n2', priority: 'normal' }
  ])
  const urgent = await app.tasks.enqueue('urgent', 'h2')
  await app.tasks.enqueue('urgent', 'l2', { priority: 'low' })
  const last = await app.tasks.enqueue('urgent', 'n3', { priority: 'normal' })
  t.match(urgent.snapshot, { priority: 'high' })
  t.match(await urgent.status(), { state: 'waiting', priority: 'high' })
  t.match(await last.status(), { priority: 'normal' })
  t.match(await app.tasks.counts(), { default: { waiting: 7 } })
  t.equal((await app.tasks.list({ state: 'waiting', queue: 'default' })).tasks.length, 7)
  await app.tasks.startWorker({ concurrency: 1 })
  await until('all have run', () => ran.length === 7)
  t.same(ran, ['h1', 'h2', 'n1', 'n2', 'n3', 'l1', 'l2'])
})

t.test('the level is kept through a delay, a retry, a pause and a limit', async t => {
  const ran: string[] = []
  let fails = true
  const app = await build(t, {}, app => {
    app.tasks.define('x', async (name: string) => { ran.push(name) })
    app.tasks.define('limited', { priority: 'high', limit: { max: 1 } }, async (name: string) => { ran.push(name) })
    const backoff = { strategy: 'fixed', delay: 60_000 } as const
    app.tasks.define('retried', { priority: 'high', retries: 1, backoff }, async (name: string) => {
      if (fails) throw new Error('no')
      ran.push(name)
    })
  })
  const retried = await app.tasks.enqueue('retried', 'retried')
  await app.tasks.startWorker({ concurrency: 1 })
  await reaches(app, retried.id, 'retrying')
  fails = false
  await app.tasks.pause({ queue: 'default' })
  await app.tasks.enqueueMany('x', ['n1', 'n2'].map(data => ({ data })))
  const delayed = await app.tasks.enqueue('x', 'delayed', { priority: 'high', delay: 60_000 })
  await app.tasks.enqueueMany('limited', ['limited 1', 'limited 2'].map(data => ({ data })))
  for (const { id } of [delayed, retried]) await app.tasks.promote(id)
  for (const { id } of [delayed, retried]) await reaches(app, id, 'waiting', 'retrying')
  await until('they wait', async () => (await app.tasks.counts()).default!.waiting === 6)
  await app.tasks.resume({ queue: 'default' })
  await until('all have run', () => ran.length === 6)
  t.same(ran.slice(-2), ['n1', 'n2'])
})

t.test('a queued task that is replaced goes to the list of its new level, also in a long queue', async t => {
  for (const [priority, fillers, place] of [['high', 5, 0], ['low', 5, 5], ['high', 1_100, 0]] as const) {
    const ran: unknown[] = []
    const app = await build(t, { resultTtl: 60_000 }, app => {
      app.tasks.define('x', async (n: number) => { ran.push(n) })
      const unique = { onConflict: 'replace' } as const
      app.tasks.define('index', { unique }, async (text: string) => { ran.push(text) })
    })
    await app.tasks.enqueue('x', 0)
    const first = await app.tasks.enqueue('index', 'old')
    const rest = Array.from({ length: fillers - 1 }, (_, i) => ({ data: i + 1 }))
    await app.tasks.enqueueMany('x', rest)
    t.match(await app.tasks.enqueue('index', 'new', { priority }), { created: false, id: first.id })
    t.match(await first.status(), { state: 'waiting', priority })
    t.equal((await app.tasks.counts()).default!.waiting, fillers + 1)
    await app.tasks.startWorker({ concurrency: 1 })
    await until('all have run', async () => (await app.tasks.counts()).default!.succeeded === fillers + 1)
    t.equal(ran.indexOf('new'), place, `${priority}, behind ${fillers}`)
    t.equal(ran.length, fillers + 1, 'each ran once')
    t.match((await app.tasks.counts()).default, { waiting: 0, active: 0 })
    await app.close()
  }
})

t.test('ticks of a schedule and members of a flow have their level', async t => {
  const app = await build(t, {}, app => { app.tasks.define('x', { priority: 'low' }, async () => {}) })
  await app.tasks.schedules.set('s', { task: 'x', every: 86_400_000, options: { priority: 'high' } })
  const triggered = await app.tasks.schedules.trigger('s')
  t.match(await triggered.status(), { priority: 'high' })
  const { group } = await import('../../lib/plugin.ts')
  const signature = { kind: 'signature', task: 'x', options: {} }
  const flow = await app.tasks.enqueueFlow(group(signature as any))
  const { tasks } = await until('its member waits', async () => {
    const page = await app.tasks.list({ flow: flow.id })
    return page.tasks.length > 0 ? page : null
  })
  t.match(tasks, [{ priority: 'low' }])
  await pass(app, 0)
  const refused = await errorOf(app.tasks.enqueue('x', 1, { priority: 'urgent' as any }))
  t.match(refused, { code: 'FST_TASKS_TASK_OPTION_INVALID' })
})

const add = (f: QueueFixture, level: Level | undefined, ...ids: string[]): Promise<boolean[]> =>
  f.queue.addMany(ids.map(id => ({ id, text: text(id), level })))

inRedis('a high task is claimed next, however many wait; nothing is left in the end', 'it looks at keys', async t => {
  const f = new QueueFixture(t)
  await f.redis.rpush(f.key('waiting'), ...range(1, 10_000))
  await f.redis.hset(f.key('jobs'), ...range(1, 10_000).flatMap(id => [id, '{}']))
  await add(f, 'high', 'h1', 'h2')
  await add(f, 'low', 'l1')
  t.equal((await f.queue.counts()).waiting, 10_003)
  t.strictSame((await f.queue.pageOf('waiting', 3)).ids, ['h1', 'h2', 'n10000'])
  t.strictSame(await f.claim(2), ['h1', 'h2'])
  await f.settle(['h1', 'succeeded'], ['h2', 'succeeded'])
  for (let purged = 1; purged > 0;) purged = (await f.queue.purge(500)).removed
  await f.upkeep.sweepUnique()
  t.equal(await f.redis.exists(f.key('high'), f.key('low'), f.key('levels'), f.key('waiting')), 0)
})

inRedis('low and normal tasks do not starve', 'its count of claims is in Redis', async t => {
  const f = new QueueFixture(t)
  await f.add('n1')
  await add(f, 'high', ...range(100, 140).map(id => `h${id}`))
  await add(f, 'low', 'l1')
  const claimed: string[] = []
  for (let i = 0; i < 40; i++) claimed.push(...await f.claim(1, `w.${i}`))
  t.ok(claimed.includes('l1') && claimed.includes('n1'), 'within 32 claims')
  t.equal(claimed.length, 40)
})

inRedis('what waits behind the last normal task is heard once that one is gone', 'it looks at keys', async t => {
  const ends = {
    cancel: (f: QueueFixture, id: string) => f.queue.cancel(id, text(id), text(id, 'cancelled'), 60_000),
    remove: (f: QueueFixture, id: string) => f.queue.remove(id)
  }
  for (const [name, end] of Object.entries(ends)) {
    const f = new QueueFixture(t)
    await f.add('n1')
    await add(f, 'low', 'l1')
    await add(f, 'high', 'h1')
    await end(f, 'n1')
    t.strictSame(await f.waiting(), ['h1'], name)
    await f.queue.pause(null)
    await end(f, 'h1')
    t.strictSame(await f.waiting(), [], `${name}: while the queue is paused nothing is heard`)
    await f.queue.resume(null)
    t.strictSame(await f.waiting(), ['l1'], name)
  }
  const f = new QueueFixture(t)
  await f.add('n1')
  await f.queue.addMany([{ id: 'h1', text: text('h1', 'retrying'), level: 'high' }])
  t.equal((await f.queue.purge(500)).removed, 1)
  t.strictSame(await f.waiting(), ['h1'], 'a purge keeps tasks between two attempts')
})

inRedis('a worker that waits hears a high and a low task, also beside a plain worker', 'waits of Redis', async t => {
  const f = new QueueFixture(t)
  for (const level of ['high', 'low'] as const) {
    const { claimed } = await f.wait(t, `w.${level}`, 600)
    await add(f, level, level)
    t.match(await claimed, { jobs: [{ id: level }] })
  }
  await f.add('n1')
  await add(f, 'high', 'h1', 'h2')
  await f.takeAsBeeQueue()
  t.strictSame(await f.waiting(), [], 'it does not know the other lists')
  const { jobs } = await f.queue.claimNext(0.05, 'w.9')
  t.strictSame(jobs.map(({ id }) => id), ['h1'], 'after the wait it looks there')
  t.strictSame(await f.waiting(), ['h2'], 'and the next is heard at once')
  await f.takeAsBeeQueue()
})

inRedis('stalled and released tasks keep their level; those of a paused name are skipped', 'leases', async t => {
  const f = new QueueFixture(t)
  await add(f, 'high', 'h1', 'h2', 'h3')
  await f.add('n1')
  t.strictSame(await f.claim(2), ['h1', 'h2'])
  await f.queue.release([{ id: 'h1', token: 'w.1' }])
  await f.expireLease()
  await f.sweep()
  t.strictSame(await f.claim(1, 'x.1'), ['h1'])
  t.strictSame(await f.claim(1, 'x.2'), ['h3'])
  t.strictSame(await f.claim(9, 'x.3'), ['h2'], 'a task that stalled comes alone')
  await add(f, 'high', 'h4')
  await f.queue.pause('a')
  t.strictSame(await f.claim(9, 'x.4'), [])
  t.equal((await f.queue.counts()).waiting, 2)
  await f.queue.resume('a')
  t.strictSame((await f.claim(9, 'x.5')).sort(), ['h4', 'n1'])
})
