/**
 * Limits and rates of a task as a whole, beside others by key: the common lane of its lanes.
 */
import t, { type Test } from 'tap'
import { ageStarts, LONG, QueueFixture, text } from '../support/queue-fixture.ts'
import { NO_LIMIT, type LaneMax, type LaneRate } from '../../lib/store/lane-contract.ts'

const laneOf = (id: string): string => `a ${id[0]}`

/** Ids say their key: "k1" has the key "k". */
async function withCommon (t: Test, max: LaneMax, rates: LaneRate[], ids: string[]): Promise<QueueFixture> {
  const f = new QueueFixture(t)
  await f.queue.lanes.declare('a', max, 1, rates)
  for (const id of ids) await f.queue.addMany([{ id, text: text(id), lane: laneOf(id) }])
  return f
}

const start = (f: QueueFixture, ...ids: string[]): Promise<void> =>
  f.queue.lanes.start(ids.map(id => ({ id, lane: laneOf(id) })))

const end = (f: QueueFixture, ...ids: string[]): Promise<unknown> => f.queue.settle(ids.map(id =>
  ({ id, token: 'w.1', outcome: 'succeeded', text: text(id), ms: 0, lane: laneOf(id) })))

/** A timekeeper looks for as long as something may go on. */
async function look (f: QueueFixture): Promise<void> {
  while (await f.redis.zcount(f.key('closed'), '-inf', Date.now()) > 0) await f.upkeep.queueDue('w')
}

/** What is remembered is as old as if this time had passed. */
async function pass (f: QueueFixture, ms: number, ...lanes: string[]): Promise<void> {
  for (const lane of lanes) await ageStarts(f, `starts:${lane}`, ms)
  const closed = f.key('closed')
  for (const lane of await f.redis.zrange(closed, 0, '-1')) await f.redis.zincrby(closed, -ms, lane)
  await look(f)
}

t.test('a rate of all keys holds beside one of each key', async t => {
  const rates = [{ max: 3, window: LONG, isCommon: true }, { max: 2, window: LONG }]
  const f = await withCommon(t, NO_LIMIT, rates, ['k1', 'k2', 'k3', 'l1', 'l2', 'm1'])
  t.strictSame(await f.waiting(), ['k1', 'k2', 'l1'], 'two of a key, three of all')
  const { common, rates: own, ...lane } = await f.queue.lanes.read('a l')
  t.strictSame(lane, { lane: 'a l', used: 1, waiting: 1, max: NO_LIMIT, opensAt: null, holder: null })
  t.strictSame([own, common], [
    [{ max: 2, window: LONG }], { used: 3, max: NO_LIMIT, rates: [{ max: 3, window: LONG }], opensAt: null }
  ])
  await f.claim(9)
  await start(f, 'k1', 'k2', 'l1')
  await end(f, 'k1', 'k2', 'l1')
  await look(f)
  t.strictSame(await f.waiting(), [], 'the window is full')
  const opensAt = (await f.queue.lanes.read('a m')).common!.opensAt!
  t.equal((await f.upkeep.queueDue('w')).next, opensAt, 'a timekeeper looks then')
  await pass(f, LONG + 10, 'a', 'a k', 'a l')
  t.strictSame(await f.waiting(), ['l2', 'm1', 'k3'], 'those that waited for all are first, then the full key')
})

t.test('the last free place of a rate is taken: the next look is when a start leaves the window', async t => {
  const f = await withCommon(t, NO_LIMIT, [{ max: 2, window: LONG, isCommon: true }], ['k1'])
  await f.claim(9)
  await start(f, 'k1')
  await f.queue.addMany(['l1', 'l2', 'm1'].map(id => ({ id, text: text(id), lane: laneOf(id) })))
  t.strictSame(await f.waiting(), ['l1'], 'it has a token, and has not started')
  t.type((await f.queue.lanes.read('a m')).common!.opensAt, 'number')
  await pass(f, LONG + 10, 'a')
  t.strictSame(await f.waiting(), ['l1', 'l2'], 'though nobody has told of a start meanwhile')
})

t.test('a limit of all keys: a slot that is free goes to the key that waits longest', async t => {
  const f = await withCommon(t, { common: 2 }, [{ max: 100, window: LONG }], ['k1', 'k2', 'k3', 'k4', 'l1', 'l2', 'm1'])
  t.strictSame(await f.waiting(), ['k1', 'k2'])
  await f.claim(9)
  await end(f, 'k1')
  await look(f)
  t.strictSame(await f.waiting(), ['k3'], 'the key that waited first')
  await f.claim(9)
  await end(f, 'k2', 'k3')
  await look(f)
  t.strictSame(await f.waiting(), ['l1', 'm1'], 'then the others, one task each')
  await f.queue.addMany([{ id: 'n1', text: text('n1'), lane: laneOf('n1') }])
  await f.claim(9)
  await end(f, 'l1', 'm1')
  await look(f)
  t.strictSame(await f.waiting(), ['k4', 'l2'], 'who comes last is behind them')
})

t.test('who comes while others wait for the task as a whole does not overtake them', async t => {
  const f = await withCommon(t, { common: 1 }, [{ max: 100, window: LONG }], ['k1', 'l1'])
  await f.claim(9)
  await end(f, 'k1')
  await f.queue.addMany([{ id: 'm1', text: text('m1'), lane: laneOf('m1') }])
  t.strictSame(await f.waiting(), [], 'before a timekeeper has looked')
  await look(f)
  t.strictSame(await f.waiting(), ['l1'])
})

t.test('a slot of all keys that nobody freed is found by the look at the common lane', async t => {
  const f = await withCommon(t, { common: 1 }, [{ max: 100, window: LONG }], ['k1', 'l1'])
  await f.claim(9)
  await f.redis.hdel(f.key('jobs'), 'k1')
  await f.redis.del(f.key('slots:a k'))
  await f.redis.zadd(f.key('lanes'), 'XX', 1, 'a')
  await f.upkeep.sweepLanes()
  await look(f)
  t.strictSame(await f.waiting(), ['l1'])
})

t.test('of the starts of a lost task each rate knows', async t => {
  const f = await withCommon(t, NO_LIMIT, [{ max: 1, window: LONG, isCommon: true }], ['k1', 'l1'])
  await f.claim(9)
  await f.redis.hdel(f.key('jobs'), 'k1')
  await f.redis.del(f.key('slots:a k'))
  await f.redis.zadd(f.key('lanes'), 'XX', 1, 'a')
  await f.upkeep.sweepLanes()
  await look(f)
  t.strictSame(await f.waiting(), [], 'it may have started: the window is full')
  await pass(f, LONG + 10, 'a')
  t.strictSame(await f.waiting(), ['l1'])
})

t.test('a timekeeper that dies between the look and the turn: the look at each lane finds them', async t => {
  const f = await withCommon(t, { common: 1 }, [{ max: 100, window: LONG }], ['k1', 'l1'])
  await f.claim(9)
  await end(f, 'k1')
  await f.redis.del(f.key('closed'))
  await f.redis.zadd(f.key('lanes'), 'XX', 1, 'a')
  await f.upkeep.sweepLanes()
  await look(f)
  t.strictSame(await f.waiting(), ['l1'])
})

t.test('a limit of all keys that is declared while tasks run counts them from the next look on', async t => {
  const f = await withCommon(t, NO_LIMIT, [], ['k1', 'l1', 'm1'])
  await f.queue.lanes.declare('a', { common: 3 }, 2, [{ max: 100, window: LONG }])
  for (const lane of ['a k', 'a l', 'a m']) await f.redis.zadd(f.key('lanes'), 'XX', 1, lane)
  await f.upkeep.sweepLanes()
  await f.queue.addMany(['k2', 'k3'].map(id => ({ id, text: text(id), lane: laneOf(id) })))
  t.equal((await f.queue.lanes.read('a k')).common!.used, 3)
  t.equal((await f.queue.counts()).waiting, 5)
  t.equal((await f.waiting()).length, 3)
})

t.test('nothing is left of a common lane without tasks, and of one that has no rules any more', async t => {
  const f = await withCommon(t, { common: 1 }, [{ max: 100, window: LONG }], ['k1', 'l1', 'm1'])
  await f.queue.lanes.set('a', 5, [])
  t.strictSame(await f.waiting(), ['k1', 'l1', 'm1'], 'a limit of each key instead')
  await f.claim(9)
  await end(f, 'k1', 'l1', 'm1')
  await f.redis.zadd(f.key('lanes'), 'XX', 1, 'a')
  await f.upkeep.sweepLanes()
  const left = Object.keys(await f.state()).filter(key => /slots|turns|tokens|lane/.test(key))
  t.strictSame(left, [])
})
