/**
 * The scripts that take back what dead workers left, through the queue that runs them.
 */
import t from 'tap'
import { until } from '../support/helpers.ts'
import { isAbout, LONG, QueueFixture, range, text } from '../support/queue-fixture.ts'

const NOTHING = { requeued: [], exhausted: [] }

t.test('sweep', async (t) => {
  t.test('a task whose worker lost its lease waits again, behind the others', async (t) => {
    const f = new QueueFixture(t)
    await f.add('a', 'b', 'c')
    await f.claim(1)
    await f.queue.updateProgress({ id: 'a', token: 'w.1' }, '{}')
    await f.claim(1, 'other.1')
    t.strictSame(await f.sweep(), NOTHING)
    await f.expireLease()
    t.strictSame(await f.sweep(), { requeued: ['a'], exhausted: [] })
    t.strictSame(await f.state(), {
      waiting: ['a', 'c'], claims: { b: 'other.1' }, stalls: { a: '1' }, jobs: ['a', 'b', 'c']
    })
    t.strictSame(await f.settle(['a', 'succeeded']), ['lost'], 'the old claim is void')
    t.strictSame(await f.redis.zrange(f.key('leases'), 0, '-1'), ['other'], 'the dead worker is forgotten')
  })

  t.test('a lease expires five ticks after it was renewed, and not earlier', async (t) => {
    const f = new QueueFixture(t)
    await f.add('a')
    await f.claim(1)
    for (let tick = 1; tick < 5; tick++) t.strictSame(await f.sweep(), NOTHING, `tick ${tick}`)
    await f.queue.renew('w', 1)
    for (let tick = 1; tick < 5; tick++) t.strictSame(await f.sweep(), NOTHING, `tick ${tick} after the renewal`)
    t.strictSame((await f.sweep()).requeued, ['a'])
  })

  t.test('one caller owns a tick, the others are told when the next is', async (t) => {
    const f = new QueueFixture(t)
    const first = await f.upkeep.sweep(LONG, 2, null)
    const second = await f.upkeep.sweep(LONG, 2, null)
    t.equal(await f.redis.get(f.key('tick')), '1')
    for (const { wait } of [first, second]) t.ok(wait > LONG / 5 && wait <= LONG / 4, `${wait} ms`)
  })

  t.test('a tick that comes early, as after a step of Redis\' clock, ends no lease', async (t) => {
    const f = new QueueFixture(t)
    await f.add('a')
    await f.claim(1)
    t.strictSame(await f.sweep(), NOTHING)
    t.strictSame(await f.sweep(), NOTHING)
  })

  t.test('ticks go on if the clock of Redis is set back, if their key has no expiry, and if it is lost', async (t) => {
    const f = new QueueFixture(t)
    const tick = async (): Promise<number> => {
      await f.upkeep.sweep(LONG, 2, null)
      return Number(await f.redis.get(f.key('tick')))
    }
    t.equal(await tick(), 1)
    await f.redis.pexpire(f.key('tickBlock'), 3_600_000)
    t.equal(await tick(), 2, 'the key expires in an hour')
    await f.redis.set(f.key('tickBlock'), 'x')
    t.equal(await tick(), 3, 'the key does not expire')
    await f.redis.zadd(f.key('leases'), 7, 'w', Infinity, 'endless')
    await f.redis.del(f.key('tickBlock'), f.key('tick'))
    t.equal(await tick(), 8, 'never lower than a lease')
    for (const value of ['garbage', '-5', '1e300']) {
      await f.redis.set(f.key('tick'), value)
      await f.redis.del(f.key('tickBlock'))
      t.ok(await tick() < 20, value)
    }
  })

  t.test('a task that stalled more often than maxStalls is returned, with the claim of the dead worker', async (t) => {
    const f = new QueueFixture(t)
    await f.add('a')
    for (const stalls of [1, 2]) {
      await f.claim(1, `w.${stalls}`)
      await f.expireLease()
      t.strictSame(await f.sweep(), { requeued: ['a'], exhausted: [] })
    }
    await f.claim(1, 'w.3')
    await f.expireLease()
    const found = { requeued: [], exhausted: [{ id: 'a', text: text('a'), stalls: 3, token: 'w.3' }] }
    t.strictSame(await f.sweep(), found)
    t.strictSame(await f.sweep(), found, 'and at the next tick again if its caller died')
    t.strictSame(await f.settle(['a', 'failed', LONG, 'w.3'], ['a', 'failed', LONG, 'w.3']), ['owned', 'lost'])
    t.strictSame(await f.state(), { failed: ['a'], 'done:failed': ['a'], jobs: ['a'] })
  })

  t.test('with maxStalls 0 a task is exhausted when it stalls first', async (t) => {
    const f = new QueueFixture(t)
    await f.add('a')
    await f.claim(1)
    await f.expireLease()
    const found = { requeued: [], exhausted: [{ id: 'a', text: text('a'), stalls: 1, token: 'w.1' }] }
    t.strictSame(await f.sweep(0), found)
  })

  t.test('a worker that closed has no lease: what it did not settle waits again at the next tick', async (t) => {
    const f = new QueueFixture(t)
    await f.add('a')
    await f.claim(1)
    await f.queue.renew('w', 1)
    await f.upkeep.endLease('w')
    t.strictSame((await f.sweep()).requeued, ['a'])
    t.equal(await f.redis.exists(f.key('leases'), f.key('floors')), 0)
  })

  t.test('invalid counts, invalid claims and a block without an expiry stop nothing', async (t) => {
    const f = new QueueFixture(t)
    await f.add('x', 'y', 'odd')
    await f.claim(2)
    await f.redis.hset(f.key('stalls'), 'x', 'garbage', 'y', '1e999')
    await f.redis.hset(f.key('claims'), 'odd', 'no-time', 'nobody', '', 'gone', 'gone.1 5')
    await f.redis.set(f.key('stallBlock'), 'without an expiry')
    await f.expireLease()
    t.strictSame((await f.sweep()).requeued.sort(), ['odd', 'x', 'y'])
    t.match((await f.state()).stalls, { x: '1', y: '1', odd: '1' })
    t.equal(await f.redis.exists(f.key('claims')), 0)
  })

  t.test('a claim that its living worker forgot is taken back once its older claims have ended', async (t) => {
    const f = new QueueFixture(t)
    await f.add('forgotten', 'known', 'younger')
    for (const token of ['w.1', 'w.2', 'w.3']) await f.claim(1, token)
    await f.redis.set(f.key('tick'), 45)
    await f.queue.renew('w', 2)
    t.strictSame((await f.sweep()).requeued, ['forgotten'])
    t.match((await f.state()).claims, { known: 'w.2', younger: 'w.3' })
  })

  t.test('a claim whose worker has no lease is found too, but not before living workers could renew', async (t) => {
    const f = new QueueFixture(t)
    await f.add('orphan', 'held')
    await f.claim(1, 'gone.1')
    await f.claim(1, 'w.1')
    await f.redis.del(f.key('leases'), f.key('tick'))
    for (let tick = 1; tick <= 5; tick++) t.strictSame(await f.sweep(), NOTHING, `tick ${tick}`)
    await f.queue.renew('w', 1)
    t.strictSame((await f.sweep()).requeued, ['orphan'])
  })

  t.test('takes back thousands of tasks in slices', async (t) => {
    const f = new QueueFixture(t)
    for (let from = 1; from <= 2_000; from += 500) await f.add(...range(from, from + 499))
    for (let call = 1; call <= 4; call++) await f.claim(500, `w.${call}`)
    await f.expireLease()
    const { requeued, position } = await f.upkeep.sweep(LONG, 2, null)
    t.ok(requeued.length < 600, `${requeued.length} in the first slice`)
    for (let at = position; at !== null;) {
      const slice = await f.upkeep.sweep(LONG, 2, at)
      t.ok(slice.requeued.length < 600, `${slice.requeued.length} in a slice`)
      requeued.push(...slice.requeued)
      at = slice.position
    }
    t.strictSame(requeued.sort(), range(1, 2_000).sort())
    t.equal(await f.redis.exists(f.key('claims'), f.key('leases')), 0)
  })

  t.test('if the owner of a tick dies, the owner of the next one goes through all claims', async (t) => {
    const f = new QueueFixture(t)
    for (const from of [1, 501]) await f.add(...range(from, from + 499))
    for (let call = 1; call <= 2; call++) await f.claim(500, `w.${call}`)
    await f.expireLease()
    const { requeued } = await f.upkeep.sweep(LONG, 2, null)
    t.equal(requeued.length + (await f.sweep()).requeued.length, 1_000)
  })

  t.test('a task does not run again if its cancel was requested before its worker died', async (t) => {
    const f = new QueueFixture(t)
    await f.add('a')
    await f.claim(1)
    await f.queue.cancel('a', text('a'), text('a', 'cancelled'), LONG)
    await f.expireLease()
    t.strictSame(await f.sweep(), { requeued: [], exhausted: [{ id: 'a', text: text('a'), stalls: 1, token: 'w.1' }] })
    t.strictSame(await f.settle(['a', 'cancelled']), ['owned'])
    t.strictSame(await f.state(), { 'done:cancelled': ['a'], jobs: ['a'] })
  })

  t.test('a task without a record is forgotten, with its progress and its cancel', async (t) => {
    const f = new QueueFixture(t)
    await f.add('gone')
    await f.claim(1)
    await f.queue.updateProgress({ id: 'gone', token: 'w.1' }, '{}')
    await f.redis.hdel(f.key('jobs'), 'gone')
    await f.redis.sadd(f.key('cancelling'), 'gone')
    await f.expireLease()
    t.strictSame(await f.sweep(), NOTHING)
    t.strictSame(await f.state(), { jobs: [] })
  })

  t.test('a task of a plain worker waits again at the second check, unless that worker shows it lives', async (t) => {
    const f = new QueueFixture(t)
    await f.add('dead', 'alive', 'gone', 'ours')
    for (let i = 0; i < 3; i++) await f.takeAsBeeQueue()
    await f.claim(1)
    await f.redis.hdel(f.key('jobs'), 'gone')
    t.strictSame(await f.sweep(), NOTHING)
    t.strictSame((await f.state()).stalling, ['alive', 'dead', 'gone'])
    t.strictSame(await f.sweep(), NOTHING, 'one check in an interval')
    isAbout(t, Date.now() + await f.redis.pttl(f.key('stallBlock')), LONG, 'the interval')
    await f.redis.del(f.key('stallBlock'))
    await f.redis.srem(f.key('stalling'), 'alive')
    t.strictSame((await f.sweep()).requeued, ['dead'])
    const jobs = ['alive', 'dead', 'ours']
    t.strictSame(await f.state(), {
      waiting: ['dead'], active: ['alive'], claims: { ours: 'w.1' }, stalling: ['alive'], jobs
    })
  })

  t.test('the block of a plain Bee-Queue with a longer interval is kept', async (t) => {
    const f = new QueueFixture(t)
    await f.add('held')
    await f.takeAsBeeQueue()
    await f.redis.set(f.key('stallBlock'), '1', 'PX', 10 * LONG)
    await f.redis.sadd(f.key('stalling'), 'held') // its worker renews only every half of its own interval
    t.strictSame(await f.sweep(), NOTHING)
    t.match(await f.queue.readTask('held'), { live: { held: true } })
  })

  t.test('thousands of stalled tasks of plain workers, among others that are not', async (t) => {
    const f = new QueueFixture(t)
    const ids = range(1, 3_000)
    for (let i = 0; i < ids.length; i += 500) await f.add(...ids.slice(i, i + 500))
    await f.redis.rename(f.key('waiting'), f.key('active'))
    const isAlive = (id: string): boolean => Number(id.slice(1)) % 3 === 0
    await f.sweep()
    await f.redis.srem(f.key('stalling'), ...ids.filter(isAlive))
    await f.redis.del(f.key('stallBlock'))
    t.strictSame((await f.sweep()).requeued, ids.filter(id => !isAlive(id)))
    t.strictSame((await f.redis.lrange(f.key('active'), 0, -1)).reverse(), ids.filter(isAlive))
  })
})

t.test('agreeStallInterval: one interval for a queue, until its workers are gone', async (t) => {
  const f = new QueueFixture(t)
  const agree = (interval: number): Promise<number> => f.upkeep.agreeStallInterval(interval)
  const key = f.key('stallInterval')
  t.equal(await agree(LONG), LONG)
  t.equal(await agree(100), LONG, 'a worker with another interval gets the one in force')
  const ttl = await f.redis.pttl(key)
  t.ok(ttl > LONG && ttl <= 2 * LONG)
  await f.redis.pexpire(key, 1_000)
  t.equal(await agree(LONG), LONG)
  t.ok(await f.redis.pttl(key) > LONG, 'its workers keep it')
  await f.redis.set(key, 'x', 'PX', LONG)
  t.equal(await agree(100), 100, 'a value that is no number was not written by a worker')
  await f.redis.set(key, String(LONG))
  t.equal(await agree(100), 100, 'a value without an expiry was not written by a worker')
  await f.redis.del(key)
  await agree(LONG)
  await f.redis.pexpire(key, 20)
  await until('the value expires', async () => await agree(100) === 100)
})
