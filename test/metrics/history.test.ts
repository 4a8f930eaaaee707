/**
 * The history: what is counted by minutes and hours, in both stores, and how it is read.
 */
import t from 'tap'
import { build, connect, errorOf, randomPrefix, reaches } from '../support/helpers.ts'
import { bucketOf, HistoryCountsMeter, LAST_BUCKET } from '../../lib/metrics/history-counts.ts'
import { MemoryStore } from '../../lib/store/memory/store.ts'
import { RedisQueue } from '../../lib/store/redis/queue.ts'
import { MAX_NAMES } from '../../lib/store/history-contract.ts'
import type { HistoryPoint } from '../../lib/types.ts'

const HOUR = 3_600_000

const sum = (points: HistoryPoint[], what: 'enqueued' | 'succeeded' | 'failed' | 'retried'): number =>
  points.reduce((total, point) => total + point[what], 0)

t.test('what a process counted is seen by another, and stays after its close', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix, queues: ['other'] }, app => {
    app.tasks.define('ok', () => {})
    app.tasks.define('fails', { retries: 1, backoff: { strategy: 'immediate' } }, () => { throw new Error('bad') })
  })
  await app.tasks.startWorker()
  const ids = [await app.tasks.enqueue('ok'), await app.tasks.enqueue('fails')].map(({ id }) => id)
  for (const id of ids) await reaches(app, id, 'succeeded', 'failed')
  await app.close()
  const reader = await build(t, { prefix, queues: ['other'] }, app => app.tasks.define('ok'))
  const all = await reader.tasks.history()
  t.ok(all.length >= 60 && all.length <= 62, 'a point for each minute of the last hour')
  t.same([sum(all, 'enqueued'), sum(all, 'succeeded'), sum(all, 'failed'), sum(all, 'retried')], [2, 1, 1, 1])
  const point = all.find(({ succeeded }) => succeeded > 0)!
  t.match(point.run, { p50: Number, p95: Number, p99: Number })
  t.match(point.wait, { p50: Number })
  t.match(all[0], { enqueued: 0, run: { p50: null }, wait: { p99: null }, runMs: 0 })
  t.equal(sum(await reader.tasks.history({ name: 'ok' }), 'failed'), 0)
  t.equal(sum(await reader.tasks.history({ queue: 'other' }), 'enqueued'), 0)
  const hours = await reader.tasks.history({ from: Date.now() - 24 * HOUR })
  t.ok(hours.length >= 24 && hours.length <= 26, 'a point for each hour')
  t.equal(sum(hours, 'succeeded'), 1)
  const steps = await reader.tasks.history({ from: new Date(Date.now() - HOUR), to: new Date(), step: 600_000 })
  t.ok(steps.length >= 6 && steps.length <= 7)
  t.equal(sum(steps, 'enqueued'), 2)
  t.same(await reader.tasks.history({ from: Date.now(), to: Date.now() - HOUR }), [])
})

for (const mode of ['redis', 'memory'] as const) {
  t.test(`tasks named as what every object has, ${mode}`, async t => {
    const names = ['__proto__', 'constructor', 'toString', '1']
    const app = await build(t, mode === 'memory' ? { mode, redis: undefined, prefix: undefined } as any : {}, app => {
      for (const name of names) app.tasks.define(name, () => {})
    })
    await app.tasks.startWorker()
    const tasks = await Promise.all(names.map(name => app.tasks.enqueue(name)))
    await Promise.all(tasks.map(task => task.result({ timeout: 60_000 })))
    for (const from of [Date.now() - HOUR, Date.now() - 24 * HOUR]) {
      for (const name of names) t.equal(sum(await app.tasks.history({ name, from }), 'enqueued'), 1, name)
    }
    t.same([...Object.keys(Object.prototype), ...Object.keys(Object)], [], 'no object has got numbers')
  })
}

t.test('in memory mode it follows the clock of the test', async t => {
  const app = await build(t, { mode: 'memory', redis: undefined, prefix: undefined } as any, app => {
    app.tasks.define('x', () => {})
  })
  await app.tasks.enqueue('x')
  await app.tasks.drain()
  await app.tasks.advance(10 * 60_000)
  await app.tasks.enqueue('x')
  await app.tasks.drain()
  t.same((await app.tasks.history()).filter(({ enqueued }) => enqueued > 0).map(({ succeeded }) => succeeded), [1, 1])
  await app.tasks.advance(9 * HOUR)
  t.equal(sum(await app.tasks.history({ from: 1, step: 60_000 }), 'enqueued'), 0, 'minutes are kept for 8 hours')
  t.equal(sum(await app.tasks.history({ from: 1 }), 'enqueued'), 2, 'hours for longer')
})

for (const mode of ['redis', 'memory'] as const) {
  t.test(`points up to now, however late \`to\` is, ${mode}`, async t => {
    const app = await build(t, mode === 'memory' ? { mode, redis: undefined, prefix: undefined } as any : {}, app => {
      app.tasks.define('x')
    })
    await app.tasks.enqueue('x')
    const from = Date.now() - HOUR
    for (const to of [new Date('9999-12-31'), 8.64e15, Date.now() + 1_000 * HOUR]) {
      const points = await app.tasks.history({ from, to })
      t.ok(points.length >= 60 && points.length <= 62)
      t.equal(sum(points, 'enqueued'), 1)
      t.same(await app.tasks.history({ to }), [], 'the last hour before it is not yet')
    }
    const hours = await app.tasks.history({ from: 0, to: 8.64e15 })
    t.ok(hours.length >= 168 && hours.length <= 170)
    const odd = await app.tasks.history({ from: 0, step: 90 * 60_000 })
    t.ok(odd.length >= 6 && odd.length <= 7, 'minutes, which are kept for 8 hours')
  })
}

t.test('with history: false nothing is stored', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix, history: false }, app => app.tasks.define('x', () => {}))
  await app.tasks.enqueue('x')
  t.same(await app.tasks.history(), [])
  await app.close()
  t.same(await connect(t).keys(`${prefix}:{default}:[mh]:*`), [])
})

t.test('wrong options', async t => {
  const app = await build(t)
  const wrong = [{ step: 1 }, { step: 61_000 }, { from: 'x' }, { to: -1 }, { queue: '' }, { name: 5 }]
  for (const options of wrong) {
    t.match(await errorOf(app.tasks.history(options as any)), { code: 'FST_TASKS_PLUGIN_OPTION_INVALID' })
  }
  t.match(await errorOf(app.tasks.history(5 as any)), { code: 'FST_TASKS_PLUGIN_OPTION_INVALID' })
  t.match(await errorOf(app.tasks.history({ nope: 1 } as any)), { code: 'FST_TASKS_OPTION_UNKNOWN' })
  t.match(await errorOf(app.tasks.history({ queue: 'unknown' })), { code: 'FST_TASKS_QUEUE_UNKNOWN' })
})

t.test('both stores add, bound and expire alike', async t => {
  const prefix = randomPrefix()
  const redis = connect(t)
  const stores = [new RedisQueue(redis as any, 'q', prefix).history, new MemoryStore().queue('q').history]
  const now = Date.now()
  const many = Object.fromEntries(Array.from({ length: MAX_NAMES + 5 }, (_, i) => [`n${i}`, [1]]))
  const read = await Promise.all(stores.map(async history => {
    await history.add('minute', now, JSON.parse('{ "a": [2], "__proto__": [1], "1": [1] }'))
    await history.add('minute', now, { a: [3, 0, 4] })
    await history.add('minute', now, many)
    await history.add('hour', now, { a: [1] })
    return await history.read('minute', [now, now - 3 * HOUR])
  }))
  t.same(read[0], read[1])
  t.same(read[0]![0]!.a, [5, 0, 4])
  t.same(read[0]![0]!.other, [8], 'what is too much')
  t.same(read[0]![1], {})
  const ttl = async (key: string): Promise<number> => Math.round(await redis.pttl(`${prefix}:{q}:${key}`) / HOUR)
  t.same([await ttl(`m:${Math.floor(now / 60_000)}`), await ttl(`h:${Math.floor(now / HOUR)}`)], [8, 7 * 24])
})

t.test('buckets are powers of two; of 10,000 names no more than 200 are counted by name', async t => {
  t.same([0, 1, 1.1, 2, 3, 1024, 1025, 1e12].map(bucketOf), [0, 0, 1, 1, 2, 10, 11, LAST_BUCKET])
  let counted = 0
  const meter = new HistoryCountsMeter(() => { counted++ })
  for (let i = 0; i < 10_000; i++) meter.enqueued('q', `n${i}`, 1, 0)
  const [{ counts } = { counts: {} }] = meter.take()
  t.equal(Object.keys(counts).length, 201)
  t.equal((counts as any).other[0], 9_800)
  t.equal(counted, 201, 'whoever stores it hears of each new row')
  t.same(meter.take(), [])
})
