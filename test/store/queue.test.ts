/**
 * The scripts, through the queue that runs them: records that are read, adopted and removed; waiting for work.
 */
import t from 'tap'
import { connect, until } from '../support/helpers.ts'
import { Bench, LONG, range, soon, text } from '../support/queue-fixture.ts'

t.test('prune', async (t) => {
  const states = ['succeeded', 'failed', 'cancelled', 'expired'] as const

  t.test('removes what is past its time, and all else of those ids', async (t) => {
    const b = new Bench(t)
    await b.add(...states, 'waiting', 'stays')
    await b.claim(4)
    await b.settle(...states.map(state => [state, state, 1] as [string, typeof state, number]))
    t.equal(await b.queue.cancel('waiting', text('waiting'), text('waiting', 'cancelled'), 1), 'cancelled')
    await b.claim(1)
    await b.settle(['stays', 'failed', LONG])
    await until('their time passes', async () => await b.queue.upkeep.prune(1_000) === 0 && await b.redis.hlen(b.key('jobs')) === 1)
    t.strictSame(await b.state(), { failed: ['stays'], 'done:failed': ['stays'], jobs: ['stays'] })
    await b.redis.zadd(b.key('done:failed'), 1, 'stays')
    t.equal(await b.queue.upkeep.prune(1_000), 1)
    t.strictSame(await b.dump(), {}, 'no key is left')
  })

  t.test('takes the oldest first, so many of each state', async (t) => {
    const b = new Bench(t)
    for (const state of ['failed', 'cancelled']) {
      for (const i of [3, 1, 2]) {
        await b.redis.hset(b.key('jobs'), `${state}${i}`, '{}')
        await b.redis.zadd(b.key(`done:${state}`), i, `${state}${i}`)
        if (state === 'failed') await b.redis.sadd(b.key(state), `${state}${i}`)
      }
    }
    t.equal(await b.queue.upkeep.prune(2), 4)
    t.strictSame(await b.state(), { 'done:cancelled': ['cancelled3'], 'done:failed': ['failed3'], failed: ['failed3'], jobs: ['cancelled3', 'failed3'] })
  })

  t.test('leaves a task that a plain Bee-Queue queued again', async (t) => {
    const b = new Bench(t)
    await b.add('a')
    await b.claim(1)
    await b.settle(['a', 'failed'])
    await b.redis.multi().srem(b.key('failed'), 'a').lpush(b.key('waiting'), 'a').exec() // its job.retry()
    await b.redis.zadd(b.key('done:failed'), 1, 'a')
    await b.queue.upkeep.prune(1_000)
    t.strictSame(await b.claim(1, 'w.2'), ['a'])
  })
})

t.test('adopt gives what plain workers ended an expiry, page by page, once', async (t) => {
  const b = new Bench(t)
  const ids = range(1, 2_000)
  await b.redis.sadd(b.key('succeeded'), 'mine', ...ids)
  await b.redis.hset(b.key('jobs'), ...ids.flatMap(id => [id, '{}']))
  await b.redis.zadd(b.key('done:succeeded'), 5, 'mine')
  let [cursor, pages] = ['0', 0]
  do {
    cursor = await b.queue.upkeep.expireForeign('succeeded', cursor, LONG)
    pages++
  } while (cursor !== '0')
  t.ok(pages > 1 && pages < 20, `${pages} pages`)
  t.equal(await b.redis.zcard(b.key('done:succeeded')), 2_001)
  t.equal(await b.score('done:succeeded', 'mine'), 5, 'ours keeps its own')
  soon(t, await b.score('done:succeeded', 'n1'), LONG)
  const before = await b.score('done:succeeded', 'n1')
  t.equal(await b.queue.upkeep.expireForeign('succeeded', '0', 2 * LONG), '0')
  t.equal(await b.score('done:succeeded', 'n1'), before)
  t.equal(await b.queue.upkeep.expireForeign('failed', '0', LONG), '0', 'nothing to adopt')
})

t.test('read tells where a task is', async (t) => {
  const b = new Bench(t)
  const due = Date.now() + LONG
  await b.add('held', 'claimed', 'waiting')
  await b.queue.add({ id: 'delayed', text: text('delayed'), delay: due })
  await b.hold()
  const { now } = await b.queue.claim(1, 'w.1', LONG, false)
  const lives = { held: { held: true }, claimed: { claimedAt: now }, waiting: {}, delayed: { delayedTo: due } }
  for (const [id, live] of Object.entries(lives)) t.strictSame(await b.queue.readTask(id), { text: text(id), raw: Buffer.from(text(id)), live }, id)
  t.equal(await b.queue.readTask('nobody'), null)
  for (const garbage of ['x', 'null', '']) {
    await b.redis.hset(b.key('progress'), 'claimed', garbage)
    t.strictSame((await b.queue.readTask('claimed'))!.live.progress, undefined, garbage)
  }
})

t.test('claimNext waits for one task, and claims it', async (t) => {
  const b = new Bench(t)
  const next = async (token: string, seconds = 10, client = connect(t)): Promise<string[]> => (await b.queue.overClient(client).claimNext(seconds, token, LONG))!.jobs.map(job => job.id)
  t.strictSame(await next('w.1', 0.05), [], 'none came')
  const waits = [next('w.2'), next('x.1')]
  await until('both wait', async () => /blocked_clients:2/.test(await b.redis.info('clients')))
  await b.add('a')
  t.strictSame((await Promise.all(waits)).flat(), ['a'], 'all wake, and one gets it')
  await b.add('b', 'c')
  t.strictSame(await next('w.3'), ['b'], 'one at a time')
  t.equal((await b.redis.lrange(b.key('waiting'), 0, -1)).join(), 'c')
  await b.queue.add({ id: 'due', text: text('due'), delay: 1 })
  await b.claim(1, 'w.4')
  t.strictSame(await next('w.5', 0.05), ['due'], 'what is due when the wait ends')
  await b.add(...range(1, 300), 'last', 'and one more')
  await b.redis.hdel(b.key('jobs'), ...range(1, 300))
  t.strictSame(await next('w.6'), ['last'], 'past what only stands in the list')
})

t.test('revoke', async (t) => {
  t.test('gives what the wait\'s claim took', async (t) => {
    const b = new Bench(t)
    await b.add('a')
    await b.queue.overClient(connect(t)).claimNext(1, 'w.1', LONG)
    t.strictSame((await b.queue.cancelWait('w.1', LONG)).jobs, [{ id: 'a', text: text('a'), token: 'w.1' }])
    t.strictSame((await b.queue.cancelWait('w.2', LONG)).jobs, [])
  })

  t.test('for a whole lease', async (t) => {
    const b = new Bench(t)
    await b.add('a')
    await b.queue.overClient(connect(t)).claimNext(1, 'w.1', LONG)
    await b.claimUntil('a', Date.now() + 50)
    await b.queue.cancelWait('w.1', LONG)
    soon(t, await b.till('a'), LONG)
  })

  t.test('a wait that goes on takes nothing any more; others do, and the mark goes by itself', async (t) => {
    const b = new Bench(t)
    const ghost = b.queue.overClient(connect(t)).claimNext(10, 'w.1', LONG)
    await until('it waits', async () => /blocked_clients:1/.test(await b.redis.info('clients')))
    t.strictSame((await b.queue.cancelWait('w.1', LONG)).jobs, [])
    await b.add('a')
    t.strictSame((await ghost)!.jobs, [])
    t.strictSame((await b.queue.overClient(connect(t)).claimNext(10, 'w.2', LONG))!.jobs.map(job => job.id), ['a'])
    const ttl = await b.redis.pttl(b.key('cancelledWaits'))
    t.ok(ttl > 50_000 && ttl <= 60_000, `${ttl}`)
    await b.redis.zadd(b.key('cancelledWaits'), 1, 'old')
    await b.queue.cancelWait('w.3', LONG)
    t.strictSame((await b.redis.zrange(b.key('cancelledWaits'), 0, '-1')).sort(), ['w.1', 'w.3'])
  })

  t.test('a wait that cannot wait tells so', async (t) => {
    const b = new Bench(t)
    await b.redis.set(b.key('waiting'), 'no list')
    await t.rejects(b.queue.claimNext(1, 'w.1', LONG), { message: /WRONGTYPE/ })
  })
})
