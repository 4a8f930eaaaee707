/**
 * The scripts that claim, release and renew, through the queue that runs them.
 */
import t from 'tap'
import { connect, until } from '../support/helpers.ts'
import { claimsOf, isAbout, LONG, QueueFixture, range, text } from '../support/queue-fixture.ts'

t.test('claim', async (t) => {
  t.test('takes the oldest tasks first, with their records, and renews the lease of the worker', async (t) => {
    const f = new QueueFixture(t)
    await f.add('a', 'b', 'c')
    const events = await f.events(t)
    const { jobs, now } = await f.queue.claim(2, 'w.1', false)
    t.strictSame(jobs, ['a', 'b'].map(id => ({ id, text: text(id), token: 'w.1' })))
    const claims = { a: 'w.1', b: 'w.1' }
    t.strictSame(await f.state(), { waiting: ['c'], claims, jobs: ['a', 'b', 'c'] })
    isAbout(t, now, 0)
    t.strictSame(await f.redis.zrange(f.key('leases'), 0, '-1'), ['w'])
    t.equal((await f.queue.readTask('a'))!.live.claimedAt, now)
    await until('both messages arrive', () => events.length === 2)
    t.strictSame(events, ['task:a active', 'task:b active'])
    t.strictSame(await f.claim(5, 'w.2'), ['c'])
    t.strictSame(await f.claim(5, 'w.3'), [])
  })

  t.test('gives a task to one of many workers that ask at once', async (t) => {
    const f = new QueueFixture(t)
    await f.add(...range(1, 60))
    const queues = [f.queue, f.queue.overClient(connect(t)), f.queue.overClient(connect(t))]
    const claim = (_: unknown, i: number): Promise<{ jobs: Array<{ id: string }> }> =>
      queues[i % 3]!.claim(5, `w.${i}`, false)
    const claims = await Promise.all(Array.from({ length: 30 }, claim))
    t.strictSame(claims.flatMap(({ jobs }) => jobs.map(job => job.id)).sort(), range(1, 60).sort())
  })

  t.test('called again with the same token, gives the same tasks and no more', async (t) => {
    const f = new QueueFixture(t)
    await f.add(...range(1, 6))
    t.strictSame(await f.claim(2, 'w.10'), ['n1', 'n2'])
    const before = await f.state()
    const { jobs } = await f.queue.claim(5, 'w.10', true)
    const same = ['n1', 'n2'].map(id => ({ id, text: text(id), token: 'w.10' }))
    t.strictSame(jobs.sort((x, y) => x.id < y.id ? -1 : 1), same)
    t.strictSame(await f.state(), before)
    await f.redis.hdel(f.key('jobs'), 'n1')
    const again = await f.queue.claim(0, 'w.10', true)
    t.equal(again.jobs.find(job => job.id === 'n1')!.text, null, 'a record that was removed meanwhile')
    t.strictSame(await f.claim(2, 'w.1', true), ['n3', 'n4'], 'a token that claimed nothing, and begins alike')
    await f.redis.hset(f.key('lastClaims'), 'w now', 'garbage')
    t.strictSame(await f.claim(1, 'w.1', true), ['n5'])
  })

  t.test('takes up to a thousand tasks', async (t) => {
    const f = new QueueFixture(t)
    for (const from of [1, 501, 1_001]) await f.add(...range(from, from + 499))
    t.strictSame(await f.claim(1_000), range(1, 1_000))
  })

  t.test('drops an id without a record, and takes an id that is in the list twice once', async (t) => {
    const f = new QueueFixture(t)
    await f.add('gone', 'a')
    await f.redis.hdel(f.key('jobs'), 'gone')
    await f.redis.lpush(f.key('waiting'), 'a')
    t.strictSame(await f.claim(9), ['a'])
    t.strictSame(await f.state(), { claims: { a: 'w.1' }, jobs: ['a'] })
  })

  t.test('an id that is claimed already is not claimed twice', async (t) => {
    const f = new QueueFixture(t)
    await f.add('a', 'b')
    await f.claim(1)
    await f.redis.rpush(f.key('waiting'), 'a')
    t.strictSame(await f.claim(9, 'w.2'), ['b'])
    t.strictSame(await f.state(), { claims: { a: 'w.1', b: 'w.2' }, jobs: ['a', 'b'] })
  })

  t.test('a task that stalled before is claimed alone', async (t) => {
    const f = new QueueFixture(t)
    await f.add('a', 'b', 'stalled', 'also stalled', 'c', 'd')
    await f.redis.hset(f.key('stalls'), 'stalled', 1, 'also stalled', 2)
    for (const ids of [['a', 'b'], ['stalled'], ['also stalled'], ['c', 'd'], []]) t.strictSame(await f.claim(9), ids)
  })

  t.test('says how often its task stalled, also when it is called again', async (t) => {
    const f = new QueueFixture(t)
    await f.add('a', 'stalled')
    await f.redis.hset(f.key('stalls'), 'stalled', 2)
    const [first, second, again, cancelled] = [
      await f.queue.claim(9, 'w.1', false), await f.queue.claim(9, 'w.2', false),
      await f.queue.claim(9, 'w.2', true), await f.queue.cancelWait('w.2')
    ]
    t.strictSame(first.jobs, [{ id: 'a', text: text('a'), token: 'w.1' }])
    for (const { jobs } of [second, again, cancelled]) {
      t.strictSame(jobs, [{ id: 'stalled', text: text('stalled'), token: 'w.2', stalls: 2 }])
    }
  })

  t.test('an id that is not UTF-8 is set aside as failed, and the others are claimed', async (t) => {
    const f = new QueueFixture(t)
    const texts = ['é', '€', '😀', '\u{10ffff}', '\ud7ff', '\ue000']
    const broken = [
      [0x80], [0xc3], [0xc0, 0xaf], [0xe0, 0x80, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80],
      [0xf5, 0x80, 0x80, 0x80], [0x61, 0xff]
    ].map(bytes => Buffer.from(bytes))
    for (const id of [...texts, ...broken]) {
      await f.redis.hset(f.key('jobs'), id, '{}')
      await f.redis.lpush(f.key('waiting'), id)
    }
    t.strictSame(await f.claim(99), texts)
    t.strictSame((await f.redis.smembersBuffer(f.key('failed'))).sort(Buffer.compare), broken.sort(Buffer.compare))
    const record = JSON.parse((await f.redis.hget(f.key('jobs'), broken[0]!))!)
    t.match(record, { data: { name: 'unknown' }, status: 'failed', error: { code: 'FST_TASKS_RECORD_INVALID' } })
    isAbout(t, Number(await f.redis.zscore(f.key('done:failed'), broken[0]!)), 86_400_000)
    t.strictSame(await f.claim(99), [])
  })
})

t.test('release', async (t) => {
  t.test('released tasks are the next to be claimed, in their old order', async (t) => {
    const f = new QueueFixture(t)
    await f.add('a', 'b', 'c', 'd')
    await f.claim(3)
    await f.queue.updateProgress({ id: 'b', token: 'w.1' }, '{"stage":"X"}')
    const before = (await f.dump()).jobs
    const events = await f.events(t)
    t.strictSame(await f.queue.release(claimsOf('b', 'c')), ['owned', 'owned'])
    const jobs = ['a', 'b', 'c', 'd']
    t.strictSame(await f.state(), { waiting: ['d', 'c', 'b'], claims: { a: 'w.1' }, jobs })
    t.strictSame((await f.dump()).jobs, before, 'no attempt was spent')
    await until('both messages arrive', () => events.length === 2)
    t.strictSame(events.sort(), ['task:b waiting', 'task:c waiting'])
    t.strictSame(await f.claim(9, 'w.2'), ['b', 'c', 'd'])
  })

  t.test('only claims of the token, and not if a cancel was requested', async (t) => {
    const f = new QueueFixture(t)
    await f.add('a', 'b', 'c')
    await f.claim(2, 'w.1')
    await f.claim(1, 'w.10')
    await f.queue.cancel('a', text('a'), text('a', 'cancelled'), LONG)
    const before = await f.dump()
    t.strictSame(await f.queue.release(claimsOf('c', 'a', 'nobody')), ['lost', 'cancelRequested', 'lost'])
    t.strictSame(await f.dump(), before)
    t.strictSame(await f.queue.release(claimsOf('c', 'b', 'a')), ['lost', 'owned', 'cancelRequested'])
    t.strictSame(await f.queue.release(claimsOf('b')), ['lost'], 'once')
    t.strictSame(await f.waiting(), ['b'])
  })
})

t.test('checkClaims: says what is owned, lost, or to be cancelled, and changes nothing', async (t) => {
  const f = new QueueFixture(t)
  await f.add('a', 'b', 'c')
  await f.claim(2, 'w.1')
  await f.claim(1, 'w.10')
  await f.queue.cancel('b', text('b'), text('b', 'cancelled'), LONG)
  const before = await f.dump()
  const statuses = await f.queue.checkClaims(claimsOf('a', 'b', 'c', 'nobody'))
  t.strictSame(statuses, ['owned', 'cancelRequested', 'lost', 'lost'])
  t.strictSame(await f.queue.checkClaims([]), [])
  t.strictSame(await f.dump(), before)
})

t.test('renew: says whether the lease was in force, and whether any cancel was requested', async (t) => {
  const f = new QueueFixture(t)
  t.strictSame(await f.queue.renew('w', 1), { kept: false, cancels: false }, 'the first lease')
  t.strictSame(await f.queue.renew('w', 1), { kept: true, cancels: false })
  await f.add('a')
  await f.claim(1)
  await f.queue.cancel('a', text('a'), text('a', 'cancelled'), LONG)
  t.strictSame(await f.queue.renew('w', 1), { kept: true, cancels: true })
  await f.expireLease()
  t.match(await f.queue.renew('w', 1), { kept: false })
  await f.add('b', 'c')
  t.equal((await f.queue.claim(1, 'w.2', false)).kept, true)
  await f.expireLease()
  t.equal((await f.queue.claim(1, 'w.3', false)).kept, false, 'a claim renews the lease too, and says what it found')
  t.match(await f.queue.renew('w', 1), { kept: true })
  await f.redis.zadd(f.key('leases'), 1e12, 'w')
  t.match(await f.queue.renew('w', 1), { kept: false }, 'a tick that was never counted')
})
