/**
 * The scripts that write outcomes and progress, through the queue that runs them.
 */
import t from 'tap'
import { until } from '../support/helpers.ts'
import { isAbout, LONG, QueueFixture, text } from '../support/queue-fixture.ts'

t.test('settle', async (t) => {
  t.test('only by the owner, and once', async (t) => {
    const f = new QueueFixture(t)
    await f.add('a')
    await f.claim(1, 'w.10')
    const before = await f.dump()
    for (const token of ['w.1', 'w.2', 'w.100', '', 'w.10 ']) {
      t.strictSame(await f.settle(['a', 'succeeded', LONG, token]), ['lost'], token)
    }
    t.strictSame(await f.dump(), before)
    t.strictSame(await f.settle(['a', 'succeeded', LONG, 'w.10'], ['a', 'failed', LONG, 'w.10']), ['owned', 'lost'])
    t.strictSame(await f.settle(['a', 'retry', 0, 'w.10'], ['nobody', 'drop']), ['lost', 'lost'])
    t.strictSame(await f.state(), { succeeded: ['a'], 'done:succeeded': ['a'], jobs: ['a'] })
    t.strictSame(await f.queue.settle([]), [])
  })

  for (const outcome of ['succeeded', 'failed', 'cancelled', 'expired'] as const) {
    t.test(`${outcome}: writes record, set, expiry and message, and leaves nothing of the claim`, async (t) => {
      const f = new QueueFixture(t)
      await f.add('a', 'b')
      await f.claim(2)
      await f.queue.updateProgress({ id: 'a', token: 'w.1' }, '{}')
      await f.redis.hset(f.key('stalls'), 'a', 1, 'b', 1)
      await f.redis.sadd(f.key('cancelling'), 'a', 'b')
      const events = await f.events(t)
      t.strictSame(await f.settle(['a', outcome], ['b', outcome, 0]), ['owned', 'owned'])
      const set = outcome === 'succeeded' || outcome === 'failed' ? { [outcome]: ['a'] } : {}
      const left = { ...set, [`done:${outcome}`]: ['a'], jobs: ['a'] }
      t.strictSame(await f.state(), left, 'the record of b was to stay for 0 ms')
      t.equal((await f.queue.readTask('a'))!.text, text('a', outcome))
      isAbout(t, await f.score(`done:${outcome}`, 'a'), LONG)
      await until('both messages arrive', () => events.length === 2)
      t.strictSame(events, [`task:a ${outcome}`, `task:b ${outcome}`])
    })
  }

  t.test('retry and defer: the task waits behind the others, or is delayed. defer writes no record', async (t) => {
    const f = new QueueFixture(t)
    await f.add('a', 'b', 'c', 'd', 'e')
    await f.claim(4)
    await f.redis.hset(f.key('stalls'), 'a', 1, 'c', 1)
    const events = await f.events(t)
    const statuses = await f.settle(['a', 'retry', 0], ['b', 'retry', LONG], ['c', 'defer', 0], ['d', 'defer', LONG])
    t.strictSame(statuses, ['owned', 'owned', 'owned', 'owned'])
    const state = { waiting: ['c', 'a', 'e'], delayed: ['b', 'd'], stalls: { c: '1' }, jobs: ['a', 'b', 'c', 'd', 'e'] }
    t.strictSame(await f.state(), state, 'a finished attempt shows that the task does not kill its worker')
    isAbout(t, await f.score('delayed', 'b'), LONG)
    t.strictSame((await f.dump()).jobs, {
      a: text('a', 'retry'), b: text('b', 'retry'), c: text('c'), d: text('d'), e: text('e')
    })
    await until('all messages arrive', () => events.length === 5)
    t.ok(events.includes(`earlierDelayed ${await f.score('delayed', 'b')}`), 'one message with the earliest due time')
  })

  t.test('retry and defer are refused if a cancel was requested', async (t) => {
    const f = new QueueFixture(t)
    await f.add('a')
    await f.claim(1)
    t.equal(await f.queue.cancel('a', text('a'), text('a', 'cancelled'), LONG), 'requested')
    const before = await f.dump()
    const statuses = await f.settle(['a', 'retry', 0], ['a', 'defer', LONG])
    t.strictSame(statuses, ['cancelRequested', 'cancelRequested'])
    t.strictSame(await f.dump(), before)
    t.strictSame(await f.settle(['a', 'cancelled']), ['owned'])
    t.strictSame(await f.state(), { 'done:cancelled': ['a'], jobs: ['a'] })
  })

  t.test('changes of a task that nobody watches are not published', async (t) => {
    const f = new QueueFixture(t)
    await f.queue.watch([], LONG)
    await f.queue.watch(['a', 'b'], LONG)
    t.equal(await f.redis.pttl(f.key('watched')) > LONG, true, 'the key expires')
    await f.redis.del(f.key('watched'))
    await f.add('a', 'b', 'c')
    const events = await f.events(t)
    await f.redis.del(f.key('watched'))
    await f.queue.watch(['b'], LONG)
    await f.claim(3)
    const statuses = await f.settle(['a', 'succeeded'], ['b', 'succeeded'], ['c', 'retry', 0])
    t.strictSame(statuses, ['owned', 'owned', 'owned'])
    await f.redis.publish(f.key('end'), '')
    await until('the last message arrives', () => events.at(-1) === 'end ')
    t.strictSame(events, ['task:b active', 'task:b succeeded', 'end '])
    await f.redis.zadd(f.key('watched'), '1', 'b')
    await f.queue.watch(['c'], LONG)
    t.strictSame(await f.redis.zrange(f.key('watched'), 0, '-1'), ['c'], 'a mark that nobody renewed is removed')
  })

  t.test('a batch with all outcomes, of two claims, in any order', async (t) => {
    const f = new QueueFixture(t)
    await f.add('a', 'b', 'c', 'd', 'e', 'f')
    await f.claim(3)
    await f.claim(2, 'w.2')
    t.strictSame(await f.settle(
      ['e', 'succeeded', LONG, 'w.2'], ['a', 'failed'], ['d', 'succeeded', LONG, 'w.1'], ['c', 'succeeded', 0],
      ['b', 'succeeded', 2 * LONG], ['f', 'succeeded']
    ), ['owned', 'owned', 'lost', 'owned', 'owned', 'lost'])
    t.strictSame(await f.state(), {
      waiting: ['f'],
      claims: { d: 'w.2' },
      failed: ['a'],
      succeeded: ['b', 'e'],
      'done:failed': ['a'],
      'done:succeeded': ['b', 'e'],
      jobs: ['a', 'b', 'd', 'e', 'f']
    })
    isAbout(t, await f.score('done:succeeded', 'b'), 2 * LONG)
  })

  t.test('drop removes the claim, and what belongs to it', async (t) => {
    const f = new QueueFixture(t)
    await f.add('a')
    await f.claim(1)
    await f.redis.hset(f.key('jobs'), 'a', text('a', 'cancelled'))
    const events = await f.events(t)
    await f.redis.hset(f.key('stalls'), 'a', 1)
    await f.redis.sadd(f.key('cancelling'), 'a')
    t.strictSame(await f.settle(['a', 'drop']), ['owned'])
    t.strictSame(await f.dump(), { jobs: { a: text('a', 'cancelled') } })
    await f.redis.publish(f.key('end'), '')
    await until('the last message arrives', () => events.length > 0)
    t.strictSame(events, ['end '])
  })

  t.test('publishes the event that a plain producer waits for', async (t) => {
    const f = new QueueFixture(t)
    await f.add('a')
    await f.claim(1)
    const events = await f.events(t)
    const base = { id: 'a', token: 'w.1', text: text('a'), ms: 1 }
    await f.queue.settle([{ ...base, outcome: 'succeeded', event: '{"id":"a"}' }])
    await until('both messages arrive', () => events.length === 2)
    t.strictSame(events, ['task:a succeeded', 'events {"id":"a"}'])
  })
})

t.test('updateProgress: only by the owner, and removed with the claim', async (t) => {
  const f = new QueueFixture(t)
  await f.add('a')
  await f.claim(1, 'w.10')
  const events = await f.events(t)
  const progress = async (): Promise<unknown> => (await f.queue.readTask('a'))!.live.progress
  for (const token of ['w.1', 'w.2', '']) {
    t.equal(await f.queue.updateProgress({ id: 'a', token }, '{"stage":"no"}'), false)
  }
  t.equal(await progress(), undefined)
  t.equal(await f.queue.updateProgress({ id: 'a', token: 'w.10' }, '{"stage":"X","progress":{"n":1}}'), true)
  t.strictSame(await progress(), { stage: 'X', progress: { n: 1 } })
  await until('the message arrives', () => events.length > 0)
  t.strictSame(events, ['task:a progress'])
  await f.settle(['a', 'retry', 0, 'w.10'])
  t.equal(await progress(), undefined)
  t.equal(await f.queue.updateProgress({ id: 'a', token: 'w.10' }, '{}'), false)
})
