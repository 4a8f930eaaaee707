/**
 * Limits in Redis: a slot is taken when an id enters `waiting`, and freed on every exit of its task.
 */
import t, { type Test } from 'tap'
import { until } from '../support/helpers.ts'
import { LONG, QueueFixture, range, text } from '../support/queue-fixture.ts'
import type { Settlement } from '../../lib/store/contract.ts'

const LANE = 'a k'

/** A queue with a lane: a has its only slot, b and c wait for it. */
async function withLane (t: Test, max = 1, ...ids: string[]): Promise<QueueFixture> {
  const f = new QueueFixture(t)
  await f.queue.lanes.declare('a', max, 1)
  await add(f, ...ids.length > 0 ? ids : ['a', 'b', 'c'])
  return f
}

const add = (f: QueueFixture, ...ids: string[]): Promise<boolean[]> =>
  f.queue.addMany(ids.map(id => ({ id, text: text(id), lane: LANE })))

const slots = async (f: QueueFixture): Promise<string[]> => (await f.redis.smembers(f.key(`slots:${LANE}`))).sort()

/** The list of the lane, the oldest first. */
const parked = async (f: QueueFixture): Promise<string[]> =>
  (await f.redis.lrange(f.key(`lane:${LANE}`), 0, -1)).reverse()

const settle = (f: QueueFixture, id: string, settlement: Partial<Settlement>): Promise<unknown> =>
  f.queue.settle([{ id, token: 'w.1', outcome: 'succeeded', text: text(id), ms: LONG, lane: LANE, ...settlement }])

/** Looks at all lanes, as if five seconds had passed. */
async function sweep (f: QueueFixture): Promise<void> {
  await f.redis.zadd(f.key('lanes'), 'XX', 1, LANE)
  await f.upkeep.sweepLanes()
}

/** Lets delayed tasks come due, and makes a look of a timekeeper. */
async function passDelay (f: QueueFixture, id: string): Promise<void> {
  await f.redis.zadd(f.key('delayed'), 'XX', 1, id)
  await f.upkeep.queueDue('w')
}

t.test('as many tasks of a lane as its limit are in waiting, the others behind it, in their order', async t => {
  const f = await withLane(t, 2, 'a', 'b', 'c', 'd')
  t.strictSame(await f.waiting(), ['a', 'b'])
  t.strictSame((await f.queue.pageOf('waiting', 3)).ids, ['a', 'b', 'c'])
  t.strictSame((await f.queue.pageOf('waiting', 3, { id: 'c', place: 2 })).ids, ['d'])
  t.equal((await f.queue.counts()).waiting, 4)
  t.strictSame(await f.queue.lanes.read(LANE), {
    lane: LANE, used: 2, waiting: 2, max: 2, rates: [], opensAt: null, holder: null, common: null
  })
  t.match(await f.queue.readTask('c'), { live: { gated: true } })
  t.notOk((await f.queue.readTask('b'))!.live.gated)
  await f.queue.add({ id: 'free', text: text('free') })
  t.strictSame(await f.claim(9), ['a', 'b', 'free'], 'a task without a limit passes')
  await settle(f, 'b', {})
  t.strictSame(await f.waiting(), ['c'])
  await settle(f, 'a', { outcome: 'failed' })
  t.strictSame([await f.waiting(), await slots(f)], [['c', 'd'], ['c', 'd']])
  t.strictSame(await add(f, 'a', 'd'), [false, false], 'an id that is taken changes nothing')
})

t.test('the next of a lane is claimed in the step that ends the one before: no worker that waits hears it', async t => {
  const f = await withLane(t)
  await f.claim(1)
  const wait = await f.wait(t, 'other.1')
  const ended: Settlement = { id: 'a', token: 'w.1', outcome: 'succeeded', text: text('a'), ms: LONG, lane: LANE }
  const { settled, claimed } = f.queue.settleAndClaim([ended], 3, 'w.2')
  t.strictSame(await settled, ['owned'])
  t.match(await claimed, { jobs: [{ id: 'b', token: 'w.2' }], more: false, kept: true })
  t.strictSame(await slots(f), ['b'])
  await f.queue.add({ id: 'free', text: text('free') })
  t.match((await wait.claimed).jobs, [{ id: 'free' }])
})

t.test('an error of the claim does not undo what is settled with it, and does not hide it', async t => {
  const f = await withLane(t)
  await f.claim(1)
  await f.redis.set(f.key('low'), 'no list')
  const ended: Settlement = { id: 'a', token: 'w.1', outcome: 'succeeded', text: text('a'), ms: LONG, lane: LANE }
  const { settled, claimed } = f.queue.settleAndClaim([ended], 3, 'w.2')
  await t.rejects(claimed, /WRONGTYPE/)
  t.strictSame([await settled, await slots(f)], [['owned'], ['b']])
})

const exits: Record<string, (f: QueueFixture) => Promise<unknown>> = {
  succeeded: async f => settle(f, 'a', {}),
  failed: async f => settle(f, 'a', { outcome: 'failed' }),
  cancelled: async f => settle(f, 'a', { outcome: 'cancelled' }),
  expired: async f => settle(f, 'a', { outcome: 'expired' }),
  'removed at its end': async f => settle(f, 'a', { ms: 0 }),
  dropped: async f => settle(f, 'a', { outcome: 'drop' }),
  'waits for its next attempt': async f => settle(f, 'a', { outcome: 'retry' }),
  deferred: async f => settle(f, 'a', { outcome: 'defer' })
}
for (const [how, end] of Object.entries(exits)) {
  t.test(`the end of a running task frees its slot for the next: ${how}`, async t => {
    const f = await withLane(t)
    await f.claim(9)
    await end(f)
    t.strictSame([await f.waiting(), await slots(f)], [['b'], ['b']])
  })
}

const others: Record<string, (f: QueueFixture) => Promise<unknown>> = {
  'a cancel': f => f.queue.cancel('a', text('a'), text('a', 'cancelled'), LONG, LANE),
  'a removal': f => f.queue.remove('a', '', LANE)
}
for (const [how, end] of Object.entries(others)) {
  t.test(`${how} of a waiting task frees its slot; of one that waits for a slot it takes it out`, async t => {
    const f = await withLane(t)
    t.ok(await end(f))
    t.strictSame([await f.waiting(), await slots(f)], [['b'], ['b']])
    await add(f, 'd')
    if (how === 'a cancel') await f.queue.cancel('c', text('c'), text('c', 'cancelled'), LONG, LANE)
    else await f.queue.remove('c', '', LANE)
    t.equal((await f.queue.counts()).waiting, 2)
    await f.claim(9)
    await settle(f, 'b', {})
    t.strictSame(await f.waiting(), ['d'])
  })
}

t.test('a purge takes out what waits for a slot too, and leaves no slot behind', async t => {
  const f = await withLane(t, 2, ...range(1, 20))
  let [removed, after] = [0, undefined as any]
  do {
    const reply = await f.queue.purge(6, { after })
    removed += reply.removed
    after = reply.after
  } while (after)
  t.equal(removed, 20)
  await f.claim(9)
  t.strictSame(await f.state(), { limits: { a: '2 1' }, jobs: [] })
})

// What frees no slot by itself. A look at the lane finds it.
const unseen: Record<string, (f: QueueFixture) => Promise<unknown>> = {
  'a plain Bee-Queue worker ended it': async f => {
    await f.takeAsBeeQueue()
    await f.redis.multi().lrem(f.key('active'), 0, 'a').sadd(f.key('succeeded'), 'a').exec()
  },
  'its record was deleted by hand': f => f.redis.hdel(f.key('jobs'), 'a'),
  'a worker of an older version settled it': async f => {
    await f.claim(1)
    await f.settle(['a', 'failed'])
  },
  'its record was removed while it stalled': async f => {
    await f.claim(1)
    await f.redis.hdel(f.key('jobs'), 'a')
    await f.expireLease()
    await f.sweep()
  }
}
for (const [how, end] of Object.entries(unseen)) {
  t.test(`a slot is freed by a look at its lane: ${how}`, async t => {
    const f = await withLane(t)
    await end(f)
    t.strictSame(await slots(f), ['a'])
    await sweep(f)
    t.strictSame(await slots(f), ['b'])
    t.ok((await f.waiting()).includes('b'))
  })
}

t.test('a task that is released or stalls keeps its slot', async t => {
  const f = await withLane(t)
  await f.claim(1)
  await f.queue.release([{ id: 'a', token: 'w.1' }])
  t.strictSame([await f.waiting(), await slots(f)], [['a'], ['a']])
  await f.claim(1)
  await f.expireLease()
  t.strictSame((await f.sweep()).requeued, ['a'])
  await sweep(f)
  t.strictSame([await f.waiting(), await slots(f)], [['a'], ['a']])
})

t.test('a delayed task takes a slot when it is due; a retry behind those that wait', async t => {
  const f = await withLane(t)
  await f.claim(1)
  await settle(f, 'a', { outcome: 'retry' })
  await passDelay(f, 'a')
  t.strictSame([await f.waiting(), await parked(f)], [['b'], ['c', 'a']])
  await f.queue.add({ id: 'd', text: text('d'), delay: Date.now() + LONG, lane: LANE })
  t.equal((await f.queue.counts()).delayed, 1)
  await passDelay(f, 'd')
  t.strictSame([await f.waiting(), await parked(f)], [['b'], ['c', 'a', 'd']])
  const { ids } = await f.queue.pageOf('waiting', 9)
  t.strictSame([ids[0], ids.slice(1).sort()], ['b', ['a', 'c', 'd']], 'those of one ms are by their ids')
  t.strictSame(await slots(f), ['b'])
  t.strictSame((await f.state()).laned, undefined)
})

t.test('ordered: a task that waits for its next attempt holds up the others', async t => {
  const f = await withLane(t)
  await f.claim(1)
  await settle(f, 'a', { outcome: 'retry', keepsSlot: true })
  t.strictSame([await f.waiting(), await slots(f)], [[], ['a']])
  await sweep(f)
  await passDelay(f, 'a')
  t.strictSame([await f.waiting(), await slots(f)], [['a'], ['a']])
  await f.claim(1)
  await settle(f, 'a', { outcome: 'failed', keepsSlot: true })
  t.strictSame(await f.waiting(), ['b'])
})

t.test('a failed task that is queued again waits for a slot', async t => {
  const f = await withLane(t)
  await f.claim(1)
  await settle(f, 'a', { outcome: 'failed', text: text('a', 'failed') })
  // Those of one ms are listed by their ids.
  const parkedAt = Number(await f.redis.zscore(f.key('gated'), 'c'))
  await until('the next ms', async () => {
    const [seconds, microseconds] = (await f.redis.time()).map(Number)
    return seconds! * 1_000 + microseconds! / 1_000 >= parkedAt + 1
  })
  t.equal(await f.queue.retry('a', text('a', 'failed'), text('a'), LANE), 'queued')
  t.strictSame([await f.waiting(), await parked(f)], [['b'], ['c', 'a']])
})

t.test('a task that a plain Bee-Queue worker failed is queued again before anybody freed its slot', async t => {
  const f = await withLane(t)
  await f.takeAsBeeQueue()
  await f.redis.multi().lrem(f.key('active'), 0, 'a').sadd(f.key('failed'), 'a').exec()
  t.equal(await f.queue.retry('a', text('a'), text('a'), LANE), 'queued')
  t.strictSame([await f.waiting(), await slots(f)], [['b'], ['b']], 'it does not wait for itself')
})

t.test('an id of an own choice is used again: what was stored about its limit is forgotten', async t => {
  const f = await withLane(t)
  await f.redis.hdel(f.key('jobs'), 'a')
  await f.queue.add({ id: 'a', text: text('a'), lane: LANE, ownId: true })
  t.strictSame(await slots(f), ['b'], 'it does not wait for itself')
  for (const lane of [LANE, undefined]) {
    const job = { id: 'd', text: text('d'), ownId: true, delay: Date.now() + LONG }
    await f.queue.add({ ...job, lane: LANE })
    await f.redis.hdel(f.key('jobs'), 'd')
    const { delay, ...now } = job
    await f.queue.add({ ...now, ...lane !== undefined && { lane } })
    t.notOk((await f.state()).laned)
    await f.redis.hdel(f.key('jobs'), 'd')
  }
})

t.test('an id that has a slot and waits for one: a look at its lane frees the slot', async t => {
  const f = await withLane(t)
  await f.redis.srem(f.key(`slots:${LANE}`), 'a')
  await f.redis.sadd(f.key(`slots:${LANE}`), 'b')
  await f.redis.lrem(f.key('waiting'), 0, 'a')
  await sweep(f)
  t.strictSame([await f.waiting(), await slots(f)], [['b'], ['b']])
})

t.test('an id is twice in the list of its lane: it is queued once', async t => {
  const f = await withLane(t, 1, 'a', 'b')
  await f.redis.rpush(f.key(`lane:${LANE}`), 'b')
  await f.queue.lanes.set('a', 9)
  t.strictSame(await f.waiting(), ['a', 'b'])
})

t.test('more slots than Lua can pass to one call are freed, and their tasks forgotten', async t => {
  const f = await withLane(t, 10_000)
  await f.redis.sadd(f.key(`slots:${LANE}`), ...range(1, 9_000))
  await sweep(f)
  t.strictSame(await slots(f), ['a', 'b', 'c'])
})

t.test('a sweep looks at 500 lanes at most, and takes the others the next time', async t => {
  const f = await withLane(t, 1, 'a')
  const lanes = range(1, 700).flatMap(name => ['1', `${name} `])
  await f.redis.zadd(f.key('lanes'), ...lanes)
  await f.upkeep.sweepLanes()
  t.equal(await f.redis.zcount(f.key('lanes'), '-inf', 1), 200)
  await f.upkeep.sweepLanes()
  t.equal(await f.redis.zcard(f.key('lanes')), 1, 'lanes without tasks are gone')
})

t.test('the limit can change at run time; of two processes the newer declares it', async t => {
  const f = await withLane(t)
  await f.queue.lanes.declare('a', 9, 0)
  t.match(await f.queue.lanes.read(LANE), { max: 1 })
  await f.queue.lanes.set('a', 2)
  t.strictSame(await f.waiting(), ['a', 'b'])
  await f.queue.lanes.set('a', null)
  await f.claim(9)
  await settle(f, 'a', {})
  t.strictSame(await f.waiting(), [], 'b has the only slot')
  t.strictSame(await f.queue.lanes.list(9), [
    { lane: LANE, used: 1, waiting: 1, max: 1, rates: [], opensAt: null, holder: 'b', common: null }
  ])
})

t.test('a paused queue: a slot is taken, and its task waits for the end of the pause', async t => {
  const f = await withLane(t)
  await f.claim(1)
  await f.queue.pause(null)
  await settle(f, 'a', {})
  t.strictSame([await f.waiting(), await slots(f)], [[], ['b']])
  await f.queue.resume(null)
  t.strictSame(await f.waiting(), ['b'])
})

t.test('a lane at rest leaves nothing', async t => {
  const f = await withLane(t, 1, 'a', 'b')
  for (const id of ['a', 'b']) {
    await f.claim(1)
    await settle(f, id, { ms: 0 })
  }
  t.strictSame(await f.state(), { limits: { a: '1 1' }, jobs: [] })
  await until('it is not looked at any more', async () => (await f.queue.lanes.list(9)).length === 0)
})

t.test('behind many ids that were removed a newcomer does not overtake', async t => {
  const f = await withLane(t, 1, 'a', ...range(1, 310))
  await f.redis.zrem(f.key('gated'), ...range(1, 300)) // as a purge leaves them
  await f.claim(1)
  await settle(f, 'a', {})
  await add(f, 'z')
  t.strictSame(await f.waiting(), [])
  await sweep(f)
  t.strictSame(await f.waiting(), ['n301'])
})

t.test('of a lane that lets nothing in, purged tasks do not count as waiting after the next look', async t => {
  const f = await withLane(t, 1, 'a', ...range(1, 1_200))
  const waiting = async (): Promise<number> => (await f.queue.lanes.read(LANE)).waiting
  await f.claim(1)
  for (let after: any = null; (after = (await f.queue.purge(500, { after })).after) !== null;);
  await add(f, 'y', 'z')
  await sweep(f)
  t.strictSame([await waiting(), await parked(f)], [2, ['y', 'z']])
  for (let after: any = null; (after = (await f.queue.purge(500, { after })).after) !== null;);
  await sweep(f)
  t.equal(await waiting(), 0)
  t.strictSame(await slots(f), ['a'], 'the task that runs keeps its slot')
  await settle(f, 'a', { ms: 0 })
  t.strictSame(await f.queue.lanes.list(9), [])
})

t.test('the newest declaration counts; one of a time to come was made before the clock was set back', async t => {
  const f = await withLane(t, 1)
  const limit = async (): Promise<number> => (await f.queue.lanes.read(LANE)).max
  await f.queue.lanes.declare('a', 3, 5)
  await f.queue.lanes.declare('a', 2, 4)
  t.equal(await limit(), 3)
  await f.queue.lanes.declare('a', 4, Date.now() + 3_600_000)
  await f.queue.lanes.declare('a', 5, Date.now())
  t.equal(await limit(), 5)
})

t.test('a task that ends after its limit was raised by far makes room for many, in one step', async t => {
  const ids = range(1, 12_000)
  const f = await withLane(t, 1)
  const lane = 'a ' // without a key: no other has a share
  const all = ['first', ...ids]
  for (let i = 0; i < all.length; i += 1_000) {
    await f.queue.addMany(all.slice(i, i + 1_000).map(id => ({ id, text: text(id), lane })))
  }
  t.strictSame(await f.claim(9), ['a', 'first'])
  await f.redis.hset(f.key('limits'), '!a', '11000')
  t.strictSame(await settle(f, 'first', { lane }), ['owned'])
  t.strictSame(await f.waiting(), ids.slice(0, 1_000), 'a look at the lane finds the others')
  t.equal(await f.redis.scard(f.key(`slots:${lane}`)), 1_000)
})
