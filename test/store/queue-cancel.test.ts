/**
 * The scripts, through the queue that runs them: cancel and retry.
 */
import t from 'tap'
import { until } from '../support/helpers.ts'
import { Bench, LONG, range, soon, text } from '../support/queue-fixture.ts'

t.test('cancel', async (t) => {
  const cancel = (b: Bench, id: string, ttl = LONG): Promise<string> => b.queue.cancel(id, text(id), text(id, 'cancelled'), ttl)

  t.test('a waiting or a delayed task never starts', async (t) => {
    const b = new Bench(t)
    await b.queue.addMany([{ id: 'd', text: text('d'), delay: 1 }, { id: 'e', text: text('e'), delay: 1 }])
    await b.add('w', 'x')
    for (const key of ['stalls', 'progress']) await b.redis.hset(b.key(key), 'w', 1)
    const events = await b.events(t)
    for (const [id, ttl] of [['w', LONG], ['x', 0], ['d', LONG], ['e', 0]] as const) t.equal(await cancel(b, id, ttl), 'cancelled')
    t.strictSame(await b.claim(9), [])
    t.strictSame(await b.state(), { 'done:cancelled': ['d', 'w'], jobs: ['d', 'w'] }, 'nothing else is left')
    soon(t, await b.score('done:cancelled', 'w'), LONG)
    t.equal((await b.queue.readTask('w'))!.text, text('w', 'cancelled'))
    await until('it is told', () => events.length === 4)
    t.strictSame(events, ['w', 'x', 'd', 'e'].map(id => `task:${id} cancelled`))
  })

  t.test('the worker of a running task is told', async (t) => {
    const b = new Bench(t)
    await b.add('a')
    await b.claim(1)
    const before = await b.dump()
    const events = await b.events(t)
    t.equal(await cancel(b, 'a'), 'requested')
    t.equal(await cancel(b, 'a'), 'requested')
    t.strictSame(await b.dump(), { ...before, cancelling: ['a'] })
    await until('it is told', () => events.length === 2)
    t.strictSame(events, ['cancel a', 'cancel a'])
  })

  t.test('a task that a plain worker holds is left to it', async (t) => {
    const b = new Bench(t)
    await b.add('a', 'b', 'c')
    await b.hold()
    await b.claim(1)
    const before = await b.dump()
    t.equal(await cancel(b, 'a'), 'requested')
    t.strictSame(await b.dump(), before)
    t.equal(await cancel(b, 'c'), 'cancelled')
  })

  t.test('only the record that was read', async (t) => {
    const b = new Bench(t)
    await b.add('a')
    const before = await b.dump()
    t.equal(await cancel(b, 'nobody'), 'unknown')
    t.equal(await b.queue.cancel('a', text('a', 'retrying'), text('a', 'cancelled'), LONG), 'changed')
    t.strictSame(await b.dump(), before)
  })

  t.test('in a long queue the id stays, and who claims it finds the record cancelled, or none', async (t) => {
    const b = new Bench(t)
    await b.add(...range(1, 1_001))
    for (const id of ['n1', 'n2', 'n3']) t.equal(await cancel(b, id), 'cancelled')
    t.equal((await b.waiting()).length, 1_001)
    await b.redis.hdel(b.key('jobs'), 'n2')
    const { jobs } = await b.queue.claim(4, 'w.1', LONG, false)
    t.strictSame(jobs.map(job => [job.id, job.text]), [['n1', text('n1', 'cancelled')], ['n3', text('n3', 'cancelled')], ['n4', text('n4')]])
  })

  t.test('of a task that stalled leaves nothing of its run', async (t) => {
    const b = new Bench(t)
    await b.add('a')
    await b.claim(1)
    await b.queue.updateProgress({ id: 'a', token: 'w.1' }, '{"stage":"X","progress":1}')
    await b.lapse('a')
    await b.queue.upkeep.recover('r.1', LONG, 2)
    t.equal(await cancel(b, 'a', 0), 'cancelled')
    t.strictSame(await b.state(), { jobs: [] })
  })
})

t.test('retry', async (t) => {
  t.test('queues a failed task, once however many ask', async (t) => {
    const b = new Bench(t)
    await b.add('a', 'b')
    await b.claim(1)
    await b.settle(['a', 'failed'])
    const events = await b.events(t)
    t.equal(await b.queue.retry('a', text('a', 'other'), text('a')), 'changed')
    const asked = await Promise.all(range(1, 5).map(() => b.queue.retry('a', text('a', 'failed'), text('a', 'created again'))))
    t.strictSame(asked.sort(), ['changed', 'changed', 'changed', 'changed', 'queued'])
    t.strictSame(await b.state(), { waiting: ['a', 'b'], jobs: ['a', 'b'] })
    t.equal((await b.queue.readTask('a'))!.text, text('a', 'created again'))
    await until('it is told', () => events.length === 1)
    t.strictSame(events, ['task:a waiting'])
  })

  t.test('refuses what has not failed', async (t) => {
    const b = new Bench(t)
    await b.add('active', 'succeeded', 'cancelled', 'expired', 'waiting')
    await b.claim(4)
    await b.settle(['succeeded', 'succeeded'], ['cancelled', 'cancelled'], ['expired', 'expired'])
    const before = await b.dump()
    for (const [id, record] of Object.entries<string>(before.jobs)) t.equal(await b.queue.retry(id, record, text(id)), 'refused', id)
    t.equal(await b.queue.retry('nobody', '', text('nobody')), 'changed')
    t.strictSame(await b.dump(), before)
  })
})
