/**
 * Tasks that are enqueued once for a key, in Redis: no key outlives its task, whatever ends the task.
 */
import t from 'tap'
import { commandsOf } from '../support/monitor.ts'
import { LONG, QueueFixture, text } from '../support/queue-fixture.ts'
import type { NewJob } from '../../lib/store/contract.ts'
import type { UniqueKey, UniqueReply } from '../../lib/store/unique-contract.ts'

const FIELD = 'a k'
const UNFINISHED: UniqueKey = { field: FIELD, onConflict: 'keep', scope: 'unfinished' }
const RERUN: UniqueKey = { ...UNFINISHED, onConflict: 'rerun' }

const record = (id: string, more: object = {}, status = 'created'): string => JSON.stringify({
  data: { name: 'a', data: id }, options: { timestamp: 1, attempts: 1, unique: FIELD, ...more }, status
})

async function add (f: QueueFixture, id: string, rule = UNFINISHED, more: Partial<NewJob> = {}): Promise<UniqueReply> {
  return (await f.queue.unique.add([{ id, text: record(id), unique: rule, ...more }]))[0]!
}

/** What is left of keys. */
async function left (f: QueueFixture): Promise<Record<string, unknown>> {
  const { unique, keyed, rerun } = await f.dump()
  return JSON.parse(JSON.stringify({ unique, keyed, rerun }))
}

const plainEnd = async (f: QueueFixture, state: string): Promise<void> => {
  await f.takeAsBeeQueue()
  await f.redis.multi().lrem(f.key('active'), 0, 'x').sadd(f.key(state), 'x')
    .hset(f.key('jobs'), 'x', record('x', {}, state)).exec()
}

/** The ways in which a task ends, or is gone. `claimed`: a worker of ours runs it. */
const ends: Record<string, { claimed?: true, end: (f: QueueFixture) => Promise<unknown> }> = {
  succeeded: { claimed: true, end: f => f.settle(['x', 'succeeded']) },
  'succeeded, not kept': { claimed: true, end: f => f.settle(['x', 'succeeded', 0]) },
  failed: { claimed: true, end: f => f.settle(['x', 'failed']) },
  'cancelled while it runs': { claimed: true, end: f => f.settle(['x', 'cancelled']) },
  expired: { claimed: true, end: f => f.settle(['x', 'expired']) },
  stalled: {
    claimed: true,
    end: async f => {
      await f.expireLease()
      const { exhausted } = await f.sweep(0)
      await f.settle(['x', 'failed', LONG, exhausted[0]!.token])
    }
  },
  'settled by an older version': {
    claimed: true,
    end: async f => f.redis.multi().hdel(f.key('claims'), 'x').zadd(f.key('done:succeeded'), 9e12, 'x')
      .hset(f.key('jobs'), 'x', record('x', {}, 'succeeded')).exec()
  },
  'cancelled while it waits': { end: f => f.queue.cancel('x', record('x'), record('x', {}, 'cancelled'), LONG) },
  removed: { end: f => f.queue.remove('x') },
  purged: { end: f => f.queue.purge(10) },
  'deleted by hand': { end: f => f.redis.hdel(f.key('jobs'), 'x') },
  'lost with its master': { end: f => f.redis.del(f.key('jobs'), f.key('waiting')) },
  'ended by a plain worker': { end: f => plainEnd(f, 'succeeded') },
  'failed by a plain worker': { end: f => plainEnd(f, 'failed') },
  pruned: {
    claimed: true,
    end: async f => {
      await f.settle(['x', 'succeeded'])
      await f.redis.zadd(f.key('done:succeeded'), 1, 'x')
      await f.upkeep.prune(500)
    }
  },
  'its id is that of another task now': {
    end: async f => {
      await f.queue.remove('x')
      await f.queue.add({ id: 'x', text: text('x'), ownId: true })
    }
  }
}

for (const [name, { claimed, end }] of Object.entries(ends)) {
  t.test(`${name}: the key is free at once, and nothing is left of it after the next sweep`, async t => {
    const f = new QueueFixture(t)
    t.equal(await add(f, 'x'), true)
    if (claimed) await f.claim(1)
    t.strictSame(await add(f, 'y'), { id: 'x' })
    await end(f)
    t.equal(await add(f, 'z'), true, 'whether or not anybody has looked')
    await f.upkeep.sweepUnique()
    t.match((await left(f)).unique, { [FIELD]: /^0 z$/ }, 'a sweep leaves the key of the next task alone')
    await f.queue.remove('z')
    await f.queue.remove('x')
    await f.upkeep.sweepUnique()
    t.strictSame(await left(f), {})
  })

  if (!claimed || name === 'pruned') continue
  t.test(`${name}: the task that follows starts once`, async t => {
    const f = new QueueFixture(t)
    await add(f, 'x', RERUN)
    await f.claim(1)
    t.strictSame([await add(f, 'y', RERUN), await add(f, 'z', RERUN)], [{ id: 'x' }, { id: 'x' }])
    await end(f)
    for (let i = 0; i < 2; i++) await f.upkeep.sweepUnique()
    await f.upkeep.queueDue('w')
    t.strictSame(await f.waiting(), ['z'], 'the last one')
    t.strictSame(await left(f), { unique: { [FIELD]: '0 z' }, keyed: { z: FIELD } })
    t.strictSame(await f.claim(9), ['z'])
  })
}

t.test('a key that has gone to another task, or a rerun that is older than it, is left alone', async t => {
  const f = new QueueFixture(t)
  await add(f, 'x', RERUN)
  await f.claim(1)
  await add(f, 'old', RERUN)
  await f.redis.multi().hdel(f.key('claims'), 'x').hdel(f.key('jobs'), 'x').exec()
  t.equal(await add(f, 'new', RERUN), true)
  await f.upkeep.sweepUnique()
  t.strictSame(await left(f), { unique: { [FIELD]: '0 new' }, keyed: { new: FIELD } }, 'new has newer data than old')
  t.strictSame((await f.queue.counts()).delayed, 0)
})

t.test('the id of the task that follows is that of another task by now: it follows with another id', async t => {
  const f = new QueueFixture(t)
  await add(f, 'x', RERUN)
  await f.claim(1)
  await add(f, 'y', RERUN, { ownId: true })
  for (const id of ['y', 'y-2']) await f.queue.add({ id, text: text(id), ownId: true, delay: Date.now() + LONG })
  await f.settle(['x', 'succeeded'])
  await f.upkeep.queueDue('w')
  t.strictSame(await left(f), { unique: { [FIELD]: '0 y-3' }, keyed: { 'y-3': FIELD } })
  t.strictSame(await f.claim(9), ['y-3'])
  t.equal((await f.queue.readTask('y-3'))!.text, record('y'))
  t.equal((await f.queue.readTask('y'))!.text, text('y'), 'the other task is as it was')
  await f.settle(['y-3', 'succeeded', 0])
  t.strictSame(await left(f), {})
})

t.test('a task that was to start by a time, and is tried again after it, holds its key', async t => {
  const f = new QueueFixture(t)
  const textOf = (status: string): string => record('x', { expires: Date.now() - 1 }, status)
  await add(f, 'x', RERUN, { text: record('x', { expires: Date.now() + LONG }) })
  await f.claim(1)
  await f.queue.settle([{ id: 'x', token: 'w.1', outcome: 'retry', text: textOf('retrying'), ms: LONG }])
  t.strictSame(await add(f, 'y', RERUN), { id: 'x' })
  await f.redis.hset(f.key('jobs'), 'x', textOf('created'))
  t.equal(await add(f, 'z', RERUN), true, 'one that has not started never will')
})

t.test('a task that a plain worker runs is not replaced', async t => {
  const f = new QueueFixture(t)
  await add(f, 'x')
  await f.takeAsBeeQueue()
  t.strictSame(await add(f, 'y', { ...UNFINISHED, onConflict: 'replace' }), { id: 'x' })
  t.equal((await f.queue.readTask('x'))!.text, record('x'))
  t.equal(await add(f, 'z', { ...UNFINISHED, scope: 'waiting' }), true)
})

t.test('data that looks like options, and a large record, are replaced as any other', async t => {
  const f = new QueueFixture(t)
  const tricky = { options: { timestamp: 5, unique: 'other' }, long: 'ü'.repeat(40_000) }
  const textOf = (data: object): string => JSON.stringify({
    data: { name: 'a', data: { ...tricky, ...data } },
    options: { timestamp: 7, unique: FIELD, nonce: 'ab-1' },
    status: 'created'
  })
  const rule: UniqueKey = { ...UNFINISHED, onConflict: 'replace' }
  await add(f, 'x', rule, { text: textOf({ n: 1 }), ownId: true })
  const other = textOf({ n: 2 }).replace('"timestamp":7', '"timestamp":8').replace('ab-1', 'cd-2')
  t.strictSame(await add(f, 'y', rule, { text: other, ownId: true }), { id: 'x' })
  const { data, options } = JSON.parse((await f.queue.readTask('x'))!.text)
  t.match(data.data, { ...tricky, n: 2 })
  t.strictSame(options, { timestamp: 7, nonce: 'ab-1', unique: FIELD }, 'the same task as before')
  const reported = { result: tricky, ...JSON.parse(textOf({})), progress: tricky }
  await f.redis.hset(f.key('jobs'), 'x', JSON.stringify(reported))
  t.strictSame(await add(f, 'z', rule), { id: 'x' }, 'whatever was reported behind the options')
  await f.redis.hset(f.key('jobs'), 'x', 'no json')
  t.equal(await add(f, 'z', rule), true)
})

t.test('a queue without keys looks at none: one EXISTS of a settlement names them, as before', async t => {
  const f = new QueueFixture(t)
  const lines = await commandsOf(t)
  await f.add('a', 'b')
  await f.queue.add({ id: 'c', text: text('c') })
  await f.claim(9)
  await f.settle(['a', 'succeeded'], ['b', 'retry'], ['c', 'failed'])
  const commands = (await lines()).filter(line => line.includes(' lua] ') && line.includes(f.prefix))
  const looks = commands.filter(line => /:(unique|keyed|rerun)"/.test(line))
  t.equal(looks.length, 1)
  t.match(looks[0], /"EXISTS"/)
})

t.test('an id of the caller\'s own is used again, under another key, before its old key was freed', async t => {
  const other: UniqueKey = { ...UNFINISHED, field: 'a other' }
  for (const rule of [UNFINISHED, RERUN]) {
    const f = new QueueFixture(t)
    await add(f, 'x', rule, { ownId: true })
    if (rule === RERUN) {
      await f.claim(1)
      t.strictSame(await add(f, 'y', RERUN), { id: 'x' })
      await f.redis.hdel(f.key('claims'), 'x') // as a plain Bee-Queue worker ends it
    }
    await f.redis.hdel(f.key('jobs'), 'x')
    t.equal(await add(f, 'x', other, { ownId: true, text: record('x', { unique: 'a other' }) }), true)
    const [unique, keyed] = [{ 'a other': '0 x' }, { x: 'a other' }]
    const followed = { unique: { ...unique, [FIELD]: '0 y' }, keyed: { ...keyed, y: FIELD } }
    t.strictSame(await left(f), rule === RERUN ? followed : { unique, keyed })
  }
})
