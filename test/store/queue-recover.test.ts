/**
 * The scripts, through the queue that runs them: what workers that went away left.
 */
import t from 'tap'
import { until } from '../support/helpers.ts'
import { Bench, held, LONG, range, soon, text } from '../support/queue-fixture.ts'

t.test('recover', async (t) => {
  t.test('a lease that was not renewed puts its task back, behind the others', async (t) => {
    const b = new Bench(t)
    await b.add('a', 'b', 'c')
    await b.claim(1)
    await b.queue.updateProgress({ id: 'a', token: 'w.1' }, '{}')
    await b.claim(1, 'w.2')
    t.strictSame(await b.queue.upkeep.recover('r.1', LONG, 2), { requeued: [], exhausted: [] })
    await b.queue.renew(20, held('a'))
    const { requeued, exhausted } = await until('the lease lapses', async () => {
      const found = await b.queue.upkeep.recover('r.2', LONG, 2)
      return found.requeued.length > 0 ? found : null
    })
    t.strictSame([requeued, exhausted], [['a'], []])
    t.strictSame(await b.state(), { waiting: ['a', 'c'], active: ['b'], claims: { b: 'w.2' }, stalls: { a: '1' }, jobs: ['a', 'b', 'c'] })
    t.strictSame(await b.settle(['a', 'succeeded']), ['lost'], 'the old claim is void')
    t.strictSame(await b.queue.renew(LONG, held('a')), ['lost'])
  })

  t.test('a task that stalled more often than maxStalls is exhausted by who finds it', async (t) => {
    const b = new Bench(t)
    await b.add('a')
    for (const stalls of [1, 2]) {
      await b.claim(1, `w.${stalls}`)
      await b.lapse('a')
      t.strictSame(await b.queue.upkeep.recover('r.1', LONG, 2), { requeued: ['a'], exhausted: [] })
    }
    await b.claim(1, 'w.3')
    for (const [token, stalls] of [['r.2', 3], ['r.3', 4]] as const) {
      await b.lapse('a')
      t.strictSame(await b.queue.upkeep.recover(token, LONG, 2), { requeued: [], exhausted: [{ id: 'a', text: text('a'), stalls }] }, 'and if that one goes away, by the next')
      t.strictSame(await b.state(), { active: ['a'], claims: { a: token }, stalls: { a: `${stalls}` }, jobs: ['a'] })
      t.strictSame(await b.queue.upkeep.recover('r.9', LONG, 2), { requeued: [], exhausted: [] }, 'it holds it for a lease')
    }
    t.strictSame(await b.settle(['a', 'failed', LONG, 'r.2'], ['a', 'failed', LONG, 'r.3']), ['lost', 'owned'])
    t.strictSame(await b.state(), { failed: ['a'], 'done:failed': ['a'], jobs: ['a'] })
  })

  t.test('with maxStalls 0 the first stall buries', async (t) => {
    const b = new Bench(t)
    await b.add('a')
    await b.claim(1)
    await b.lapse('a')
    t.strictSame(await b.queue.upkeep.recover('r.1', LONG, 0), { requeued: [], exhausted: [{ id: 'a', text: text('a'), stalls: 1 }] })
  })

  t.test('garbage does not hold it up: counts, claims of nobody, claims without a time or with one that is far off, a block that never ends', async (t) => {
    const b = new Bench(t)
    const timeless = ['none', 'endless', 'far', 'garbage']
    await b.add('x', 'y', ...timeless)
    await b.claim(6)
    await b.redis.hset(b.key('stalls'), 'x', 'garbage', 'y', '1e999')
    for (const [id, till] of [['none', ''], ['endless', '9'.repeat(60)], ['far', Date.now() + 3 * LONG]] as const) await b.claimUntil(id, till)
    await b.redis.hset(b.key('claims'), 'garbage', 'no token')
    await b.redis.set(b.key('stallBlock'), 'and stays')
    await b.lapse('x', 'y')
    t.strictSame((await b.queue.upkeep.recover('r.1', LONG, 2)).requeued.sort(), ['x', 'y'])
    t.match((await b.state()).stalls, { x: '1', y: '1' })
    for (const id of timeless) soon(t, await b.till(id), LONG, id)
    t.strictSame(await b.queue.renew(LONG, held('none', 'far')), ['owned', 'owned'], 'they are their token\'s still')
    await b.lapse(...timeless)
    t.strictSame((await b.queue.upkeep.recover('r.2', LONG, 2)).requeued.sort(), timeless.sort())
  })

  t.test('a claim that its worker knows no more lapses by itself, whatever else that worker does', async (t) => {
    const b = new Bench(t)
    await b.add('forgotten', 'known', 'next')
    await b.claim(2, 'w.1', 20)
    await b.queue.renew(LONG, held('known'))
    await b.claim(1, 'w.2')
    t.strictSame(await until('it lapses', async () => {
      const { requeued } = await b.queue.upkeep.recover('r.1', LONG, 2)
      return requeued.length > 0 ? requeued : null
    }), ['forgotten'])
  })

  t.test('so many at a time', async (t) => {
    const b = new Bench(t)
    await b.add(...range(1, 1_001))
    for (const n of [500, 501]) await b.claim(n, 'w.1', 1)
    await until('they lapse', async () => (await b.till('n1')) < Date.now() && (await b.till('n1001')) < Date.now())
    const sizes = [await b.queue.upkeep.recover('r.1', LONG, 2), await b.queue.upkeep.recover('r.1', LONG, 2)].map(found => found.requeued.length)
    t.strictSame(sizes, [1_000, 1])
    t.equal(await b.redis.exists(b.key('claims'), b.key('active')), 0)
  })

  t.test('a task that was cancelled while its worker was away is not run again', async (t) => {
    const b = new Bench(t)
    await b.add('a')
    await b.claim(1)
    await b.queue.cancel('a', text('a'), text('a', 'cancelled'), LONG)
    await b.lapse('a')
    t.strictSame(await b.queue.upkeep.recover('r.1', LONG, 2), { requeued: [], exhausted: [{ id: 'a', text: text('a'), stalls: 1 }] })
    t.strictSame(await b.settle(['a', 'cancelled', LONG, 'r.1']), ['owned'])
    t.strictSame(await b.state(), { 'done:cancelled': ['a'], jobs: ['a'] })
  })

  t.test('what a plain stall check put back stands there once; what has no record is forgotten', async (t) => {
    const b = new Bench(t)
    await b.add('a', 'b', 'gone')
    await b.claim(3)
    await b.putBack('a')
    await b.redis.hdel(b.key('jobs'), 'gone')
    await b.redis.sadd(b.key('cancelling'), 'gone')
    await b.lapse('a', 'b', 'gone')
    t.strictSame((await b.queue.upkeep.recover('r.1', LONG, 2)).requeued.sort(), ['a', 'b'])
    const { waiting, ...rest } = await b.state()
    t.strictSame(waiting.sort(), ['a', 'b'])
    t.strictSame(rest, { stalls: { a: '1', b: '1' }, jobs: ['a', 'b'] })
  })

  t.test('of a task without a record its progress is forgotten too', async (t) => {
    const b = new Bench(t)
    await b.add('gone')
    await b.claim(1)
    await b.queue.updateProgress({ id: 'gone', token: 'w.1' }, '{}')
    await b.redis.hdel(b.key('jobs'), 'gone')
    await b.lapse('gone')
    t.strictSame(await b.queue.upkeep.recover('r.1', LONG, 2), { requeued: [], exhausted: [] })
    t.strictSame(await b.state(), { jobs: [] })
  })

  t.test('what a plain worker holds goes back at the second check that finds it, unless it says that it lives', async (t) => {
    const b = new Bench(t)
    await b.add('dead', 'alive', 'gone', 'ours')
    for (let i = 0; i < 3; i++) await b.hold()
    await b.claim(1, 'w.1', 20_000)
    const lease = await b.till('ours')
    await b.redis.hdel(b.key('jobs'), 'gone')
    await b.redis.sadd(b.key('stalling'), 'ours')
    t.strictSame(await b.queue.upkeep.recover('r.1', LONG, 2), { requeued: [], exhausted: [] })
    t.strictSame((await b.state()).stalling, ['alive', 'dead', 'gone'], 'a task with a claim is not among them')
    t.strictSame(await b.queue.upkeep.recover('r.2', LONG, 2), { requeued: [], exhausted: [] }, 'one check within an interval')
    soon(t, Date.now() + await b.redis.pttl(b.key('stallBlock')), LONG, 'an interval')
    await b.redis.del(b.key('stallBlock'))
    await b.redis.srem(b.key('stalling'), 'alive')
    const { requeued } = await b.queue.upkeep.recover('r.3', LONG, 2)
    t.strictSame(requeued, ['dead'])
    t.equal(await b.till('ours'), lease, 'a check is no renewal')
    t.strictSame(await b.state(), { waiting: ['dead'], active: ['ours', 'alive'], claims: { ours: 'w.1' }, stalling: ['alive'], jobs: ['alive', 'dead', 'ours'] })
  })
})

t.test('join: one stall interval for a queue, until its workers are gone', async (t) => {
  const b = new Bench(t)
  t.equal(await b.queue.upkeep.agreeStallInterval(LONG), LONG)
  t.equal(await b.queue.upkeep.agreeStallInterval(100), LONG, 'another finds the one in force')
  const ttl = (): Promise<number> => b.redis.pttl(b.key('stallInterval'))
  t.ok(await ttl() > LONG && await ttl() <= 2 * LONG)
  await b.redis.pexpire(b.key('stallInterval'), 1_000)
  t.equal(await b.queue.upkeep.agreeStallInterval(LONG), LONG)
  t.ok(await ttl() > LONG, 'its workers keep it')
  for (const garbage of [['x', 'PX', LONG], [String(LONG)]] as Array<[string]>) {
    await b.redis.set(b.key('stallInterval'), ...garbage)
    t.equal(await b.queue.upkeep.agreeStallInterval(100), 100, 'what is no number, or stays for ever, is no worker\'s')
  }
  await b.redis.del(b.key('stallInterval'))
  await b.queue.upkeep.agreeStallInterval(LONG)
  await b.redis.pexpire(b.key('stallInterval'), 20)
  await until('it is gone', async () => await b.queue.upkeep.agreeStallInterval(100) === 100)
})
