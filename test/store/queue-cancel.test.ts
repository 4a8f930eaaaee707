/**
 * The scripts that cancel and retry, through the queue that runs them.
 */
import { createHash } from 'node:crypto'
import t from 'tap'
import { until } from '../support/helpers.ts'
import { isAbout, LONG, QueueFixture, range, text } from '../support/queue-fixture.ts'
import type { TaskToCancel, TaskToRemove, TaskToRetry } from '../../lib/store/many-contract.ts'

t.test('cancel', async (t) => {
  const cancel = (f: QueueFixture, id: string, ttl = LONG): Promise<string> =>
    f.queue.cancel(id, text(id), text(id, 'cancelled'), ttl)

  t.test('a waiting or delayed task never starts', async (t) => {
    const f = new QueueFixture(t)
    await f.queue.addMany(['d', 'e'].map(id => ({ id, text: text(id), delay: 1 })))
    await f.add('w', 'x')
    for (const key of ['stalls', 'progress']) await f.redis.hset(f.key(key), 'w', 1)
    const events = await f.events(t)
    for (const [id, ttl] of [['w', LONG], ['x', 0], ['d', LONG], ['e', 0]] as const) {
      t.equal(await cancel(f, id, ttl), 'cancelled')
    }
    t.strictSame(await f.claim(9), [])
    t.strictSame(await f.state(), { 'done:cancelled': ['d', 'w'], jobs: ['d', 'w'] }, 'nothing else is left')
    isAbout(t, await f.score('done:cancelled', 'w'), LONG)
    t.equal((await f.queue.readTask('w'))!.text, text('w', 'cancelled'))
    await until('all messages arrive', () => events.length === 4)
    t.strictSame(events, ['w', 'x', 'd', 'e'].map(id => `task:${id} cancelled`))
  })

  t.test('the worker of a running task gets a message', async (t) => {
    const f = new QueueFixture(t)
    await f.add('a')
    await f.claim(1)
    const before = await f.dump()
    const events = await f.events(t)
    t.equal(await cancel(f, 'a'), 'requested')
    t.equal(await cancel(f, 'a'), 'requested')
    t.strictSame(await f.dump(), { ...before, cancelling: ['a'] })
    await until('both messages arrive', () => events.length === 2)
    t.strictSame(events, ['cancel:w a', 'cancel:w a'])
  })

  t.test('a task that a plain Bee-Queue worker holds is left to it', async (t) => {
    const f = new QueueFixture(t)
    await f.add('a', 'b', 'c')
    await f.takeAsBeeQueue()
    await f.claim(1)
    const before = await f.dump()
    t.equal(await cancel(f, 'a'), 'requested')
    t.strictSame(await f.dump(), before)
    t.equal(await cancel(f, 'c'), 'cancelled')
  })

  t.test('only if the record is the one that was read', async (t) => {
    const f = new QueueFixture(t)
    await f.add('a')
    const before = await f.dump()
    t.equal(await cancel(f, 'nobody'), 'unknown')
    t.equal(await f.queue.cancel('a', text('a', 'retrying'), text('a', 'cancelled'), LONG), 'changed')
    t.strictSame(await f.dump(), before)
  })

  t.test('in a long queue the id stays, is not counted, and is dropped when its turn comes', async (t) => {
    const f = new QueueFixture(t)
    await f.add(...range(1, 1_001))
    for (const id of ['n1', 'n2', 'n3']) t.equal(await cancel(f, id), 'cancelled')
    t.equal((await f.waiting()).length, 1_001)
    t.equal((await f.queue.counts()).waiting, 998)
    await f.redis.hdel(f.key('jobs'), 'n2')
    t.strictSame(await f.claim(4), ['n4'])
    t.match(await f.queue.counts(), { waiting: 997, active: 1, cancelled: 3 })
    t.equal(await f.redis.exists(f.key('leftovers')), 1)
    while ((await f.claim(500, 'w.2')).length > 0);
    t.equal(await f.redis.exists(f.key('leftovers'), f.key('waiting')), 0)
  })

  t.test('nothing of the run of a stalled task is left', async (t) => {
    const f = new QueueFixture(t)
    await f.add('a')
    await f.claim(1)
    await f.queue.updateProgress({ id: 'a', token: 'w.1' }, '{"stage":"X","progress":1}')
    await f.expireLease()
    await f.sweep()
    t.equal(await cancel(f, 'a', 0), 'cancelled')
    t.strictSame(await f.state(), { jobs: [] })
  })
})

t.test('retry', async (t) => {
  t.test('queues a failed task once, however many callers ask', async (t) => {
    const f = new QueueFixture(t)
    await f.add('a', 'b')
    await f.claim(1)
    await f.settle(['a', 'failed'])
    const events = await f.events(t)
    t.equal(await f.queue.retry('a', text('a', 'other'), text('a')), 'changed')
    const retry = (): Promise<string> => f.queue.retry('a', text('a', 'failed'), text('a', 'created again'))
    const replies = await Promise.all(range(1, 5).map(retry))
    t.strictSame(replies.sort(), ['changed', 'changed', 'changed', 'changed', 'queued'])
    t.strictSame(await f.state(), { waiting: ['a', 'b'], jobs: ['a', 'b'] })
    t.equal((await f.queue.readTask('a'))!.text, text('a', 'created again'))
    await until('the message arrives', () => events.length === 1)
    t.strictSame(events, ['task:a waiting'])
  })

  t.test('queues many failed tasks in one step, each once, in their order', async (t) => {
    const f = new QueueFixture(t)
    await f.add('a', 'b', 'c', 'd')
    await f.claim(4)
    await f.settle(['a', 'failed'], ['b', 'failed'], ['c', 'succeeded'])
    const events = await f.events(t)
    const [a, b, ...others] = await f.queue.walk.failedUntil(['a', 'b', 'c', 'd', 'nobody'])
    t.strictSame(others, [null, null, null])
    const one = (id: string, until = a!): TaskToRetry => ({ id, until, after: text(id, 'again') })
    t.strictSame(await f.queue.many.retry([
      one('b', b!), one('b', b!), one('c'), one('d'), one('nobody'), one('a', '1'), one('a')
    ]), ['queued', 'changed', 'changed', 'changed', 'changed', 'changed', 'queued'])
    const { waiting, failed } = await f.state()
    t.strictSame([waiting, failed], [['a', 'b'], undefined], 'the first to be claimed is the last of the list')
    t.equal((await f.queue.readTask('a'))!.text, text('a', 'again'))
    await until('the messages arrive', () => events.length === 2)
    t.strictSame(events, ['task:b waiting', 'task:a waiting'])
    t.strictSame(await f.queue.many.retry([]), [])
  })

  t.test('what Bee-Queue has removed, or has failed again, is not queued among many', async (t) => {
    const f = new QueueFixture(t)
    await f.add('a', 'b')
    await f.claim(2)
    await f.settle(['a', 'failed'], ['b', 'failed'])
    const [a, b] = await f.queue.walk.failedUntil(['a', 'b'])
    await f.redis.multi().srem(f.key('failed'), 'a').hdel(f.key('jobs'), 'a').exec() // it knows no other key
    t.equal(await f.queue.retry('b', text('b', 'failed'), text('b')), 'queued')
    await f.claim(1, 'w.2')
    await f.settle(['b', 'failed', 2 * LONG, 'w.2'])
    const tasks = [{ id: 'a', until: a!, after: text('a') }, { id: 'b', until: b!, after: text('b') }]
    t.strictSame(await f.queue.many.retry(tasks), ['changed', 'changed'])
    const { waiting, failed, jobs } = await f.state()
    t.strictSame([waiting, failed, jobs], [undefined, ['b'], ['b']])
    const now = (await f.queue.walk.failedUntil(['b']))[0]!
    t.strictSame(await f.queue.many.retry([{ id: 'b', until: now, after: text('b') }]), ['queued'])
  })

  t.test('cancels many tasks in one step, as one by one', async (t) => {
    const f = new QueueFixture(t)
    await f.add('a', 'b', 'c', 'd')
    await f.queue.add({ id: 'l', text: text('l'), delay: Date.now() + LONG })
    await f.claim(1)
    const events = await f.events(t)
    const one = (id: string, ttl = LONG, before = text(id)): TaskToCancel =>
      ({ id, before, after: text(id, 'cancelled'), ttl })
    t.strictSame(await f.queue.many.cancel([
      one('a'), one('b'), one('b'), one('c', 0), one('c', 0), one('l'), one('d', LONG, text('d', 'other')),
      one('nobody')
    ]), ['requested', 'cancelled', 'changed', 'cancelled', 'unknown', 'cancelled', 'changed', 'unknown'])
    const { waiting, jobs, cancelling, delayed } = await f.state()
    t.strictSame({ waiting, jobs, cancelling, delayed },
      { waiting: ['d'], jobs: ['a', 'b', 'd', 'l'], cancelling: ['a'], delayed: undefined })
    t.equal((await f.queue.readTask('b'))!.text, text('b', 'cancelled'))
    await until('the messages arrive', () => events.length === 4)
    t.strictSame(events.sort(), ['cancel:w a', 'task:b cancelled', 'task:c cancelled', 'task:l cancelled'])
    t.strictSame(await f.queue.many.cancel([]), [])
  })

  t.test('many whose records are large, are bytes, or look like what is sent of a record', async (t) => {
    const f = new QueueFixture(t)
    const digest = `#${createHash('sha1').update(text('b', 'failed')).digest('hex')}`
    const records: Array<[string, string | Buffer]> = [
      ['a', text('a', 'x'.repeat(20_000))], ['b', text('b', 'failed')], ['c', digest], ['d', `=${digest}`], ['e', ''],
      ['f', Buffer.from([0xff, 0x00, 0x23])], ['g', Buffer.alloc(20_000, 0xfe)]
    ]
    for (const [id, record] of records) {
      await f.redis.multi().hset(f.key('jobs'), id, record).lpush(f.key('waiting'), id).exec()
    }
    const longer = (record: string | Buffer): Buffer => Buffer.concat([Buffer.from(record), Buffer.from('.')])
    const others = records.map(([id, record]) => ({ id, before: longer(record) }))
    t.strictSame(await f.queue.many.remove(others), records.map(() => 'changed'))
    const toCancel = (id: string, before: string | Buffer): TaskToCancel =>
      ({ id, before, after: text(id, 'cancelled'), ttl: LONG })
    t.strictSame(await f.queue.many.cancel([toCancel('c', text('b', 'failed'))]), ['changed'])
    const read = records.map(([id, record]) => toCancel(id, record))
    t.strictSame(await f.queue.many.cancel(read), records.map(() => 'cancelled'))
    for (const [id] of records) t.equal((await f.queue.readTask(id))!.text, text(id, 'cancelled'))
  })

  t.test('what a plain Bee-Queue worker holds is not cancelled, among few or many', async (t) => {
    const f = new QueueFixture(t)
    for (const held of [range(1, 100), range(1, 101)]) {
      await f.redis.del(f.key('active'))
      await f.add('free', 'n7')
      await f.redis.lpush(f.key('active'), ...held)
      t.strictSame(await f.queue.many.cancel(['n7', 'free'].map(id =>
        ({ id, before: text(id), after: text(id, 'cancelled'), ttl: 0 }))), ['requested', 'cancelled'])
      t.strictSame((await f.state()).jobs, ['n7'])
    }
  })

  t.test('removes many tasks in one step, as one by one', async (t) => {
    const f = new QueueFixture(t)
    await f.add('a', 'b', 'c', 'd')
    await f.claim(2)
    await f.settle(['a', 'failed'])
    const before = (id: string, status?: string): TaskToRemove => ({ id, before: text(id, status) })
    t.strictSame(await f.queue.many.remove([
      before('a', 'failed'), before('a', 'failed'), before('b'), before('c'), before('d', 'other'), before('nobody')
    ]), ['removed', 'unknown', 'active', 'removed', 'changed', 'unknown'])
    const { waiting, jobs, failed } = await f.state()
    t.strictSame({ waiting, jobs, failed }, { waiting: ['d'], jobs: ['b', 'd'], failed: undefined })
    t.strictSame(await f.queue.many.remove([]), [])
  })

  t.test('of many that leave a long list each is counted', async (t) => {
    const f = new QueueFixture(t)
    const ids = range(1, 1_001)
    await f.add(...ids)
    const tasks = ids.slice(0, 3).map(id => ({ id, before: text(id) }))
    t.strictSame(await f.queue.many.remove(tasks), ['removed', 'removed', 'removed'])
    t.strictSame(await f.redis.hgetall(f.key('leftovers')), { '': '3', n1: '1', n2: '1', n3: '1' })
    t.equal((await f.queue.counts()).waiting, 998)
  })

  t.test('refuses a task that has not failed', async (t) => {
    const f = new QueueFixture(t)
    await f.add('active', 'succeeded', 'cancelled', 'expired', 'waiting')
    await f.claim(4)
    await f.settle(['succeeded', 'succeeded'], ['cancelled', 'cancelled'], ['expired', 'expired'])
    const before = await f.dump()
    for (const [id, record] of Object.entries<string>(before.jobs)) {
      t.equal(await f.queue.retry(id, record, text(id)), 'refused', id)
    }
    t.equal(await f.queue.retry('nobody', '', text('nobody')), 'changed')
    t.strictSame(await f.dump(), before)
  })
})
