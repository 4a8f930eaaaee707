/**
 * The scripts, through the queue that runs them: claims, and what is given back.
 */
import t from 'tap'
import { connect, until } from '../support/helpers.ts'
import { Bench, held, LONG, range, soon, text } from '../support/queue-fixture.ts'

t.test('claim', async (t) => {
  t.test('takes the oldest first, with their records, for the length of the lease', async (t) => {
    const b = new Bench(t)
    await b.add('a', 'b', 'c')
    const events = await b.events(t)
    const { jobs, now, next } = await b.queue.claim(2, 'w.1', LONG, false)
    t.strictSame(jobs, [{ id: 'a', text: text('a'), token: 'w.1' }, { id: 'b', text: text('b'), token: 'w.1' }])
    t.strictSame(await b.state(), { waiting: ['c'], active: ['b', 'a'], claims: { a: 'w.1', b: 'w.1' }, jobs: ['a', 'b', 'c'] })
    soon(t, now, 0)
    t.equal(next, null)
    t.equal(await b.till('a'), now + LONG)
    t.equal((await b.queue.readTask('a'))!.live.claimedAt, now)
    await until('it is told', () => events.length === 2)
    t.strictSame(events, ['task:a active', 'task:b active'])
    t.strictSame(await b.claim(5, 'w.2'), ['c'])
    t.strictSame(await b.claim(5, 'w.3'), [])
  })

  t.test('gives a task to one of many who ask at once', async (t) => {
    const b = new Bench(t)
    await b.add(...range(1, 60))
    const queues = [b.queue, b.queue.overClient(connect(t)), b.queue.overClient(connect(t))]
    const claims = await Promise.all(Array.from({ length: 30 }, (_, i) => queues[i % 3]!.claim(5, `w.${i}`, LONG, false)))
    t.strictSame(claims.flatMap(claim => claim.jobs.map(job => job.id)).sort(), range(1, 60).sort())
  })

  t.test('asked again with the same token, gives the same tasks and takes no more', async (t) => {
    const b = new Bench(t)
    await b.add(...range(1, 6))
    t.strictSame(await b.claim(2, 'w.10'), ['n1', 'n2'])
    const before = await b.state()
    await b.claimUntil('n1', 1)
    const { jobs } = await b.queue.claim(5, 'w.10', LONG, true)
    t.strictSame(jobs.sort((x, y) => x.id < y.id ? -1 : 1), ['n1', 'n2'].map(id => ({ id, text: text(id), token: 'w.10' })))
    t.strictSame(await b.state(), before)
    for (const id of ['n1', 'n2']) soon(t, await b.till(id), LONG, id)
    t.strictSame(await b.claim(2, 'w.1', LONG, true), ['n3', 'n4'], 'a token that took nothing takes; another one that starts alike is another')
    await b.redis.hdel(b.key('jobs'), 'n1')
    t.equal((await b.queue.claim(0, 'w.10', LONG, true)).jobs.find(job => job.id === 'n1')!.text, null, 'a record that went')
  })

  t.test('moves what is due behind what waits, in the order of its times', async (t) => {
    const b = new Bench(t)
    const due = Date.now() + LONG
    await b.queue.addMany([['late', 3], ['early', 1], ['mid', 2], ['not yet', due]].map(([id, delay]) => ({ id: id as string, text: text('x'), delay: delay as number })))
    await b.add('first')
    const { jobs, next } = await b.queue.claim(0, 'w.1', LONG, false)
    t.strictSame([jobs, next], [[], due])
    t.strictSame(await b.waiting(), ['first', 'early', 'mid', 'late'])
    t.strictSame((await b.state()).delayed, ['not yet'])
    t.strictSame(await b.claim(9), ['first', 'early', 'mid', 'late'])
  })

  t.test('takes a thousand at once, and moves more in as many turns', async (t) => {
    const b = new Bench(t)
    await b.queue.addMany(range(1, 1_001).map((id, i) => ({ id, text: text(id), delay: i + 1 })))
    const first = await b.queue.claim(1_000, 'w.1', LONG, false)
    t.strictSame(first.jobs.map(job => job.id), range(1, 1_000))
    t.equal(first.next, 1_001)
    t.strictSame(await b.claim(1, 'w.2'), ['n1001'])
  })

  t.test('drops an id without a record, and takes one that stands twice once', async (t) => {
    const b = new Bench(t)
    await b.add('gone', 'a')
    await b.redis.hdel(b.key('jobs'), 'gone')
    await b.redis.lpush(b.key('waiting'), 'a')
    t.strictSame(await b.claim(9), ['a'])
    t.strictSame(await b.state(), { active: ['a'], claims: { a: 'w.1' }, jobs: ['a'] })
  })

  t.test('an id that a live claim holds goes to active again, and is not claimed twice', async (t) => {
    const b = new Bench(t)
    await b.add('a', 'b')
    await b.claim(1)
    await b.putBack('a')
    await b.redis.lpush(b.key('active'), 'a')
    t.strictSame(await b.claim(9, 'w.2'), ['b'])
    const { active, claims } = await b.state()
    t.strictSame([active.sort(), claims], [['a', 'b'], { a: 'w.1', b: 'w.2' }])
  })

  t.test('a task whose worker went away comes alone', async (t) => {
    const b = new Bench(t)
    await b.add('a', 'b', 'suspect', 'other suspect', 'c', 'd')
    await b.redis.hset(b.key('stalls'), 'suspect', 1, 'other suspect', 2)
    for (const ids of [['a', 'b'], ['suspect'], ['other suspect'], ['c', 'd'], []]) t.strictSame(await b.claim(9), ids)
  })

  t.test('an id that is not UTF-8 is set aside as failed, and the others are taken', async (t) => {
    const b = new Bench(t)
    const texts = ['é', '€', '😀', '\u{10ffff}', '\ud7ff', '\ue000']
    const broken = [[0x80], [0xc3], [0xc0, 0xaf], [0xe0, 0x80, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xf5, 0x80, 0x80, 0x80], [0x61, 0xff]].map(bytes => Buffer.from(bytes))
    for (const id of [...texts, ...broken]) {
      await b.redis.hset(b.key('jobs'), id, '{}')
      await b.redis.lpush(b.key('waiting'), id)
    }
    t.strictSame(await b.claim(99), texts)
    t.strictSame((await b.redis.smembersBuffer(b.key('failed'))).sort(Buffer.compare), broken.sort(Buffer.compare))
    t.match(JSON.parse((await b.redis.hget(b.key('jobs'), broken[0]!))!), { data: { name: 'unknown' }, status: 'failed', error: { code: 'FST_TASKS_RECORD_INVALID' } })
    soon(t, Number(await b.redis.zscore(b.key('done:failed'), broken[0]!)), 86_400_000)
    t.strictSame(await b.claim(99), [])
  })
})

t.test('release', async (t) => {
  t.test('gives back what is the next to be claimed, in its old order', async (t) => {
    const b = new Bench(t)
    await b.add('a', 'b', 'c', 'd')
    await b.claim(3)
    await b.queue.updateProgress({ id: 'b', token: 'w.1' }, '{"stage":"X"}')
    await b.redis.sadd(b.key('stalling'), 'b')
    const before = (await b.dump()).jobs
    const events = await b.events(t)
    t.strictSame(await b.queue.release(held('b', 'c')), ['owned', 'owned'])
    t.strictSame(await b.state(), { waiting: ['d', 'c', 'b'], active: ['a'], claims: { a: 'w.1' }, jobs: ['a', 'b', 'c', 'd'] })
    t.strictSame((await b.dump()).jobs, before, 'no attempt was spent')
    await until('it is told', () => events.length === 2)
    t.strictSame(events.sort(), ['task:b waiting', 'task:c waiting'])
    t.strictSame(await b.claim(9, 'w.2'), ['b', 'c', 'd'])
  })

  t.test('of the token\'s own only, and not where a cancel was asked for', async (t) => {
    const b = new Bench(t)
    await b.add('a', 'b', 'c')
    await b.claim(2, 'w.1')
    await b.claim(1, 'w.10')
    await b.queue.cancel('a', text('a'), text('a', 'cancelled'), LONG)
    const before = await b.dump()
    t.strictSame(await b.queue.release(held('c', 'a', 'nobody')), ['lost', 'cancelRequested', 'lost'])
    t.strictSame(await b.dump(), before)
    t.strictSame(await b.queue.release(held('c', 'b', 'a')), ['lost', 'owned', 'cancelRequested'])
    t.strictSame(await b.queue.release(held('b')), ['lost'], 'once')
    t.strictSame(await b.waiting(), ['b'])
  })

  t.test('what a plain stall check put back stands there once', async (t) => {
    const b = new Bench(t)
    await b.add('a', 'b')
    await b.claim(1)
    await b.putBack('a')
    t.strictSame(await b.queue.release(held('a')), ['owned'])
    t.strictSame(await b.waiting(), ['a', 'b'])
  })
})

t.test('renew: the owner\'s leases only, and it tells what was lost and what to cancel', async (t) => {
  const b = new Bench(t)
  await b.add('a', 'b', 'c')
  await b.claim(2, 'w.1', 20_000)
  await b.claim(1, 'w.10', 20_000)
  await b.queue.cancel('b', text('b'), text('b', 'cancelled'), LONG)
  await b.redis.sadd(b.key('stalling'), 'a', 'b', 'c')
  const lease = await b.till('c')
  t.strictSame(await b.queue.renew(LONG, held('a', 'b', 'c', 'nobody')), ['owned', 'cancelRequested', 'lost', 'lost'])
  for (const id of ['a', 'b']) soon(t, await b.till(id), LONG, id)
  t.equal(await b.till('c'), lease)
  t.strictSame(await b.state(), { active: ['c', 'b', 'a'], claims: { a: 'w.1', b: 'w.1', c: 'w.10' }, stalling: ['c'], cancelling: ['b'], jobs: ['a', 'b', 'c'] })
})
