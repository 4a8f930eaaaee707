/**
 * Rates in Redis: tokens of queued tasks and remembered starts are at most the rate, in any window.
 */
import t, { type Test } from 'tap'
import { ageStarts, LONG, QueueFixture, range, text } from '../support/queue-fixture.ts'
import { NO_LIMIT, type LaneRate } from '../../lib/store/lane-contract.ts'
import type { Settlement } from '../../lib/store/contract.ts'

const LANE = 'a k'

async function withRate (t: Test, rates: LaneRate[], ids: string[], max = NO_LIMIT): Promise<QueueFixture> {
  const f = new QueueFixture(t)
  await f.queue.lanes.declare('a', max, 1, rates)
  await f.queue.addMany(ids.map(id => ({ id, text: text(id), lane: LANE })))
  return f
}

const start = (f: QueueFixture, ...ids: string[]): Promise<void> =>
  f.queue.lanes.start(ids.map(id => ({ id, lane: LANE })))

const settle = (f: QueueFixture, id: string, settlement: Partial<Settlement> = {}): Promise<unknown> =>
  f.queue.settle([{ id, token: 'w.1', outcome: 'succeeded', text: text(id), ms: 0, lane: LANE, ...settlement }])

const tokens = async (f: QueueFixture): Promise<string[]> => (await f.redis.smembers(f.key(`tokens:${LANE}`))).sort()

/** What is remembered is as old as if this time had passed. */
async function pass (f: QueueFixture, ms: number): Promise<void> {
  await ageStarts(f, `starts:${LANE}`, ms)
  if (await f.redis.zscore(f.key('closed'), LANE) !== null) await f.redis.zincrby(f.key('closed'), -ms, LANE)
  await f.upkeep.queueDue('w')
}

t.test('a queued task has a token until its start is told, and its start counts for one window', async t => {
  const f = await withRate(t, [{ max: 2, window: LONG }], range(1, 5))
  t.strictSame([await f.waiting(), await tokens(f)], [['n1', 'n2'], ['n1', 'n2']])
  t.equal((await f.queue.lanes.read(LANE)).opensAt, null, 'nobody knows when: no task has started')
  await f.claim(9)
  await start(f, 'n1')
  await start(f, 'n1')
  t.strictSame(await tokens(f), ['n2'])
  const { opensAt, ...state } = await f.queue.lanes.read(LANE)
  const rates = [{ max: 2, window: LONG }]
  t.strictSame(state, { lane: LANE, used: 2, waiting: 3, max: NO_LIMIT, rates, holder: null, common: null })
  const { next, now } = await f.upkeep.queueDue('w')
  t.equal(next, opensAt, 'a timekeeper looks then')
  t.ok(next! > now && next! <= now + LONG + 1)
  await settle(f, 'n1')
  await settle(f, 'n2')
  t.strictSame([await f.waiting(), await tokens(f)], [[], []], 'both have started')
  await pass(f, LONG / 2)
  t.strictSame(await f.waiting(), [])
  await pass(f, LONG)
  t.strictSame(await f.waiting(), ['n3', 'n4'])
})

t.test('of several rates all hold', async t => {
  const f = await withRate(t, [{ max: 2, window: 1_000 }, { max: 3, window: LONG }], range(1, 9))
  await f.claim(9)
  await start(f, 'n1', 'n2')
  await pass(f, 1_010)
  t.strictSame(await f.waiting(), ['n3'])
  await f.claim(9)
  await start(f, 'n3')
  await pass(f, 1_010)
  t.strictSame(await f.waiting(), [])
  await pass(f, LONG)
  t.strictSame(await f.waiting(), ['n4', 'n5'])
})

t.test('a high rate is remembered in a bounded number of times, and none of its starts is forgotten', async t => {
  const f = await withRate(t, [{ max: 1_000, window: LONG }], ['n0'])
  for (const id of range(1, 300)) {
    await f.redis.sadd(f.key(`tokens:${LANE}`), id, `${id}.2`)
    await start(f, id, `${id}.2`)
    await pass(f, 5)
  }
  const read = "local all, sum = cmsgpack.unpack(redis.call('HGET', KEYS[1], ARGV[1])), 0 " +
    'for i = 2, #all, 2 do sum = sum + all[i] end return { #all / 2, sum }'
  const [times, sum] = await f.redis.eval(read, 1, f.key(`starts:${LANE}`), LONG) as [number, number]
  t.equal(sum, 600)
  t.ok(times <= 256, `${times} times`)
})

const unstarted: Record<string, Partial<Settlement>> = {
  expired: { outcome: 'expired' }, dropped: { outcome: 'drop' }, deferred: { outcome: 'defer', ms: LONG }
}
for (const [how, settlement] of Object.entries(unstarted)) {
  t.test(`a task that did not start gives its token to the next: ${how}`, async t => {
    const f = await withRate(t, [{ max: 1, window: LONG }], range(1, 3))
    await f.claim(1)
    await settle(f, 'n1', settlement)
    t.strictSame([await f.waiting(), await tokens(f)], [['n2'], ['n2']])
  })
}

for (const outcome of ['succeeded', 'failed', 'cancelled', 'retry'] as const) {
  t.test(`the end of a task whose start was not told counts as its start: ${outcome}`, async t => {
    const f = await withRate(t, [{ max: 1, window: LONG }], range(1, 3))
    await f.claim(1)
    await settle(f, 'n1', { outcome, ms: outcome === 'retry' ? LONG : 0 })
    t.strictSame([await f.waiting(), await tokens(f)], [[], []])
    await pass(f, LONG + 10)
    t.strictSame(await f.waiting(), ['n2'])
  })
}

t.test('each attempt is a start: a retry at once waits for its token, before all others', async t => {
  const f = await withRate(t, [{ max: 1, window: LONG }], range(1, 3))
  await f.claim(1)
  await start(f, 'n1')
  await settle(f, 'n1', { outcome: 'retry' })
  t.strictSame(await f.waiting(), [])
  await pass(f, LONG + 10)
  t.strictSame(await f.waiting(), ['n1'])
})

t.test('an ordered task that waits for its next attempt keeps its slot, and needs a token again', async t => {
  const f = await withRate(t, [{ max: 1, window: LONG }], range(1, 3), 1)
  await f.claim(1)
  await start(f, 'n1')
  await settle(f, 'n1', { outcome: 'retry', ms: 1_000, keepsSlot: true })
  await f.redis.zadd(f.key('delayed'), 'XX', 1, 'n1')
  await f.upkeep.queueDue('w')
  t.strictSame([await f.waiting(), (await f.queue.lanes.read(LANE)).waiting], [[], 3])
  await pass(f, LONG + 10)
  t.strictSame(await f.waiting(), ['n1'])
})

t.test('a task whose worker died needs a token again', async t => {
  const f = await withRate(t, [{ max: 1, window: LONG }], range(1, 3))
  await f.claim(1)
  await f.expireLease()
  await f.sweep()
  await f.upkeep.queueDue('w')
  t.strictSame(await f.waiting(), [], 'it may have started')
  await pass(f, LONG + 10)
  t.strictSame(await f.waiting(), ['n1'], 'it is the first')
})

for (const hasStarted of [false, true]) {
  t.test(`a claim is given back: ${hasStarted ? 'its start counts' : 'it keeps its token'}`, async t => {
    const f = await withRate(t, [{ max: 3, window: LONG }], range(1, 6))
    await f.claim(9)
    const lane = hasStarted ? LANE : undefined
    const statuses = await f.queue.release(['n1', 'n2', 'x'].map(id => ({ id, token: 'w.1', lane })))
    t.strictSame(statuses, ['owned', 'owned', 'lost'])
    t.strictSame(await tokens(f), hasStarted ? ['n3'] : ['n1', 'n2', 'n3'])
    t.strictSame(await f.waiting(), hasStarted ? [] : ['n1', 'n2'])
    t.equal((await f.queue.lanes.read(LANE)).waiting, hasStarted ? 5 : 3)
    if (hasStarted) await pass(f, LONG + 10)
    t.strictSame(await f.claim(9), ['n1', 'n2'], 'they are the next, in their order')
  })
}

t.test('a claim is given back that has started while there is no rate: it is the next in the queue', async t => {
  const f = await withRate(t, [], range(1, 3), 2)
  await f.queue.add({ id: 'other', text: text('other') })
  await f.claim(2)
  await f.queue.release(['n1', 'n2'].map(id => ({ id, token: 'w.1', lane: LANE })))
  t.strictSame(await f.claim(9), ['n1', 'n2', 'other'])
})

t.test('RateLimited: the lane admits nothing until its time, and the task is the first then', async t => {
  const f = await withRate(t, [], range(1, 4), 2)
  await f.claim(1)
  await settle(f, 'n1', { outcome: 'limited', ms: LONG })
  t.strictSame(await f.waiting(), ['n2'], 'one that was queued already')
  await f.claim(9)
  await settle(f, 'n2')
  t.strictSame(await f.waiting(), [])
  t.match(await f.queue.readTask('n1'), { live: { gated: true } })
  await pass(f, LONG + 10)
  t.strictSame(await f.waiting(), ['n1', 'n3'])
})

t.test('a cancel of a queued task gives its token to the next; a removal of one that waits does not', async t => {
  const f = await withRate(t, [{ max: 1, window: LONG }], range(1, 4))
  t.equal(await f.queue.remove('n2', '', LANE), 'removed')
  t.equal(await f.queue.cancel('n1', text('n1'), text('n1', 'cancelled'), LONG, LANE), 'cancelled')
  t.strictSame([await f.waiting(), await tokens(f)], [['n3'], ['n3']])
})

t.test('rates change at run time; of two processes the newer declares them', async t => {
  const f = await withRate(t, [{ max: 1, window: LONG }], range(1, 6))
  await f.queue.lanes.declare('a', NO_LIMIT, 0, [{ max: 5, window: LONG }])
  t.match(await f.queue.lanes.read(LANE), { rates: [{ max: 1, window: LONG }] })
  await f.claim(1)
  await start(f, 'n1')
  await f.queue.lanes.set('a', undefined, [{ max: 3, window: LONG }])
  t.strictSame(await f.waiting(), ['n2', 'n3'], 'what has started still counts')
  await f.queue.lanes.set('a', undefined, [])
  t.strictSame(await f.waiting(), ['n2', 'n3', 'n4', 'n5', 'n6'])
  await f.queue.lanes.set('a', null)
  t.match(await f.queue.lanes.read(LANE), { rates: [{ max: 1, window: LONG }] })
})

for (const more of [false, true]) {
  t.test(`tasks that end after the rate was taken away leave nothing${more ? ', with a level' : ''}`, async t => {
    const f = await withRate(t, [{ max: 2, window: LONG }], range(1, 2))
    if (more) await f.queue.add({ id: 'high', text: text('high'), lane: LANE, level: 'high' })
    await f.claim(9)
    await start(f, 'n1')
    t.strictSame(await f.redis.hkeys(f.key('laned')), ['n1', 'n2'])
    await f.queue.lanes.declare('a', NO_LIMIT, 2, [])
    await settle(f, 'n1')
    await settle(f, 'n2', { outcome: 'retry', ms: LONG })
    t.strictSame(await f.redis.hkeys(f.key('laned')), ['n2'], 'it waits for its next attempt')
  })
}

t.test('at rest a lane leaves only what expires by itself', async t => {
  const f = await withRate(t, [{ max: 5, window: 1_000 }], ['n1'])
  await f.claim(1)
  await start(f, 'n1')
  await settle(f, 'n1')
  const pttl = await f.redis.pttl(f.key(`starts:${LANE}`))
  t.ok(pttl > 0 && pttl <= 2_000)
  await f.redis.del(f.key(`starts:${LANE}`))
  t.strictSame(await f.state(), { limits: { a: `${NO_LIMIT} 1`, '~a': '5:1000' }, jobs: [] })
})

t.test('the clock was set back: starts, and a lane that is held, are of now', async t => {
  const f = await withRate(t, [{ max: 1, window: LONG }], range(1, 3))
  await f.claim(1)
  await start(f, 'n1')
  await ageStarts(f, `starts:${LANE}`, -3_600_000)
  await f.upkeep.queueDue('w')
  await f.redis.zadd(f.key('lanes'), 'XX', Date.now() + 3_600_000, LANE)
  await f.upkeep.sweepLanes()
  const { opensAt } = await f.queue.lanes.read(LANE)
  t.ok(opensAt! - Date.now() <= LONG + 1_000, 'a lane is looked at, and opens a window later')
  await pass(f, LONG + 10)
  t.strictSame(await f.waiting(), ['n2'])

  const held = await withRate(t, [], range(1, 3), 1)
  await held.claim(1)
  await settle(held, 'n1', { outcome: 'limited', ms: LONG })
  await ageStarts(held, `starts:${LANE}`, -3_600_000)
  await held.redis.zadd(held.key('lanes'), Date.now() + 3_600_000, LANE)
  await held.upkeep.sweepLanes()
  t.strictSame(await held.waiting(), ['n1'])
})
