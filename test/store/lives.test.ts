/**
 * Each enqueue of an id is a new task. Nothing that is left of an earlier task with the same id may touch it: not in
 * a long queue, where the id of a removed task stays in the list, and not after another client removed the task.
 */
import t, { type Test } from 'tap'
import { claimsOf, LONG, QueueFixture, range, text } from '../support/queue-fixture.ts'

const DUE = Date.now() + 3_600_000

/** A queue that is too long to be searched, with a task `x` in front of the others. */
async function longQueue (t: Test): Promise<QueueFixture> {
  const f = new QueueFixture(t)
  await f.add('x')
  for (const from of [1, 401, 801]) await f.add(...range(from, from + 399))
  return f
}

const cancelX = (f: QueueFixture, ttl = LONG): Promise<string> =>
  f.queue.cancel('x', text('x'), text('x', 'cancelled'), ttl)

/** Enqueues `x` again, with a delay if one is given. */
const addAgain = (f: QueueFixture, delay?: number): Promise<boolean> =>
  f.queue.add({ id: 'x', ownId: true, text: text('x', 'created'), ...(delay ? { delay } : {}) })

/** What Bee-Queue's removeJob does. It knows neither our hashes nor our sorted sets. */
async function removeAsBeeQueue (f: QueueFixture): Promise<void> {
  for (const list of ['waiting', 'active']) await f.redis.lrem(f.key(list), 0, 'x')
  for (const set of ['succeeded', 'failed', 'stalling']) await f.redis.srem(f.key(set), 'x')
  await f.redis.zrem(f.key('delayed'), 'x')
  await f.redis.hdel(f.key('jobs'), 'x')
}

/** Claims all that waits, and returns the ids. */
async function claimAll (f: QueueFixture): Promise<string[]> {
  const all: string[] = []
  for (let call = 1; ; call++) {
    const ids = await f.claim(500, `w.${call}`)
    if (ids.length === 0) return all
    all.push(...ids)
  }
}

const ways: Record<string, (f: QueueFixture) => Promise<unknown>> = {
  'it was removed': f => f.queue.remove('x'),
  'it was cancelled, with resultTtl 0': f => cancelX(f, 0),
  'it was cancelled, and removed': async f => {
    await cancelX(f)
    await f.queue.remove('x')
  },
  'a plain Bee-Queue removed it': removeAsBeeQueue
}

for (const [what, leave] of Object.entries(ways)) {
  t.test(`${what}: the next task with the id starts when it is due, and not earlier`, async (t) => {
    const f = await longQueue(t)
    await leave(f)
    t.equal((await f.queue.counts()).waiting, 1_200, 'what is left in the list is not counted')
    t.equal(await addAgain(f, DUE), true)
    t.match(await f.queue.counts(), { waiting: 1_200, delayed: 1 })
    t.notOk((await claimAll(f)).includes('x'))
    t.match(await f.queue.counts(), { waiting: 0, delayed: 1, active: 1_200 })
    t.equal(await f.redis.exists(f.key('waiting'), f.key('leftovers')), 0)
  })

  t.test(`${what}: the next task with the id runs once, and its retry waits as long as it must`, async (t) => {
    const f = await longQueue(t)
    await leave(f)
    await addAgain(f)
    t.equal((await f.queue.counts()).waiting, 1_201)
    const token = (await f.claim(1, 'w.0')).includes('x') ? 'w.0' : 'w.3'
    if (token === 'w.3') for (const call of [1, 2, 3]) await f.claim(500, `w.${call}`)
    t.strictSame(await f.queue.checkClaims([{ id: 'x', token }]), ['owned'])
    t.strictSame(await f.settle(['x', 'retry', 3_600_000, token]), ['owned'])
    t.notOk((await claimAll(f)).includes('x'), 'an entry of the earlier task does not start it')
    t.match(await f.queue.counts(), { waiting: 0, delayed: 1 })
  })
}

t.test('removed and enqueued again and again in a long queue: one task, counted once, run once', async (t) => {
  const f = await longQueue(t)
  for (let i = 0; i < 5; i++) {
    t.equal(await f.queue.remove('x'), 'removed')
    t.equal(await addAgain(f), true)
    t.equal((await f.queue.counts()).waiting, 1_201)
  }
  const claimed = await claimAll(f)
  t.equal(claimed.filter(id => id === 'x').length, 1)
  t.match(await f.queue.counts(), { waiting: 0, active: 1_201 })
})

t.test('a plain worker that took the left-over id keeps it: nobody runs the task beside it', async (t) => {
  const f = await longQueue(t)
  await f.queue.remove('x')
  await addAgain(f)
  await f.takeAsBeeQueue() // the id that was left over, now in active
  t.notOk((await claimAll(f)).includes('x'))
  t.match(await f.queue.counts(), { waiting: 0, active: 1_201 })
  t.strictSame((await f.queue.readTask('x'))!.live, { held: true })
})

t.test('a task that was finished, running or stalled leaves nothing to the next with its id', async (t) => {
  const states: Record<string, (f: QueueFixture) => Promise<unknown>> = {
    succeeded: f => f.settle(['x', 'succeeded', LONG]),
    failed: f => f.settle(['x', 'failed', LONG]),
    cancelled: f => f.settle(['x', 'cancelled', LONG]),
    expired: f => f.settle(['x', 'expired', LONG]),
    stalled: async f => {
      await f.queue.updateProgress({ id: 'x', token: 'w.1' }, '{"stage":"old"}')
      await f.expireLease()
      await f.sweep()
    },
    retrying: f => f.settle(['x', 'retry', LONG])
  }
  for (const [state, reach] of Object.entries(states)) {
    for (const by of ['our remove', 'a plain removal']) {
      const f = new QueueFixture(t)
      await f.add('x')
      await f.claim(1)
      await reach(f)
      if (by === 'our remove') await f.queue.remove('x')
      else await removeAsBeeQueue(f)
      t.equal(await addAgain(f), true, `${state}, ${by}`)
      const next = await f.queue.readTask('x')
      t.strictSame(next!.live, {}, `${state}, ${by}: no progress, no claim, no due time`)
      const counts = await f.queue.counts()
      const none = { delayed: 0, active: 0, succeeded: 0, failed: 0, cancelled: 0, expired: 0 }
      t.strictSame(counts, { waiting: 1, ...none, paused: false, pausedTasks: [] })
      await expireAll(f)
      t.ok(await f.queue.readTask('x'), `${state}, ${by}: it is not removed at the expiry of the earlier one`)
      t.strictSame(await f.claim(9, 'w.2'), ['x'])
      t.equal(await f.redis.exists(f.key('stalls')), 0, 'and has its full number of stalls')
    }
  }
})

/** As if every finished record were past its expiry. */
async function expireAll (f: QueueFixture): Promise<void> {
  for (const state of ['succeeded', 'failed', 'cancelled', 'expired']) {
    const key = f.key(`done:${state}`)
    for (const id of await f.redis.zrange(key, 0, '-1')) await f.redis.zadd(key, 1, id)
  }
  await f.upkeep.prune(1_000)
}

t.test('a plain producer that uses the id again: the old expiry does not remove its task', async (t) => {
  for (const state of ['cancelled', 'expired', 'succeeded', 'failed'] as const) {
    const f = new QueueFixture(t)
    await f.add('x')
    await f.claim(1)
    await f.settle(['x', state, LONG])
    // removeJob, then a job with the same id.
    await removeAsBeeQueue(f)
    await f.redis.hset(f.key('jobs'), 'x', '{"data":{"name":"a"},"options":{},"status":"created"}')
    await f.redis.lpush(f.key('waiting'), 'x')
    t.match(await f.queue.counts(), { waiting: 1, succeeded: 0, failed: 0 }, state)
    await expireAll(f)
    t.ok(await f.queue.readTask('x'), state)
  }
})

t.test('a cancel that was requested for an earlier task does not cancel the next one', async (t) => {
  const f = new QueueFixture(t)
  await f.add('x')
  await f.claim(1)
  t.equal(await cancelX(f), 'requested')
  await removeAsBeeQueue(f) // while it runs
  t.equal(await addAgain(f), true)
  t.strictSame(await f.queue.checkClaims(claimsOf('x')), ['lost'], 'the earlier task has lost its claim')
  t.strictSame(await f.settle(['x', 'succeeded']), ['lost'], 'and its outcome does not count')
  t.strictSame(await f.claim(1, 'w.2'), ['x'])
  t.strictSame(await f.settle(['x', 'retry', 0, 'w.2']), ['owned'])
})

t.test('purge', async (t) => {
  const purgeAll = async (f: QueueFixture, limit: number, retrying = false): Promise<number> => {
    let sum = 0
    for (let after: any; after !== null;) {
      const reply = await f.queue.purge(limit, { retrying, after })
      sum += reply.removed
      after = reply.after
    }
    return sum
  }

  t.test('leaves tasks between two attempts, in their order, unless it is told to take them', async (t) => {
    for (const limit of [1, 2, 1_000]) {
      const f = new QueueFixture(t)
      await f.add('r1', 'r2', 'd1', 'a', 'b')
      await f.claim(3)
      await f.queue.settle([
        ...['r1', 'r2'].map(id => ({ id, token: 'w.1', outcome: 'retry' as const, text: text(id, 'retrying'), ms: 0 })),
        { id: 'd1', token: 'w.1', outcome: 'retry', text: text('d1', 'retrying'), ms: LONG }
      ])
      await f.queue.add({ id: 'd0', text: text('d0'), delay: Date.now() + 10 })
      await f.queue.add({ id: 'd2', text: text('d2'), delay: DUE })
      t.equal(await purgeAll(f, limit), 4, `limit ${limit}`)
      t.strictSame(await f.state(), { waiting: ['r2', 'r1'], delayed: ['d1'], jobs: ['d1', 'r1', 'r2'] })
      t.equal(await purgeAll(f, limit, true), 3)
      t.strictSame(await f.state(), { jobs: [] })
    }
  })

  t.test('takes no record of a finished or running task whose id is still in the list', async (t) => {
    const f = await longQueue(t)
    t.equal(await cancelX(f), 'cancelled')
    await f.redis.rpush(f.key('waiting'), 'running')
    await f.redis.hset(f.key('jobs'), 'running', text('running'))
    await f.redis.hset(f.key('claims'), 'running', 'w.1 1')
    t.equal(await purgeAll(f, 500), 1_200)
    t.equal((await f.queue.readTask('x'))!.text, text('x', 'cancelled'))
    t.ok(await f.queue.readTask('running'))
    t.match(await f.queue.counts(), { waiting: 0, cancelled: 1, active: 1 })
    // Cancelled, purged, and enqueued again when the record is gone: it stays after the expiry of the cancelled one.
    await f.queue.remove('x')
    t.equal(await addAgain(f), true)
    await expireAll(f)
    t.ok(await f.queue.readTask('x'))
  })
})
