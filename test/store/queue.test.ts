/**
 * The scripts that read, expire and remove records, and those that wait for a task, through the queue that runs them.
 */
import t from 'tap'
import { connect, until } from '../support/helpers.ts'
import { isAbout, LONG, QueueFixture, range, text } from '../support/queue-fixture.ts'

t.test('prune', async (t) => {
  const states = ['succeeded', 'failed', 'cancelled', 'expired'] as const

  t.test('removes expired records, and everything else that is stored about those ids', async (t) => {
    const f = new QueueFixture(t)
    await f.add(...states, 'waiting', 'stays')
    await f.claim(4)
    await f.settle(...states.map(state => [state, state, 1] as [string, typeof state, number]))
    t.equal(await f.queue.cancel('waiting', text('waiting'), text('waiting', 'cancelled'), 1), 'cancelled')
    await f.claim(1)
    await f.settle(['stays', 'failed', LONG])
    await until('the others expire', async () =>
      await f.upkeep.prune(1_000) === 0 && await f.redis.hlen(f.key('jobs')) === 1)
    t.strictSame(await f.state(), { failed: ['stays'], 'done:failed': ['stays'], jobs: ['stays'] })
    await f.redis.zadd(f.key('done:failed'), 1, 'stays')
    t.equal(await f.upkeep.prune(1_000), 1)
    t.strictSame(await f.dump(), {}, 'no key is left')
  })

  t.test('removes the oldest first, up to the limit in each state', async (t) => {
    const f = new QueueFixture(t)
    for (const state of ['failed', 'cancelled']) {
      for (const i of [3, 1, 2]) {
        await f.redis.hset(f.key('jobs'), `${state}${i}`, '{}')
        await f.redis.zadd(f.key(`done:${state}`), i, `${state}${i}`)
        if (state === 'failed') await f.redis.sadd(f.key(state), `${state}${i}`)
      }
    }
    t.equal(await f.upkeep.prune(2), 4)
    t.strictSame(await f.state(), {
      'done:cancelled': ['cancelled3'], 'done:failed': ['failed3'], failed: ['failed3'], jobs: ['cancelled3', 'failed3']
    })
  })

  t.test('leaves a task that a plain Bee-Queue queued again', async (t) => {
    const f = new QueueFixture(t)
    await f.add('a')
    await f.claim(1)
    await f.settle(['a', 'failed'])
    await f.redis.multi().srem(f.key('failed'), 'a').lpush(f.key('waiting'), 'a').exec() // its job.retry()
    await f.redis.zadd(f.key('done:failed'), 1, 'a')
    await f.upkeep.prune(1_000)
    t.strictSame(await f.claim(1, 'w.2'), ['a'])
  })
})

t.test('expireForeign gives tasks of plain workers an expiry, page by page, once', async (t) => {
  const f = new QueueFixture(t)
  const ids = range(1, 2_000)
  await f.redis.sadd(f.key('succeeded'), 'ours', ...ids)
  await f.redis.hset(f.key('jobs'), ...ids.flatMap(id => [id, '{}']))
  await f.redis.zadd(f.key('done:succeeded'), 5, 'ours')
  let [cursor, pages] = ['0', 0]
  do {
    cursor = await f.upkeep.expireForeign('succeeded', cursor, LONG)
    pages++
  } while (cursor !== '0')
  t.ok(pages > 1 && pages < 20, `${pages} pages`)
  t.equal(await f.redis.zcard(f.key('done:succeeded')), 2_001)
  t.equal(await f.score('done:succeeded', 'ours'), 5, 'our own task keeps its expiry')
  isAbout(t, await f.score('done:succeeded', 'n1'), LONG)
  const before = await f.score('done:succeeded', 'n1')
  t.equal(await f.upkeep.expireForeign('succeeded', '0', 2 * LONG), '0')
  t.equal(await f.score('done:succeeded', 'n1'), before)
  t.equal(await f.upkeep.expireForeign('failed', '0', LONG), '0', 'there is no such task')
})

t.test('readTask says where a task is', async (t) => {
  const f = new QueueFixture(t)
  const due = Date.now() + LONG
  await f.add('held', 'claimed', 'waiting')
  await f.queue.add({ id: 'delayed', text: text('delayed'), delay: due })
  await f.takeAsBeeQueue()
  const { now } = await f.queue.claim(1, 'w.1', false)
  const lives = { held: { held: true }, claimed: { claimedAt: now }, waiting: {}, delayed: { delayedTo: due } }
  for (const [id, live] of Object.entries(lives)) {
    t.strictSame(await f.queue.readTask(id), { text: text(id), raw: Buffer.from(text(id)), live }, id)
  }
  t.equal(await f.queue.readTask('nobody'), null)
  for (const garbage of ['x', 'null', '']) {
    await f.redis.hset(f.key('progress'), 'claimed', garbage)
    t.strictSame((await f.queue.readTask('claimed'))!.live.progress, undefined, garbage)
  }
})

t.test('claimNext waits for one task, and claims it', async (t) => {
  const f = new QueueFixture(t)
  const next = async (token: string, seconds = 10): Promise<string[]> => {
    const { jobs } = await f.queue.overClient(connect(t)).claimNext(seconds, token)
    return jobs.map(job => job.id)
  }
  t.strictSame(await next('w.1', 0.05), [], 'no task came')
  const wait = await f.wait(t, 'w.2')
  await f.add('a')
  t.strictSame((await wait.claimed).jobs.map(job => job.id), ['a'], 'it came during the wait')
  await f.add('b', 'c')
  t.strictSame(await next('w.3'), ['b'], 'one at a time')
  t.equal((await f.redis.lrange(f.key('waiting'), 0, -1)).join(), 'c')
  t.strictSame(await next('w.5'), ['c'])
  await f.add(...range(1, 300), 'last', 'and one more')
  await f.redis.hdel(f.key('jobs'), ...range(1, 300))
  t.strictSame(await next('w.6'), ['last'], 'behind ids without a record')
})

t.test('cancelWait', async (t) => {
  t.test('returns what the wait had claimed', async (t) => {
    const f = new QueueFixture(t)
    await f.add('a')
    await f.queue.overClient(connect(t)).claimNext(1, 'w.1')
    const { jobs } = await f.queue.cancelWait('w.1')
    t.strictSame(jobs, [{ id: 'a', text: text('a'), token: 'w.1' }])
    t.strictSame((await f.queue.cancelWait('w.2')).jobs, [])
  })

  t.test('a wait that goes on claims nothing, other waits do, and the mark expires', async (t) => {
    const f = new QueueFixture(t)
    const cancelled = await f.wait(t, 'w.1')
    t.strictSame((await f.queue.cancelWait('w.1')).jobs, [])
    await f.add('a')
    t.strictSame((await cancelled.claimed).jobs, [])
    const { jobs } = await f.queue.overClient(connect(t)).claimNext(10, 'w.2')
    t.strictSame(jobs.map(job => job.id), ['a'])
    const ttl = await f.redis.pttl(f.key('cancelledWaits'))
    t.ok(ttl > 50_000 && ttl <= 60_000, `${ttl}`)
    await f.redis.zadd(f.key('cancelledWaits'), 1, 'old')
    await f.queue.cancelWait('w.3')
    t.strictSame((await f.redis.zrange(f.key('cancelledWaits'), 0, '-1')).sort(), ['w.1', 'w.3'])
  })

  t.test('a wait that Redis refuses rejects', async (t) => {
    const f = new QueueFixture(t)
    await f.redis.set(f.key('waiting'), 'no list')
    await t.rejects(f.queue.claimNext(1, 'w.1'), { message: /WRONGTYPE/ })
  })
})
