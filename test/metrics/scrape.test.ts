/**
 * A scrape never fails, and asks Redis at most once in two seconds.
 */
import t from 'tap'
import { startRedis } from '../../scripts/redis.ts'
import { build, connect, randomPrefix, until } from '../support/helpers.ts'
import { parse, valueOf } from '../support/metrics.ts'
import { commandsOf } from '../support/monitor.ts'
import { measureQueues } from '../../lib/metrics/queue-gauges.ts'
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
  const commands = await commandsOf(t)
  const app = await build(t, { prefix, queues: ['a', 'b'] }, app => app.tasks.define('x', () => {}))
  const start = performance.now()
  const texts = await Promise.all(Array.from({ length: 50 }, () => app.tasks.metrics()))
  for (let i = 0; i < 50; i++) texts.push(await app.tasks.metrics())
  for (const text of texts) t.ok(parse(text).series.length > 0)
  const spans = 1 + Math.floor((performance.now() - start) / 2_000)
  for (const queue of ['a', 'b']) {
    const asked = (await commands()).filter(line => line.includes(`"zcount" "${prefix}:{${queue}}:workers"`)).length
    t.ok(asked >= 1 && asked <= spans, 'all within two seconds are one measurement')
  }
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
  const blanks = JSON.stringify({ data: { name: 'x' }, options: { timestamp: 6 }, status: 'created' }, null, 2)
  await redis.hset(key('jobs'), 'blanks', blanks)
  await redis.rpush(key('waiting'), 'blanks')
  t.match(await oldest(), '"timestamp": 6', 'also if its producer writes blanks')
  await redis.rpush(key('waiting'), 'retries')
  t.match(await oldest(), '"timestamp": 6')
  const large = `{"data":"${'x'.repeat(100_000)}","options":{"timestamp":7},"status":"created"}`
  await redis.hset(key('jobs'), 'large', large)
  await redis.rpush(key('waiting'), 'large')
  t.ok((await oldest()).length <= 4_096)
})

t.test('a task that is retried by hand is due since then, also if its failures are all that is read', async t => {
  const seconds = async (oldest: string): Promise<number> => {
    const queue = { name: 'q', measure: async () => ({ oldest, now: 1_000_000_007_000 }) }
    const calls = { call: (_what: string, _advice: string, work: () => unknown) => work() }
    const [measured] = await measureQueues([queue] as any, calls as any)
    return measured!.oldestSeconds
  }
  const end = ',"status":"created","progress":null}'
  t.equal(await seconds(`"options":{"timestamp":1000000000000,"attempts":2}${end}`), 7)
  t.equal(await seconds(`"options":{"timestamp":5,"failures":[],"delay":1000000005000}${end}`), 2)
  t.equal(await seconds(`"message":"no"}],"retries":9,"delay":1000000005000}${end}`), 2)
  t.equal(await seconds('"options" : { "timestamp" : 1000000000000, "delay" : 1000000004000 } }'), 3)
  t.equal(await seconds(`"message":"no"}],"retries":9}${end}`), 0, 'nobody knows how long')
})
