/**
 * The scripts that take back what dead workers left, through the queue that runs them.
 */
import t from 'tap'
import { until } from '../support/helpers.ts'
import { claimsOf, isAbout, LONG, QueueFixture, range, text } from '../support/queue-fixture.ts'

const NOTHING = { requeued: [], exhausted: [] }

t.test('recover', async (t) => {
  t.test('a task whose lease expired waits again, behind the others', async (t) => {
    const f = new QueueFixture(t)
    await f.add('a', 'b', 'c')
    await f.claim(1)
    await f.queue.updateProgress({ id: 'a', token: 'w.1' }, '{}')
    await f.claim(1, 'w.2')
    t.strictSame(await f.upkeep.recover('r.1', LONG, 2), NOTHING)
    await f.queue.renew(20, claimsOf('a'))
    const { requeued, exhausted } = await until('the lease expires', async () => {
      const found = await f.upkeep.recover('r.2', LONG, 2)
      return found.requeued.length > 0 ? found : null
    })
    t.strictSame([requeued, exhausted], [['a'], []])
    t.strictSame(await f.state(), {
      waiting: ['a', 'c'], active: ['b'], claims: { b: 'w.2' }, stalls: { a: '1' }, jobs: ['a', 'b', 'c']
    })
    t.strictSame(await f.settle(['a', 'succeeded']), ['lost'], 'the old claim is void')
    t.strictSame(await f.queue.renew(LONG, claimsOf('a')), ['lost'])
  })

  t.test('a task that stalled more often than maxStalls is claimed by the caller', async (t) => {
    const f = new QueueFixture(t)
    await f.add('a')
    for (const stalls of [1, 2]) {
      await f.claim(1, `w.${stalls}`)
      await f.expireLeases('a')
      t.strictSame(await f.upkeep.recover('r.1', LONG, 2), { requeued: ['a'], exhausted: [] })
    }
    await f.claim(1, 'w.3')
    for (const [token, stalls] of [['r.2', 3], ['r.3', 4]] as const) {
      await f.expireLeases('a')
      const found = { requeued: [], exhausted: [{ id: 'a', text: text('a'), stalls }] }
      t.strictSame(await f.upkeep.recover(token, LONG, 2), found, 'and by the next caller if that one dies')
      t.strictSame(await f.state(), {
        active: ['a'], claims: { a: token }, stalls: { a: `${stalls}` }, jobs: ['a']
      })
      t.strictSame(await f.upkeep.recover('r.9', LONG, 2), NOTHING, 'the caller has it for a lease')
    }
    t.strictSame(await f.settle(['a', 'failed', LONG, 'r.2'], ['a', 'failed', LONG, 'r.3']), ['lost', 'owned'])
    t.strictSame(await f.state(), { failed: ['a'], 'done:failed': ['a'], jobs: ['a'] })
  })

  t.test('with maxStalls 0 a task is exhausted when it stalls first', async (t) => {
    const f = new QueueFixture(t)
    await f.add('a')
    await f.claim(1)
    await f.expireLeases('a')
    const found = { requeued: [], exhausted: [{ id: 'a', text: text('a'), stalls: 1 }] }
    t.strictSame(await f.upkeep.recover('r.1', LONG, 0), found)
  })

  t.test('invalid counts, claims without a token or an end, and a block without an expiry stop nothing', async (t) => {
    const f = new QueueFixture(t)
    const endless = ['none', 'endless', 'far', 'garbage']
    await f.add('x', 'y', ...endless)
    await f.claim(6)
    await f.redis.hset(f.key('stalls'), 'x', 'garbage', 'y', '1e999')
    await f.setLeaseEnd('none', '')
    await f.setLeaseEnd('endless', '9'.repeat(60))
    await f.setLeaseEnd('far', Date.now() + 3 * LONG)
    await f.redis.hset(f.key('claims'), 'garbage', 'no token')
    await f.redis.set(f.key('stallBlock'), 'without an expiry')
    await f.expireLeases('x', 'y')
    t.strictSame((await f.upkeep.recover('r.1', LONG, 2)).requeued.sort(), ['x', 'y'])
    t.match((await f.state()).stalls, { x: '1', y: '1' })
    for (const id of endless) isAbout(t, await f.leaseEnd(id), LONG, id)
    t.strictSame(await f.queue.renew(LONG, claimsOf('none', 'far')), ['owned', 'owned'], 'they keep their tokens')
    await f.expireLeases(...endless)
    t.strictSame((await f.upkeep.recover('r.2', LONG, 2)).requeued.sort(), endless.sort())
  })

  t.test('a claim that its worker forgot expires, whatever else that worker renews', async (t) => {
    const f = new QueueFixture(t)
    await f.add('forgotten', 'known', 'next')
    await f.claim(2, 'w.1', 20)
    await f.queue.renew(LONG, claimsOf('known'))
    await f.claim(1, 'w.2')
    const requeued = await until('the lease expires', async () => {
      const found = await f.upkeep.recover('r.1', LONG, 2)
      return found.requeued.length > 0 ? found.requeued : null
    })
    t.strictSame(requeued, ['forgotten'])
  })

  t.test('takes back at most a thousand tasks in one call', async (t) => {
    const f = new QueueFixture(t)
    await f.add(...range(1, 1_001))
    for (const count of [500, 501]) await f.claim(count, 'w.1', 1)
    const isOver = async (id: string): Promise<boolean> => await f.leaseEnd(id) < Date.now()
    await until('the leases expire', async () => await isOver('n1') && await isOver('n1001'))
    const first = await f.upkeep.recover('r.1', LONG, 2)
    const second = await f.upkeep.recover('r.1', LONG, 2)
    t.strictSame([first.requeued.length, second.requeued.length], [1_000, 1])
    t.equal(await f.redis.exists(f.key('claims'), f.key('active')), 0)
  })

  t.test('a task does not run again if its cancel was requested before its worker died', async (t) => {
    const f = new QueueFixture(t)
    await f.add('a')
    await f.claim(1)
    await f.queue.cancel('a', text('a'), text('a', 'cancelled'), LONG)
    await f.expireLeases('a')
    const found = { requeued: [], exhausted: [{ id: 'a', text: text('a'), stalls: 1 }] }
    t.strictSame(await f.upkeep.recover('r.1', LONG, 2), found)
    t.strictSame(await f.settle(['a', 'cancelled', LONG, 'r.1']), ['owned'])
    t.strictSame(await f.state(), { 'done:cancelled': ['a'], jobs: ['a'] })
  })

  t.test('a task that a plain stall check queued waits once, and one without a record is forgotten', async (t) => {
    const f = new QueueFixture(t)
    await f.add('a', 'b', 'gone')
    await f.claim(3)
    await f.requeueAsBeeQueue('a')
    await f.redis.hdel(f.key('jobs'), 'gone')
    await f.redis.sadd(f.key('cancelling'), 'gone')
    await f.expireLeases('a', 'b', 'gone')
    t.strictSame((await f.upkeep.recover('r.1', LONG, 2)).requeued.sort(), ['a', 'b'])
    const { waiting, ...rest } = await f.state()
    t.strictSame(waiting.sort(), ['a', 'b'])
    t.strictSame(rest, { stalls: { a: '1', b: '1' }, jobs: ['a', 'b'] })
  })

  t.test('the progress of a task without a record is forgotten too', async (t) => {
    const f = new QueueFixture(t)
    await f.add('gone')
    await f.claim(1)
    await f.queue.updateProgress({ id: 'gone', token: 'w.1' }, '{}')
    await f.redis.hdel(f.key('jobs'), 'gone')
    await f.expireLeases('gone')
    t.strictSame(await f.upkeep.recover('r.1', LONG, 2), NOTHING)
    t.strictSame(await f.state(), { jobs: [] })
  })

  t.test('a task of a plain worker waits again at the second check, unless that worker shows it lives', async (t) => {
    const f = new QueueFixture(t)
    await f.add('dead', 'alive', 'gone', 'ours')
    for (let i = 0; i < 3; i++) await f.takeAsBeeQueue()
    await f.claim(1, 'w.1', 20_000)
    const end = await f.leaseEnd('ours')
    await f.redis.hdel(f.key('jobs'), 'gone')
    await f.redis.sadd(f.key('stalling'), 'ours')
    t.strictSame(await f.upkeep.recover('r.1', LONG, 2), NOTHING)
    t.strictSame((await f.state()).stalling, ['alive', 'dead', 'gone'], 'a claimed task is not among them')
    t.strictSame(await f.upkeep.recover('r.2', LONG, 2), NOTHING, 'one check in an interval')
    isAbout(t, Date.now() + await f.redis.pttl(f.key('stallBlock')), LONG, 'the interval')
    await f.redis.del(f.key('stallBlock'))
    await f.redis.srem(f.key('stalling'), 'alive')
    const { requeued } = await f.upkeep.recover('r.3', LONG, 2)
    t.strictSame(requeued, ['dead'])
    t.equal(await f.leaseEnd('ours'), end, 'a check does not renew a lease')
    t.strictSame(await f.state(), {
      waiting: ['dead'],
      active: ['ours', 'alive'],
      claims: { ours: 'w.1' },
      stalling: ['alive'],
      jobs: ['alive', 'dead', 'ours']
    })
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
