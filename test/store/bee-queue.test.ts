/**
 * Bee-Queue's producer over the client that it is handed, and plain Bee-Queues on the other side.
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

const text = (data: unknown = 1, more = {}): string => encodeNew('a', data, { timestamp: 1, stacktraces: [], attempts: 1, ...more }, 1e6)
const jobs = (...ids: string[]): NewJob[] => ids.map(id => ({ id, text: text(id) }))

interface Bench { redis: Redis, prefix: string, producer: BeeProducer, key: (name: string) => string, keys: () => Promise<string[]> }

function bench (t: Test, url = REDIS_URL): Bench {
  const redis = connect(t, url)
  const prefix = randomPrefix()
  const key = (name: string): string => `${prefix}:{q}:${name}`
  const producer = new BeeProducer(redis, new QueueKeys(prefix, 'q'))
  t.teardown(() => producer.close())
  return { redis, prefix, producer, key, keys: async () => (await redis.keys(`${prefix}:*`)).sort() }
}

/** A Bee-Queue of its own, over its own client. */
function plain (t: Test, prefix: string, settings = {}): BeeQueue<any> {
  const queue = new BeeQueue<any>('{q}', { prefix, redis: REDIS_URL as any, ...settings })
  queue.on('error', () => {})
  t.teardown(() => queue.close(0).catch(() => {}))
  return queue
}

async function readThrough (redis: Redis, prefix: string, id: string): Promise<TaskRecord<any, any> | null> {
  const read = await new RedisQueue(redis, 'q', prefix).readTask(id)
  return read && toTaskRecord(id, 'q', decode(read.text), read.live, false)
}

async function ownRedis (t: Test): Promise<RunningRedis> {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  return redis
}

t.test('a job is saved under Bee-Queue\'s keys', async (t) => {
  const { redis, producer, key, keys } = bench(t)
  t.equal(await producer.save({ id: 'x', text: text() }), true)
  t.strictSame(await keys(), [key('jobs'), key('waiting')])
  t.equal(await redis.hget(key('jobs'), 'x'), text())
  t.strictSame(await redis.lrange(key('waiting'), 0, -1), ['x'])
})

t.test('an id that is taken', async (t) => {
  const { redis, producer, key } = bench(t)
  t.equal(await producer.save({ id: 'x', text: text('first') }), true)
  t.equal(await producer.save({ id: 'x', text: text('second') }), false)
  t.equal(await producer.save({ id: 'x', text: text('delayed'), delay: Date.now() + 60_000 }), false)
  t.equal(await redis.hget(key('jobs'), 'x'), text('first'))
  t.equal(await redis.llen(key('waiting')), 1)
  t.equal(await redis.exists(key('delayed')), 0)
})

t.test('of many who save one id at once, one does', async (t) => {
  const { redis, producer, key } = bench(t)
  const saved = await Promise.all(Array.from({ length: 20 }, (_, i) => producer.save({ id: 'x', text: text(i) })))
  t.equal(saved.filter(Boolean).length, 1)
  t.equal(await redis.llen(key('waiting')), 1)
})

t.test('a delayed job waits in the delayed set, and its time is told where it is the next', async (t) => {
  const { redis, producer, key, keys } = bench(t)
  const told: string[] = []
  const listener = connect(t)
  await listener.subscribe(key('earlierDelayed'))
  listener.on('message', (_channel, message) => told.push(message))
  const soon = Date.now() + 60_000
  t.equal(await producer.save({ id: 'soon', text: text(), delay: soon }), true)
  t.equal(await producer.save({ id: 'late', text: text(), delay: soon + 1 }), true)
  t.equal(await producer.save({ id: 'first', text: text(), delay: soon - 1 }), true)
  t.strictSame(await keys(), [key('delayed'), key('jobs')])
  t.strictSame(await redis.zrange(key('delayed'), 0, '-1', 'WITHSCORES'), ['first', `${soon - 1}`, 'soon', `${soon}`, 'late', `${soon + 1}`])
  await until('both are told', () => told.length === 2)
  t.strictSame(told, [`${soon}`, `${soon - 1}`])
})

t.test('many are saved in their order, and each says whether it was', async (t) => {
  const { redis, producer, key } = bench(t)
  await producer.save(jobs('b')[0]!)
  const due = Date.now() + 60_000
  t.strictSame(await producer.saveAll([...jobs('a', 'b', 'c', 'c'), { id: 'd', text: text(), delay: due }]), [true, false, true, false, true])
  t.strictSame(await redis.lrange(key('waiting'), 0, -1), ['c', 'a', 'b'])
  t.strictSame(await redis.zrange(key('delayed'), 0, '-1', 'WITHSCORES'), ['d', `${due}`])
  t.strictSame(await producer.saveAll([]), [])

  const ids = Array.from({ length: 500 }, (_, i) => `n${i}`)
  t.ok((await producer.saveAll(jobs(...ids))).every(Boolean))
  t.strictSame((await redis.lrange(key('waiting'), 0, 499)).reverse(), ids)
})

t.test('what is saved in one tick goes in two calls: the first at once, the others together', async (t) => {
  const { url } = await ownRedis(t)
  const { redis, producer, key } = bench(t, url)
  await producer.save(jobs('warm')[0]!) // Redis has the script
  await redis.config('RESETSTAT')
  const ids = Array.from({ length: 100 }, (_, i) => `n${i}`)
  const saved = await Promise.all([...jobs(...ids, 'n7'), { id: 'd', text: text(), delay: Date.now() + 60_000 }].map(job => producer.save(job)))
  t.strictSame(saved.filter(one => !one).length, 1, 'n7, the second time')
  t.match(await redis.info('commandstats'), /cmdstat_evalsha:calls=2,/)
  t.strictSame((await redis.lrange(key('waiting'), 0, -1)).reverse(), ['warm', ...ids])
  t.equal(await redis.zcard(key('delayed')), 1)
})

t.test('what Redis refuses is not taken for saved', async (t) => {
  const { redis, producer, key } = bench(t)
  await redis.set(key('delayed'), 'no sorted set')
  const delayed = { id: 'd', text: text(), delay: Date.now() + 60_000 }
  t.match(await errorOf(producer.save(delayed)), { message: /WRONGTYPE/ })
  await redis.hdel(key('jobs'), 'd')
  t.match(await errorOf(producer.saveAll([delayed])), { message: /WRONGTYPE/ })
  await redis.hdel(key('jobs'), 'd')
  t.match(await errorOf(producer.saveAll([...jobs('a', 'b'), delayed])), { message: /WRONGTYPE/ })
  t.equal(await producer.save(jobs('c')[0]!), true, 'and it goes on')
})

t.test('a connection that is closed refuses too', async (t) => {
  const { redis, producer } = bench(t)
  await producer.save(jobs('a')[0]!)
  redis.disconnect()
  await t.rejects(producer.save(jobs('b')[0]!), { message: /closed/ })
  await t.rejects(producer.saveAll(jobs('b', 'c')), { message: /closed/ })
})

t.test('a Redis that forgot the scripts is given them again', async (t) => {
  const { url } = await ownRedis(t)
  const { redis, producer, key } = bench(t, url)
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
})

t.test('it opens no connection, to its Redis or to localhost', async (t) => {
  const { url, port } = await ownRedis(t)
  const { redis, producer } = bench(t, url)
  await redis.ping()
  const sockets: unknown[] = []
  const count = (message: unknown): void => { sockets.push(message) }
  subscribe('net.client.socket', count)
  t.teardown(() => unsubscribe('net.client.socket', count))
  const more = Array.from({ length: 20 }, (_, i) => new BeeProducer(redis, new QueueKeys('p', `q${i}`)))
  for (const one of [producer, ...more]) {
    await one.save(jobs('a')[0]!)
    await one.saveAll([...jobs('b'), { id: 'c', text: text(), delay: Date.now() + 60_000 }])
    await one.close()
  }
  t.equal(sockets.length, 0, 'no socket was made in this process')
  const clients = String(await redis.client('LIST')).trim().split('\n')
  t.equal(clients.length, 1, `one client on ${port}`)
  t.match(clients[0], /sub=0 psub=0/)
})

t.test('the client stays as it was, and open', async (t) => {
  const { redis, prefix } = bench(t)
  const listeners = (): number[] => redis.eventNames().map(name => redis.listenerCount(name))
  await redis.ping()
  const before = listeners()
  const producers = Array.from({ length: 20 }, (_, i) => new BeeProducer(redis, new QueueKeys(prefix, `q${i}`)))
  for (const one of producers) await one.save(jobs('a')[0]!)
  t.strictSame(listeners(), before)
  for (const one of producers) await one.close()
  t.equal(await redis.ping(), 'PONG')
})

t.test('a plain consumer processes what was saved', async (t) => {
  const { redis, prefix, producer } = bench(t)
  const consumer = plain(t, prefix, { activateDelayedJobs: true })
  const seen: unknown[] = []
  consumer.process(async (job: BeeQueue.Job<any>) => { seen.push([job.id, job.data]) })
  const soon = { id: 'd', text: text('later'), delay: Date.now() + 50 }
  await producer.save({ id: 'x', text: text({ a: 1 }) })
  await producer.saveAll([{ id: 'y', text: text(null) }, soon])
  await until('all are done', async () => (await readThrough(redis, prefix, 'd'))?.state === 'succeeded')
  t.strictSame(seen, [['x', { name: 'a', data: { a: 1 } }], ['y', { name: 'a', data: null }], ['d', { name: 'a', data: 'later' }]])
  for (const id of ['x', 'y']) t.match(await readThrough(redis, prefix, id), { id, name: 'a', state: 'succeeded', attempt: 1, attempts: 1, error: null })
})

t.test('a plain consumer retries and fails what was saved, and its attempts can be read', async (t) => {
  const { redis, prefix, producer } = bench(t)
  const consumer = plain(t, prefix)
  const [running, end] = [latch(), latch()]
  let runs = 0
  consumer.process(async () => {
    if (++runs === 2) {
      running.open()
      await end.promise
    }
    throw new Error(`boom ${runs}`)
  })
  await producer.save({ id: 'x', text: text(1, { attempts: 2, retries: 1, backoff: { strategy: 'immediate' } }) })
  await running.promise
  t.match(await readThrough(redis, prefix, 'x'), { state: 'active', attempt: 2, attempts: 2 }, 'held without a claim')
  end.open()
  const failed = await until('it failed', async () => {
    const record = await readThrough(redis, prefix, 'x')
    return record?.state === 'failed' ? record : null
  })
  t.match(failed, { attempt: 2, attempts: 2 })
  t.strictSame(failed.error, { name: 'Error', message: 'Error: boom 2', code: null })
})

t.test('the job of a plain producer can be read', async (t) => {
  const { redis, prefix } = bench(t)
  const queue = plain(t, prefix, { isWorker: false })
  const job = await queue.createJob({ name: 'a', data: { x: 1 } }).retries(2).timeout(500).save()
  t.match(await readThrough(redis, prefix, job.id), { id: job.id, name: 'a', state: 'waiting', attempt: 0, attempts: 3 })
  const read = await new RedisQueue(redis, 'q', prefix).readTask(job.id)
  t.match(decode(read!.text), { data: { name: 'a', data: { x: 1 } }, options: { retries: 2, timeout: 500, foreign: true } })

  const due = Date.now() + 60_000
  const later = await queue.createJob({ name: 'a' }).delayUntil(due).save()
  t.match(await readThrough(redis, prefix, later.id), { state: 'delayed' })
  t.equal((await new RedisQueue(redis, 'q', prefix).readTask(later.id))!.live.delayedTo, due)
})
