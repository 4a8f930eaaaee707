/**
 * What one call carries is bounded by bytes as well: a call with many large records would hold up Redis.
 */
import t from 'tap'
import { endOfBatch } from '../../lib/store/batches.ts'
import { MemoryStore } from '../../lib/store/memory/store.ts'
import { RedisQueue } from '../../lib/store/redis/queue.ts'
import { build, randomPrefix, until } from '../support/helpers.ts'
import { LONG, QueueFixture, range } from '../support/queue-fixture.ts'
import { ALONE } from '../support/room.ts'
import type { PurgeReply, Settlement } from '../../lib/store/contract.ts'

const MIB = 1_048_576
const large = JSON.stringify({
  data: { name: 'a', data: 'x'.repeat(MIB) }, options: { timestamp: 1, attempts: 1 }, status: 'created'
})

t.test('a batch ends after so many items, or before they are too large together', async t => {
  const ends = (sizes: number[], most: number): number[] => {
    const found: number[] = []
    for (let start = 0; start < sizes.length; start = found.at(-1)!) found.push(endOfBatch(sizes, start, most, n => n))
    return found
  }
  t.same(ends([1, 1, 1, 1, 1], 2), [2, 4, 5])
  t.same(ends([MIB, 1, 1], 9), [1, 3], 'a large one goes alone')
  t.same(ends([5 * MIB, 5 * MIB], 9), [1, 2], 'also one that is larger than a batch may be')
  t.same(ends([MIB / 2, MIB / 2, 1], 9), [2, 3])
})

t.test('large records are claimed a few at a time, and it is said that more wait', async t => {
  const f = new QueueFixture(t)
  for (const id of range(1, 7)) await f.queue.add({ id, text: large })
  const claimed: string[][] = []
  for (let more = true, i = 1; more; i++) {
    const reply = await f.queue.claim(7, `w.${i}`, false)
    claimed.push(reply.jobs.map(({ id }) => id))
    more = reply.more
  }
  t.same(claimed.flat(), range(1, 7), 'in their order')
  t.ok(Math.max(...claimed.map(ids => ids.length)) <= 2, JSON.stringify(claimed))
  t.same((await f.queue.claim(7, `w.${claimed.length}`, true)).jobs.map(({ id }) => id), claimed.at(-1))
})

t.test('large records of another producer: the first claim finds out', async t => {
  const f = new QueueFixture(t)
  for (const id of range(1, 6)) await f.redis.multi().hset(f.key('jobs'), id, large).lpush(f.key('waiting'), id).exec()
  t.same(await f.claim(2), ['n1', 'n2'])
  t.equal(await f.redis.exists(f.key('large')), 1)
  t.ok((await f.claim(4)).length <= 2)
})

t.test('a large record of a schedule is marked, too', async t => {
  const f = new QueueFixture(t)
  const { schedules } = f.queue
  const planned = { planned: 1, due: 1 }
  await schedules.set({
    id: 's',
    epoch: 1,
    hash: 'h',
    declared: false,
    spec: '{}',
    next: planned,
    maxRuns: null,
    grace: 0,
    expected: null,
    generation: 0,
    passed: null,
    brought: null,
    taskQueue: null,
    onlyNew: false
  })
  const [{ state: { generation } }] = (await schedules.read(['s'])).schedules as [any]
  const tick = { id: 's', generation, mode: 'tick', expected: 1, fire: 1, mark: 1, missed: 0, next: null } as const
  t.equal(await schedules.tick(
    { ...tick, taskId: 'n1', text: large, delay: null, overlap: 'skip', runsElsewhere: false }
  ), 'fired')
  t.equal(await f.redis.exists(f.key('large')), 1)
})

t.test('large schedules are read a few at a time, and many in pages', async t => {
  const f = new QueueFixture(t)
  const spec = JSON.stringify({ data: 'x'.repeat(MIB / 2) })
  const [many, large] = [range(1, 1_200), range(2_001, 2_009)]
  const write = f.redis.multi()
  for (const id of [...many, ...large]) {
    write.hset(f.key('schedules'), id, large.includes(id) ? spec : '{}')
    write.hset(f.key('scheduleStates'), id, JSON.stringify({ generation: 1, id }))
    if (large.includes(id)) write.zadd(f.key('ticks'), 1, id)
  }
  await write.exec()
  const sizes: number[] = []
  const { evalsha } = f.redis
  f.redis.evalsha = async (...args: any[]): Promise<any> => {
    const reply: any = await evalsha.apply(f.redis, args as any)
    sizes.push(JSON.stringify(reply).length)
    return reply
  }
  const { schedules } = f.queue
  const ids = async (which: 'all' | 'due' | string[]): Promise<string[]> =>
    (await schedules.read(which)).schedules.map(({ id }) => id)
  t.same((await ids('all')).sort(), [...many, ...large].sort())
  t.same((await ids('due')).sort(), large.toSorted())
  t.same(await ids([...large, 'unknown']), large)
  t.ok(sizes.length > 12 && Math.max(...sizes) < 2 * MIB, `${sizes}`)
})

t.test('large records are purged and removed a few at a time, and none is left', async t => {
  const f = new QueueFixture(t)
  for (const id of range(1, 6)) await f.queue.add({ id, text: large })
  await f.queue.add({ id: 'later', text: large, delay: Date.now() + LONG })
  let [calls, removed] = [0, 0]
  for (let after: Awaited<ReturnType<typeof f.queue.purge>>['after'] | undefined; after !== null; calls++) {
    const reply = await f.queue.purge(100, { after })
    removed += reply.removed
    after = reply.after
  }
  t.equal(removed, 7)
  t.ok(calls > 3, `${calls} calls`)
  t.equal(await f.redis.exists(f.key('jobs'), f.key('waiting'), f.key('delayed')), 0)
})

t.test('a purge says what members say of their flows, however large they are, and whatever data imitate', async t => {
  const f = new QueueFixture(t)
  const memory = new MemoryStore().queue('q')
  const text = (data: unknown, flow?: object): string =>
    JSON.stringify({ data: { name: 'a', data }, options: { timestamp: 1, attempts: 1, flow }, status: 'created' })
  const flow = { id: 'f.g', home: 'q', node: '1', key: 'one' }
  const imitated = { flow: { id: 'f.g' }, more: { flow: { id: 'other' } } }
  const tasks = Object.entries({
    'f.g.one': text('"'.repeat(MIB / 2), flow),
    'f.g.two': text(imitated, { ...flow, key: 'two' }),
    'f.other': text(imitated),
    other: text(imitated),
    f: text({ flow: { id: 'f' } }),
    '.': text({ flow: { id: '' } })
  })
  for (const queue of [f.queue, memory]) {
    for (const [id, record] of tasks) await queue.add({ id, text: record })
    const members: string[] = []
    for (let after: PurgeReply['after'] | undefined; after !== null;) {
      const reply = await queue.purge(100, { after })
      members.push(...reply.members)
      after = reply.after
    }
    t.strictSame(members.map(member => JSON.parse(member)), [flow, { ...flow, key: 'two' }])
  }
})

t.test('expired large records are removed a few at a time', async t => {
  const f = new QueueFixture(t)
  for (const id of range(1, 4)) {
    await f.redis.hset(f.key('jobs'), id, large.replace('created', 'cancelled'))
    await f.redis.zadd(f.key('done:cancelled'), 1, id)
  }
  t.equal(await f.upkeep.prune(100), 1)
  let removed = 1
  for (let more = 1; more > 0; removed += more) more = await f.upkeep.prune(100)
  t.equal(removed, 4)
  t.equal(await f.redis.exists(f.key('jobs'), f.key('done:cancelled')), 0)
})

t.test('large results that end together are written in several calls, and all are', ALONE, async t => {
  const prefix = randomPrefix()
  const sizes: number[] = []
  const app = await build(t, { prefix, maxResultSize: 4 * MIB }, app => {
    app.tasks.define('large', async () => 'x'.repeat(3 * MIB))
  })
  const { settle } = RedisQueue.prototype
  t.teardown(() => { RedisQueue.prototype.settle = settle })
  RedisQueue.prototype.settle = function (batch: Settlement[]) {
    sizes.push(batch.reduce((sum, { text = '' }) => sum + text.length, 0))
    return settle.call(this, batch)
  }
  await app.tasks.enqueueMany('large', Array.from({ length: 12 }, () => ({})))
  await app.tasks.startWorker({ concurrency: 12 })
  await until('all have ended', async () => (await app.tasks.counts()).default!.succeeded === 12, 30_000)
  t.ok(Math.max(...sizes) < 4 * MIB, `${sizes}`)
})

t.test('many large tasks are enqueued in several calls', ALONE, async t => {
  const sizes: number[] = []
  const app = await build(t, { prefix: randomPrefix() }, app => { app.tasks.define('large') })
  const { addMany } = RedisQueue.prototype
  t.teardown(() => { RedisQueue.prototype.addMany = addMany })
  RedisQueue.prototype.addMany = function (jobs) {
    sizes.push(jobs.length)
    return addMany.call(this, jobs)
  }
  await app.tasks.enqueueMany('large', Array.from({ length: 8 }, () => ({ data: 'x'.repeat(MIB / 2) })))
  t.equal(sizes.reduce((sum, size) => sum + size), 8)
  t.ok(Math.max(...sizes) <= 2, `${sizes}`)
})
