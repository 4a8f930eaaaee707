/**
 * The scripts, through the queue that runs them: outcomes and progress.
 */
import t from 'tap'
import { until } from '../support/helpers.ts'
import { Bench, LONG, soon, text } from '../support/queue-fixture.ts'

t.test('settle', async (t) => {
  t.test('by the owner only, and once', async (t) => {
    const b = new Bench(t)
    await b.add('a')
    await b.claim(1, 'w.10')
    const before = await b.dump()
    for (const token of ['w.1', 'w.2', 'w.100', '', 'w.10 ']) t.strictSame(await b.settle(['a', 'succeeded', LONG, token]), ['lost'], token)
    t.strictSame(await b.dump(), before)
    t.strictSame(await b.settle(['a', 'succeeded', LONG, 'w.10'], ['a', 'failed', LONG, 'w.10']), ['owned', 'lost'])
    t.strictSame(await b.settle(['a', 'retry', 0, 'w.10'], ['nobody', 'drop']), ['lost', 'lost'])
    t.strictSame(await b.state(), { succeeded: ['a'], 'done:succeeded': ['a'], jobs: ['a'] })
  })

  for (const outcome of ['succeeded', 'failed', 'cancelled', 'expired'] as const) {
    t.test(`${outcome}: record, set, expiry and event, and nothing of the claim is left`, async (t) => {
      const b = new Bench(t)
      await b.add('a', 'b')
      await b.claim(2)
      await b.queue.updateProgress({ id: 'a', token: 'w.1' }, '{}')
      await b.redis.hset(b.key('stalls'), 'a', 1, 'b', 1)
      await b.redis.sadd(b.key('stalling'), 'a', 'b')
      await b.redis.sadd(b.key('cancelling'), 'a', 'b')
      const events = await b.events(t)
      t.strictSame(await b.settle(['a', outcome], ['b', outcome, 0]), ['owned', 'owned'])
      const kept = outcome === 'succeeded' || outcome === 'failed' ? { [outcome]: ['a'] } : {}
      t.strictSame(await b.state(), { ...kept, [`done:${outcome}`]: ['a'], jobs: ['a'] }, 'b: a record that is not to stay goes at once')
      t.equal((await b.queue.readTask('a'))!.text, text('a', outcome))
      soon(t, await b.score(`done:${outcome}`, 'a'), LONG)
      await until('it is told', () => events.length === 2)
      t.strictSame(events, [`task:a ${outcome}`, `task:b ${outcome}`])
    })
  }

  t.test('retry and defer: behind the others, or delayed; defer writes no record', async (t) => {
    const b = new Bench(t)
    await b.add('a', 'b', 'c', 'd', 'e')
    await b.claim(4)
    await b.redis.hset(b.key('stalls'), 'a', 1, 'c', 1)
    const events = await b.events(t)
    t.strictSame(await b.settle(['a', 'retry', 0], ['b', 'retry', LONG], ['c', 'defer', 0], ['d', 'defer', LONG]), ['owned', 'owned', 'owned', 'owned'])
    t.strictSame(await b.state(), { waiting: ['c', 'a', 'e'], delayed: ['b', 'd'], stalls: { c: '1' }, jobs: ['a', 'b', 'c', 'd', 'e'] }, 'an attempt that ended shows that the task ends no worker')
    soon(t, await b.score('delayed', 'b'), LONG)
    t.strictSame((await b.dump()).jobs, { a: text('a', 'retry'), b: text('b', 'retry'), c: text('c'), d: text('d'), e: text('e') })
    await until('it is told', () => events.length === 5)
    t.ok(events.includes(`earlierDelayed ${await b.score('delayed', 'b')}`), 'in Bee-Queue\'s words, once, with the earliest time')
  })

  t.test('retry and defer are refused once a cancel was asked for', async (t) => {
    const b = new Bench(t)
    await b.add('a')
    await b.claim(1)
    t.equal(await b.queue.cancel('a', text('a'), text('a', 'cancelled'), LONG), 'requested')
    const before = await b.dump()
    t.strictSame(await b.settle(['a', 'retry', 0], ['a', 'defer', LONG]), ['cancelRequested', 'cancelRequested'])
    t.strictSame(await b.dump(), before)
    t.strictSame(await b.settle(['a', 'cancelled']), ['owned'])
    t.strictSame(await b.state(), { 'done:cancelled': ['a'], jobs: ['a'] })
  })

  t.test('of a task that nobody watches nothing is published', async (t) => {
    const b = new Bench(t)
    await b.queue.watch(['a', 'b'], LONG)
    t.equal(await b.redis.pttl(b.key('watched')) > LONG, true, 'the key goes by itself')
    await b.redis.del(b.key('watched'))
    await b.add('a', 'b', 'c')
    const events = await b.events(t)
    await b.redis.del(b.key('watched'))
    await b.queue.watch(['b'], LONG)
    await b.claim(3)
    t.strictSame(await b.settle(['a', 'succeeded'], ['b', 'succeeded'], ['c', 'retry', 0]), ['owned', 'owned', 'owned'])
    await b.redis.publish(b.key('end'), '')
    await until('the end is told', () => events.at(-1) === 'end ')
    t.strictSame(events, ['task:b active', 'task:b succeeded', 'end '])
    await b.redis.zadd(b.key('watched'), '1', 'b')
    await b.queue.watch(['c'], LONG)
    t.strictSame(await b.redis.zrange(b.key('watched'), 0, '-1'), ['c'], 'a mark that nobody renewed has gone')
  })

  t.test('a batch of all kinds, of two claims, in any order', async (t) => {
    const b = new Bench(t)
    await b.add('a', 'b', 'c', 'd', 'e', 'f')
    await b.claim(3)
    await b.claim(2, 'w.2')
    t.strictSame(await b.settle(
      ['e', 'succeeded', LONG, 'w.2'], ['a', 'failed'], ['d', 'succeeded', LONG, 'w.1'], ['c', 'succeeded', 0], ['b', 'succeeded', 2 * LONG], ['f', 'succeeded']
    ), ['owned', 'owned', 'lost', 'owned', 'owned', 'lost'])
    t.strictSame(await b.state(), {
      waiting: ['f'], active: ['d'], claims: { d: 'w.2' }, failed: ['a'], succeeded: ['b', 'e'], 'done:failed': ['a'], 'done:succeeded': ['b', 'e'], jobs: ['a', 'b', 'd', 'e', 'f']
    })
    soon(t, await b.score('done:succeeded', 'b'), 2 * LONG)
  })

  t.test('an id that stands in active twice hides no other', async (t) => {
    const b = new Bench(t)
    await b.add('a', 'b')
    await b.claim(2)
    await b.redis.rpush(b.key('active'), 'a')
    t.strictSame(await b.settle(['a', 'succeeded'], ['b', 'succeeded']), ['owned', 'owned'])
    t.strictSame((await b.state()).active, ['a'], 'b has gone')
  })

  t.test('drop takes the claim away, and what goes with it', async (t) => {
    const b = new Bench(t)
    await b.add('a')
    await b.claim(1)
    await b.redis.hset(b.key('jobs'), 'a', text('a', 'cancelled'))
    const events = await b.events(t)
    await b.redis.hset(b.key('stalls'), 'a', 1)
    await b.redis.sadd(b.key('cancelling'), 'a')
    t.strictSame(await b.settle(['a', 'drop']), ['owned'])
    t.strictSame(await b.dump(), { jobs: { a: text('a', 'cancelled') } })
    await b.redis.publish(b.key('end'), '')
    await until('the end is told', () => events.length > 0)
    t.strictSame(events, ['end '])
  })

  t.test('a task that a plain stall check put back is not run again', async (t) => {
    const b = new Bench(t)
    await b.add('a', 'b')
    await b.claim(1)
    await b.putBack('a')
    t.strictSame(await b.settle(['a', 'succeeded']), ['owned'])
    t.strictSame(await b.waiting(), ['b'])
  })

  t.test('publishes the event that a plain producer waits for', async (t) => {
    const b = new Bench(t)
    await b.add('a')
    await b.claim(1)
    const events = await b.events(t)
    await b.queue.settle([{ id: 'a', token: 'w.1', outcome: 'succeeded', text: text('a'), ms: 1, event: '{"id":"a"}' }])
    await until('both are told', () => events.length === 2)
    t.strictSame(events, ['task:a succeeded', 'events {"id":"a"}'])
  })
})

t.test('update: by the owner only, and gone with the claim', async (t) => {
  const b = new Bench(t)
  await b.add('a')
  await b.claim(1, 'w.10')
  const events = await b.events(t)
  for (const token of ['w.1', 'w.2', '']) t.equal(await b.queue.updateProgress({ id: 'a', token }, '{"stage":"no"}'), false)
  t.equal((await b.queue.readTask('a'))!.live.progress, undefined)
  t.equal(await b.queue.updateProgress({ id: 'a', token: 'w.10' }, '{"stage":"X","progress":{"n":1}}'), true)
  t.strictSame((await b.queue.readTask('a'))!.live.progress, { stage: 'X', progress: { n: 1 } })
  await until('it is told', () => events.length > 0)
  t.strictSame(events, ['task:a progress'])
  await b.settle(['a', 'retry', 0, 'w.10'])
  t.equal((await b.queue.readTask('a'))!.live.progress, undefined)
  t.equal(await b.queue.updateProgress({ id: 'a', token: 'w.10' }, '{}'), false)
})
