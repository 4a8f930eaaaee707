/**
 * Bee-Queue's producer with the client that we give it, and plain Bee-Queues as its consumers.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import BeeQueue from 'bee-queue'
import type { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { BeeProducer } from '../../lib/store/redis/bee-queue.ts'
import type { NewJob } from '../../lib/store/contract.ts'
import { QueueKeys } from '../../lib/store/redis/keys.ts'
import { RedisQueue } from '../../lib/store/redis/queue.ts'
import { decode, encodeNew, toTaskRecord } from '../../lib/records/task-record.ts'
import type { TaskRecord } from '../../lib/types.ts'
import { startRedis, type RunningRedis } from '../../scripts/redis.ts'
import { connect, errorOf, latch, randomPrefix, REDIS_URL, until } from '../support/helpers.ts'
import { ALONE } from '../support/room.ts'

const text = (data: unknown = 1, more = {}): string =>
  encodeNew('a', data, { timestamp: 1, stacktraces: [], attempts: 1, ...more }, 1e6)
const jobs = (...ids: string[]): NewJob[] => ids.map(id => ({ id, text: text(id) }))

interface Fixture {
  redis: Redis
  prefix: string
  producer: BeeProducer
  key: (name: string) => string
  keys: () => Promise<string[]>
}

function fixture (t: Test, url = REDIS_URL): Fixture {
  const redis = connect(t, url)
  const prefix = randomPrefix()
  const key = (name: string): string => `${prefix}:{q}:${name}`
  const producer = new BeeProducer(redis, new QueueKeys(prefix, 'q'))
  t.teardown(() => producer.close())
  return { redis, prefix, producer, key, keys: async () => (await redis.keys(`${prefix}:*`)).sort() }
}

/** A plain Bee-Queue with its own client. */
function plainQueue (t: Test, prefix: string, settings = {}): BeeQueue<any> {
  const queue = new BeeQueue<any>('{q}', { prefix, redis: REDIS_URL as any, ...settings })
  queue.on('error', () => {})
  t.teardown(() => queue.close(0).catch(() => {}))
  return queue
}

async function recordOf (redis: Redis, prefix: string, id: string): Promise<TaskRecord<any, any> | null> {
  const read = await new RedisQueue(redis, 'q', prefix).readTask(id)
  return read && toTaskRecord(id, 'q', decode(read.text), read.live, false)
}

async function ownRedis (t: Test): Promise<RunningRedis> {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  return redis
}

t.test('a job is saved under Bee-Queue\'s keys', async (t) => {
  const { redis, producer, key, keys } = fixture(t)
  t.equal(await producer.save({ id: 'x', text: text() }), true)
  t.strictSame(await keys(), [key('jobs'), key('waiting')])
  t.equal(await redis.hget(key('jobs'), 'x'), text())
  t.strictSame(await redis.lrange(key('waiting'), 0, -1), ['x'])
})

t.test('a job whose id is taken is not saved', async (t) => {
  const { redis, producer, key } = fixture(t)
  t.equal(await producer.save({ id: 'x', text: text('first') }), true)
  t.equal(await producer.save({ id: 'x', text: text('second') }), false)
  t.equal(await producer.save({ id: 'x', text: text('delayed'), delay: Date.now() + 60_000 }), false)
  t.equal(await redis.hget(key('jobs'), 'x'), text('first'))
  t.equal(await redis.llen(key('waiting')), 1)
  t.equal(await redis.exists(key('delayed')), 0)
})

t.test('if many callers save one id at once, one of them does', async (t) => {
  const { redis, producer, key } = fixture(t)
  const save = (_: unknown, i: number): Promise<boolean> => producer.save({ id: 'x', text: text(i) })
  const saved = await Promise.all(Array.from({ length: 20 }, save))
  t.equal(saved.filter(Boolean).length, 1)
  t.equal(await redis.llen(key('waiting')), 1)
})

t.test('a delayed job goes to the delayed set, and its due time is published if it is the next', async (t) => {
  const { redis, producer, key, keys } = fixture(t)
  const messages: string[] = []
  const listener = connect(t)
  await listener.subscribe(key('earlierDelayed'))
  listener.on('message', (_channel, message) => messages.push(message))
  const soon = Date.now() + 60_000
  t.equal(await producer.save({ id: 'soon', text: text(), delay: soon }), true)
  t.equal(await producer.save({ id: 'late', text: text(), delay: soon + 1 }), true)
  t.equal(await producer.save({ id: 'first', text: text(), delay: soon - 1 }), true)
  t.strictSame(await keys(), [key('delayed'), key('jobs')])
  const delayed = ['first', `${soon - 1}`, 'soon', `${soon}`, 'late', `${soon + 1}`]
  t.strictSame(await redis.zrange(key('delayed'), 0, '-1', 'WITHSCORES'), delayed)
  await until('both messages arrive', () => messages.length === 2)
  t.strictSame(messages, [`${soon}`, `${soon - 1}`])
})

t.test('many jobs are saved in their order, with a reply for each', async (t) => {
  const { redis, producer, key } = fixture(t)
  await producer.save(jobs('b')[0]!)
  const due = Date.now() + 60_000
  const saved = await producer.saveAll([...jobs('a', 'b', 'c', 'c'), { id: 'd', text: text(), delay: due }])
  t.strictSame(saved, [true, false, true, false, true])
  t.strictSame(await redis.lrange(key('waiting'), 0, -1), ['c', 'a', 'b'])
  t.strictSame(await redis.zrange(key('delayed'), 0, '-1', 'WITHSCORES'), ['d', `${due}`])
  t.strictSame(await producer.saveAll([]), [])

  const ids = Array.from({ length: 500 }, (_, i) => `n${i}`)
  t.ok((await producer.saveAll(jobs(...ids))).every(Boolean))
  t.strictSame((await redis.lrange(key('waiting'), 0, 499)).reverse(), ids)
})

t.test('jobs that are saved in one tick go in two calls: the first at once, the others together', async (t) => {
  const { url } = await ownRedis(t)
  const { redis, producer, key } = fixture(t, url)
  await producer.save(jobs('warm')[0]!) // loads the script
  await redis.config('RESETSTAT')
  const ids = Array.from({ length: 100 }, (_, i) => `n${i}`)
  const all = [...jobs(...ids, 'n7'), { id: 'd', text: text(), delay: Date.now() + 60_000 }]
  const saved = await Promise.all(all.map(job => producer.save(job)))
  t.strictSame(saved.filter(isSaved => !isSaved).length, 1, 'n7, the second time')
  t.match(await redis.info('commandstats'), /cmdstat_evalsha:calls=2,/)
  t.strictSame((await redis.lrange(key('waiting'), 0, -1)).reverse(), ['warm', ...ids])
  t.equal(await redis.zcard(key('delayed')), 1)
})

t.test('a job that Redis refuses does not count as saved', async (t) => {
  const { redis, producer, key } = fixture(t)
  await redis.set(key('delayed'), 'no sorted set')
  const delayed = { id: 'd', text: text(), delay: Date.now() + 60_000 }
  t.match(await errorOf(producer.save(delayed)), { message: /WRONGTYPE/ })
  await redis.hdel(key('jobs'), 'd')
  t.match(await errorOf(producer.saveAll([delayed])), { message: /WRONGTYPE/ })
  await redis.hdel(key('jobs'), 'd')
  t.match(await errorOf(producer.saveAll([...jobs('a', 'b'), delayed])), { message: /WRONGTYPE/ })
  t.equal(await producer.save(jobs('c')[0]!), true, 'the next one is saved')
})

t.test('a closed connection rejects', async (t) => {
  const { redis, producer } = fixture(t)
  await producer.save(jobs('a')[0]!)
  redis.disconnect()
  await t.rejects(producer.save(jobs('b')[0]!), { message: /closed/ })
  await t.rejects(producer.saveAll(jobs('b', 'c')), { message: /closed/ })
})

t.test('a Redis that forgot the scripts gets them again', async (t) => {
  const { url } = await ownRedis(t)
  const { redis, prefix, producer, key } = fixture(t, url)
  for (const id of ['a', 'b']) {
    await redis.script('FLUSH')
    t.equal(await producer.save(jobs(id)[0]!), true)
  }
  await redis.script('FLUSH')
  t.equal(await producer.save({ id: 'c', text: text(), delay: Date.now() + 60_000 }), true)
  await redis.script('FLUSH')
  const ids = Array.from({ length: 50 }, (_, i) => `n${i}`)
  t.ok((await producer.saveAll(jobs(...ids))).every(Boolean))
  t.strictSame((await redis.lrange(key('waiting'), 0, -1)).sort(), ['a', 'b', ...ids].sort(), 'each once')
  await redis.script('FLUSH')
  t.match(await recordOf(redis, prefix, 'a'), { id: 'a', state: 'waiting' }, 'replies of bytes too')
})

t.test('a producer opens no connection, neither to its Redis nor to localhost', ALONE, async t => {
  const { url, port } = await ownRedis(t)
  const { redis, producer } = fixture(t, url)
  await redis.ping()
  const sockets: unknown[] = []
  const count = (message: unknown): void => { sockets.push(message) }
  subscribe('net.client.socket', count)
  t.teardown(() => unsubscribe('net.client.socket', count))
  const more = Array.from({ length: 20 }, (_, i) => new BeeProducer(redis, new QueueKeys('p', `q${i}`)))
  for (const each of [producer, ...more]) {
    await each.save(jobs('a')[0]!)
    await each.saveAll([...jobs('b'), { id: 'c', text: text(), delay: Date.now() + 60_000 }])
    await each.close()
  }
  t.equal(sockets.length, 0, 'this process opened no socket')
  const clients = String(await redis.client('LIST')).trim().split('\n')
  t.equal(clients.length, 1, `one client on ${port}`)
  t.match(clients[0], /sub=0 psub=0/)
})

t.test('the client of the app keeps its listeners, and stays open', async (t) => {
  const { redis, prefix } = fixture(t)
  const listeners = (): number[] => redis.eventNames().map(name => redis.listenerCount(name))
  await redis.ping()
  const before = listeners()
  const producers = Array.from({ length: 20 }, (_, i) => new BeeProducer(redis, new QueueKeys(prefix, `q${i}`)))
  for (const each of producers) await each.save(jobs('a')[0]!)
  t.strictSame(listeners(), before)
  for (const each of producers) await each.close()
  t.equal(await redis.ping(), 'PONG')
})

t.test('a plain consumer runs the jobs', async (t) => {
  const { redis, prefix, producer } = fixture(t)
  const consumer = plainQueue(t, prefix, { activateDelayedJobs: true })
  const seen: unknown[] = []
  consumer.process(async (job: BeeQueue.Job<any>) => { seen.push([job.id, job.data]) })
  const soon = { id: 'd', text: text('later'), delay: Date.now() + 50 }
  await producer.save({ id: 'x', text: text({ a: 1 }) })
  await producer.saveAll([{ id: 'y', text: text(null) }, soon])
  await until('the last one succeeds', async () => (await recordOf(redis, prefix, 'd'))?.state === 'succeeded')
  t.strictSame(seen, [
    ['x', { name: 'a', data: { a: 1 } }], ['y', { name: 'a', data: null }], ['d', { name: 'a', data: 'later' }]
  ])
  for (const id of ['x', 'y']) {
    const record = { id, name: 'a', state: 'succeeded', attempt: 1, attempts: 1, error: null }
    t.match(await recordOf(redis, prefix, id), record)
  }
})

t.test('a plain consumer retries a job and fails it, and its attempts can be read', async (t) => {
  const { redis, prefix, producer } = fixture(t)
  const consumer = plainQueue(t, prefix)
  const [running, finish] = [latch(), latch()]
  let runs = 0
  consumer.process(async () => {
    if (++runs === 2) {
      running.open()
      await finish.promise
    }
    throw new Error(`boom ${runs}`)
  })
  const options = { attempts: 2, retries: 1, backoff: { strategy: 'immediate' } }
  await producer.save({ id: 'x', text: text(1, options) })
  await running.promise
  const active = { state: 'active', attempt: 2, attempts: 2 }
  t.match(await recordOf(redis, prefix, 'x'), active, 'active without a claim')
  finish.open()
  const failed = await until('it fails', async () => {
    const record = await recordOf(redis, prefix, 'x')
    return record?.state === 'failed' ? record : null
  })
  t.match(failed, { attempt: 2, attempts: 2 })
  t.strictSame(failed.error, { name: 'Error', message: 'Error: boom 2', code: null })
})

t.test('the job of a plain producer can be read', async (t) => {
  const { redis, prefix } = fixture(t)
  const queue = plainQueue(t, prefix, { isWorker: false })
  const job = await queue.createJob({ name: 'a', data: { x: 1 } }).retries(2).timeout(500).save()
  t.match(await recordOf(redis, prefix, job.id), { id: job.id, name: 'a', state: 'waiting', attempt: 0, attempts: 3 })
  const read = await new RedisQueue(redis, 'q', prefix).readTask(job.id)
  const options = { retries: 2, timeout: 500, foreign: true }
  t.match(decode(read!.text), { data: { name: 'a', data: { x: 1 } }, options })

  const due = Date.now() + 60_000
  const later = await queue.createJob({ name: 'a' }).delayUntil(due).save()
  t.match(await recordOf(redis, prefix, later.id), { state: 'delayed' })
  t.equal((await new RedisQueue(redis, 'q', prefix).readTask(later.id))!.live.delayedTo, due)
})
