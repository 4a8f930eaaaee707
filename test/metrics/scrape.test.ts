/**
 * A scrape never fails, and asks Redis at most once in two seconds.
 */
import t from 'tap'
import { startRedis } from '../../scripts/redis.ts'
import { build, connect, randomPrefix, until } from '../support/helpers.ts'
import { parse, valueOf } from '../support/metrics.ts'
import { RedisQueue } from '../../lib/store/redis/queue.ts'

t.test('Redis goes away: the scrape answers, up is 0, what was counted is there; it comes back', async t => {
  const server = await startRedis()
  t.teardown(() => server.stop())
  const app = await build(t, { redis: server.url, redisTimeout: 200 }, app => app.tasks.define('x', () => {}))
  await app.tasks.enqueue('x')
  t.equal(valueOf(parse(await app.tasks.metrics()), 'up', {}), 1)
  await server.stop()
  const down = await until('a scrape sees the outage', async () => {
    const metrics = parse(await app.tasks.metrics())
    return valueOf(metrics, 'up', {}) === 0 ? metrics : null
  })
  t.equal(valueOf(down, 'enqueued_total', { queue: 'default', task: 'x' }), 1)
  t.notOk(down.series.some(({ name }) => name === 'fastify_tasks_queue_tasks'))
})

t.test('many scrapes at once ask each queue once', async t => {
  const prefix = randomPrefix()
  const redis = connect(t)
  const app = await build(t, { prefix, queues: ['a', 'b'] }, app => app.tasks.define('x', () => {}))
  const calls = async (): Promise<number> => {
    const stats = await redis.info('commandstats')
    return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0)
  }
  const texts = await Promise.all(Array.from({ length: 50 }, () => app.tasks.metrics()))
  const before = await calls()
  for (const text of [...texts, await app.tasks.metrics()]) t.ok(parse(text).series.length > 0)
  for (let i = 0; i < 50; i++) await app.tasks.metrics()
  t.equal(await calls() - before, 0, 'all within two seconds are one measurement')
})

t.test('the oldest waiting task: delayed ones count from their time, retries and other programs not', async t => {
  const redis = connect(t)
  const prefix = randomPrefix()
  const queue = new RedisQueue(redis as any, 'q', prefix)
  const key = (name: string): string => `${prefix}:{q}:${name}`
  const oldest = async (): Promise<string> => (await queue.measure(10)).oldest
  t.equal(await oldest(), '')
  const record = (options: object, status = 'created'): string =>
    JSON.stringify({ data: { name: 'x', data: '"options":{"timestamp":1' }, options, status, progress: null })
  await redis.hset(key('jobs'), 'retries', record({ timestamp: 1 }, 'retrying'), 'old', record({ timestamp: 5 }))
  await redis.rpush(key('waiting'), 'young', 'old', 'gone', 'retries')
  t.match(await oldest(), '"timestamp":5', 'the first that was not tried yet')
  const large = `{"data":"${'x'.repeat(100_000)}","options":{"timestamp":7},"status":"created"}`
  await redis.hset(key('jobs'), 'large', large)
  await redis.rpush(key('waiting'), 'large')
  t.ok((await oldest()).length <= 4_096)
})
