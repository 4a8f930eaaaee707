/**
 * Workers that queue delayed tasks when they are due. The script that they call: test/store/queue-due.test.ts
 */
import t, { type Test } from 'tap'
import { RedisUpkeep } from '../../lib/store/redis/upkeep.ts'
import { build, connect, latch, randomPrefix, reaches, until } from '../support/helpers.ts'
import { ALONE } from '../support/room.ts'
import type { FastifyInstance } from 'fastify'
import type { Redis } from 'ioredis'

const key = (prefix: string, name: string): string => `${prefix}:{default}:${name}`

const buildWorker = (t: Test, prefix: string): Promise<FastifyInstance> =>
  build(t, { prefix, worker: true }, app => { app.tasks.define('x', () => 'ran') })

/** So that no living worker can be a timekeeper. */
const takeAllSeats = (redis: Redis, prefix: string): Promise<unknown> => {
  const seats = ['dead1', 'dead2', 'dead3'].flatMap(worker => [Date.now() + 10_000, worker])
  return redis.zadd(key(prefix, 'timekeepers'), ...seats)
}

t.test('of many workers, three hear of delayed tasks', async t => {
  const prefix = randomPrefix()
  const redis = connect(t)
  const apps = await Promise.all(Array.from({ length: 5 }, () => buildWorker(t, prefix)))
  const listeners = async (): Promise<number> =>
    Number((await redis.pubsub('NUMSUB', key(prefix, 'earlierDelayed')) as unknown[])[1])
  await until('three listen', async () => await listeners() === 3)
  const handle = await apps[0]!.tasks.enqueue('x', null, { delay: 50 })
  t.equal(await handle.result({ timeout: 10_000 }), 'ran')
  t.equal(await listeners(), 3)
  const closed = await redis.zrange(key(prefix, 'timekeepers'), 0, '-1')
  await Promise.all(apps.slice(0, 4).map(app => app.close()))
  t.ok((await redis.zrange(key(prefix, 'timekeepers'), 0, '-1')).length <= 1, `of ${closed}: those that closed left`)
})

t.test('delayed tasks run when all timekeepers were killed, and the workers take their seats', async t => {
  const prefix = randomPrefix()
  const redis = connect(t)
  await takeAllSeats(redis, prefix)
  const app = await buildWorker(t, prefix)
  const { id } = await app.tasks.enqueue('x', null, { delay: 50 })
  await reaches(app, id, 'succeeded')
  t.equal(await redis.zcard(key(prefix, 'timekeepers')), 3, 'the dead ones had all seats')
  await redis.zrem(key(prefix, 'timekeepers'), 'dead1')
  await until('it takes a seat', async () =>
    (await redis.zrange(key(prefix, 'timekeepers'), 0, '-1')).some(worker => !worker.startsWith('dead')))
})

t.test('a task that is enqueued while a worker becomes a timekeeper is not late', ALONE, async t => {
  const { queueDue } = RedisUpkeep.prototype
  t.teardown(() => { RedisUpkeep.prototype.queueDue = queueDue })
  const prefix = randomPrefix()
  const redis = connect(t)
  await takeAllSeats(redis, prefix)
  const app = await buildWorker(t, prefix)
  await app.tasks.enqueue('x').then(handle => handle.result({ timeout: 10_000 })) // all its connections are open
  const enqueued = latch<string>()
  RedisUpkeep.prototype.queueDue = async function (worker) {
    const reply = await queueDue.call(this, worker)
    // It does not listen yet. The next look without a reason comes after five seconds.
    if (reply.isTimekeeper) await app.tasks.enqueue('x', null, { delay: 1 }).then(({ id }) => enqueued.open(id))
    return reply
  }
  await redis.del(key(prefix, 'timekeepers'))
  const id = await enqueued.promise
  await until('it has run', async () => (await app.tasks.status(id))?.state === 'succeeded', 4_000)
})

t.test('a due time centuries away, which anybody may publish, leaves the pause between two looks', ALONE, async t => {
  const { queueDue } = RedisUpkeep.prototype
  t.teardown(() => { RedisUpkeep.prototype.queueDue = queueDue })
  const warnings: string[] = []
  const onWarning = ({ name }: Error): void => { warnings.push(name) }
  process.on('warning', onWarning)
  t.teardown(() => process.off('warning', onWarning))
  const prefix = randomPrefix()
  const redis = connect(t)
  const channel = key(prefix, 'earlierDelayed')
  const done = latch()
  let looks = 0
  RedisUpkeep.prototype.queueDue = async function (worker) {
    // Both messages may come while the worker looks. The second makes it look again.
    await redis.publish(channel, '9e15')
    await redis.publish(channel, String(Date.now()))
    if (++looks === 100) done.open()
    return await queueDue.call(this, worker)
  }
  await buildWorker(t, prefix)
  await done.promise
  t.same(warnings, [], 'no timer was too long')
})
