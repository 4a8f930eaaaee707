/**
 * Fair shares: a key with many tasks does not hold up the others, and no worker has nothing to do because of that.
 */
import t from 'tap'
import { QueueFixture, range, text } from '../support/queue-fixture.ts'

/** As long as nobody has measured the workers. */
const CAPACITY = 10

const add = async (f: QueueFixture, key: string, ...ids: string[]): Promise<void> => {
  const jobs = ids.map(id => ({ id: `${key}${id}`, text: text(id), lane: `a ${key}` }))
  for (let from = 0; from < jobs.length; from += 500) await f.queue.addMany(jobs.slice(from, from + 500))
}

/** Claims and ends so many tasks, and says how many of each key. */
async function run (f: QueueFixture, count: number): Promise<Record<string, number>> {
  const ran: Record<string, number> = {}
  for (let i = 0; i < count; i++) {
    const token = `w.${i + 1}`
    const [id] = await f.claim(1, token)
    const key = id![0]!
    ran[key] = (ran[key] ?? 0) + 1
    await f.queue.settle([{ id: id!, token, outcome: 'succeeded', text: text(id!), ms: 0, lane: `a ${key}` }])
  }
  return ran
}

t.test('a newcomer is behind at most twice as many tasks as workers can run, and two of each key', async t => {
  const f = new QueueFixture(t)
  await f.queue.lanes.declare('a', 10_000, 1)
  await add(f, 'x', ...range(1, 3_000))
  await add(f, 'n', '1')
  let place = (await f.waiting()).indexOf('n1')
  t.ok(place >= 0 && place < 2 * (CAPACITY + 2), `one other key: ${place} before it`)
  for (const key of 'bcdefghi') await add(f, key, ...range(1, 50))
  await run(f, 100)
  await add(f, 'm', '1')
  place = (await f.waiting()).indexOf('m1')
  t.ok(place >= 0 && place < 2 * (CAPACITY + 11), `ten other keys: ${place} before it`)
})

t.test('a newcomer is not behind the shares of keys that got their tasks just before it', async t => {
  const f = new QueueFixture(t)
  await f.queue.lanes.declare('a', 10_000, 1)
  const keys = [...'abcdefghij']
  for (const key of keys) await add(f, key, ...range(1, 50))
  await add(f, 'n', '1')
  const place = (await f.waiting()).indexOf('n1')
  t.ok(place >= 0 && place <= 2 * (CAPACITY + keys.length), `${place} before it`)
  await f.redis.zadd(f.key('lanes'), 'XX', ...keys.flatMap(key => [1, `a ${key}`]))
  await f.upkeep.sweepLanes()
  t.equal((await f.waiting()).indexOf('n1'), place)
  await add(f, 'm', '1')
  const next = (await f.waiting()).indexOf('m1')
  t.ok(next <= 2 * (CAPACITY + keys.length) + 1, `${next} before it, after a look`)
  const ran = await run(f, 200)
  const turns = keys.map(key => ran[key] ?? 0)
  t.ok(Math.min(...turns) >= 15, `${turns.join(' ')}: each key has its share once its first tasks have ended`)
})

t.test('keys that have more tasks than their share get the same number of turns', async t => {
  const f = new QueueFixture(t)
  await f.queue.lanes.declare('a', 10_000, 1)
  await add(f, 'x', ...range(1, 400))
  await add(f, 'y', ...range(1, 200))
  await add(f, 'z', ...range(1, 200))
  await run(f, 30)
  const { x = 0, y = 0, z = 0 } = await run(f, 120)
  for (const [key, turns] of Object.entries({ x, y, z })) t.ok(turns >= 30 && turns <= 50, `${key} has ${turns} of 120`)
})

t.test('a key takes what others do not need', async t => {
  const f = new QueueFixture(t)
  await f.queue.lanes.declare('a', 50, 1)
  await f.queue.lanes.declare('b', 3, 1)
  await f.redis.hset(f.key('limits'), '*', '40 1')
  for (const key of range(1, 10)) {
    await f.queue.addMany(range(1, 5).map(id => ({ id: `${key}.${id}`, text: text(id), lane: `b ${key}` })))
  }
  await f.claim(40)
  await add(f, 'x', ...range(1, 100))
  t.equal((await f.waiting()).length, 20, 'half of what workers can run, and not only its share')
  await f.claim(40, 'w.2')
  await f.redis.zadd(f.key('lanes'), 'XX', 1, 'a x')
  await f.upkeep.sweepLanes()
  t.equal((await f.queue.lanes.read('a x')).used, 40)
})

t.test('a worker measures how many tasks all workers can run, one of them in four seconds', async t => {
  const f = new QueueFixture(t)
  await f.queue.lanes.declare('a', 10_000, 1)
  for (const worker of ['v', 'w']) await f.queue.heartbeat(worker, JSON.stringify({ concurrency: 3, x: 1 }), 60_000)
  await f.upkeep.sweepLanes()
  t.notOk(await f.redis.hexists(f.key('limits'), '*'), 'not in a queue without keys')
  await add(f, 'x', ...range(1, 100))
  await f.upkeep.sweepLanes()
  t.match(await f.redis.hget(f.key('limits'), '*'), /^6 \d+$/)
  await f.redis.hset(f.key('limits'), '*', `9 ${Date.now()}`)
  await f.upkeep.sweepLanes()
  t.match(await f.redis.hget(f.key('limits'), '*'), /^9 /)
})

t.test('keys are listed by what waits', async t => {
  const f = new QueueFixture(t)
  await f.queue.lanes.declare('a', 1, 1)
  await add(f, 'x', '1', '2')
  await add(f, 'y', '1', '2', '3')
  await add(f, 'z', '1')
  const listed = (await f.queue.lanes.list(2)).map(({ lane, waiting, holder }) => [lane, waiting, holder])
  t.strictSame(listed, [['a y', 2, 'y1'], ['a x', 1, 'x1']])
})

for (const rates of [[], [{ max: 1_000, window: 60_000 }]]) {
  t.test(`a deploy lowers the limit of a key${rates.length > 0 ? ' with a rate' : ''}: it is forgotten`, async t => {
    const f = new QueueFixture(t)
    await f.queue.lanes.declare('a', 10_000, 1, rates)
    await add(f, 'x', ...range(1, 40))
    t.strictSame(await f.redis.smembers(f.key('crowded')), ['a x'])
    await f.queue.lanes.declare('a', 1, 2, rates)
    t.strictSame(await run(f, 40), { x: 40 })
    t.strictSame(await f.redis.smembers(f.key('crowded')), [])
  })
}
