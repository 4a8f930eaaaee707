/**
 * The queue of mode 'memory' replies as the one in Redis: random programs make the same calls of both, and compare
 * replies, records and messages.
 */
import t from 'tap'
import { MemoryStore } from '../../lib/store/memory/store.ts'
import { knownPrograms, observe, programs, text } from '../support/queue-programs.ts'
import { comparePrograms } from '../support/compare-programs.ts'
import { compare, members, type QueueUnderTest } from '../support/queue-under-test.ts'

t.test('whatever is called, in whatever order, it replies as Redis does', async t => {
  let replies = 0
  const begin = async (sides: QueueUnderTest[]): Promise<void> => {
    for (const { queue, listen } of sides) await listen(queue.cancelChannel('w'), 'cancel')
    await compare('the name', sides, async ({ queue }) => queue.name)
  }
  await comparePrograms(t, { programs, knownPrograms, observe, members, begin, onReply: () => { replies++ } })
  t.ok(replies / 2 > 300, `${replies / 2} calls were compared`)
})

t.test('when the clock is moved, due tasks are queued and expired records are removed', async t => {
  const store = new MemoryStore()
  const queue = store.queue('q')
  const start = store.now()
  const waiting = async (): Promise<string[]> => (await queue.pageOf('waiting', 10)).ids
  const dueIn: Record<string, number> = { late: 300, early: 100, same: 100, due: 0 }
  await queue.addMany(Object.entries(dueIn).map(([id, ms]) => ({ id, text: text(id), delay: start + ms })))
  t.same((await queue.pageOf('delayed', 10)).ids, ['early', 'same', 'late'], 'tasks with one due time stay in order')
  t.same(await waiting(), ['due'])
  t.equal(store.due, start + 100)
  store.moveTo(start + 99)
  t.same(await waiting(), ['due'])
  store.moveTo(start + 100)
  t.same(await waiting(), ['due', 'early', 'same'])
  store.moveTo(start)
  t.equal(store.now(), start + 100, 'the clock is not moved backwards')
  await queue.claim(1, 'w')
  await queue.settle([{ id: 'due', token: 'w', outcome: 'failed', text: text('due', 'failed'), ms: 50 }])
  store.moveTo(start + 149)
  t.ok(await queue.readTask('due'))
  store.moveTo(start + 150)
  t.equal(await queue.readTask('due'), null)
  t.equal((await queue.counts()).failed, 0)
  t.equal(await queue.add({ id: 'due', text: text('due') }), true, 'the id is free again')
})

t.test('claimNext resolves when a task is waiting, and claims it for one of those who wait', async t => {
  const queue = new MemoryStore().queue('q')
  const waits = [queue.claimNext(5, 'w.1'), queue.claimNext(5, 'w.2')]
  await queue.add({ id: 'a', text: text('a') })
  t.same((await Promise.all(waits)).map(({ jobs }) => jobs.map(job => job.id)), [['a'], []])
  await queue.add({ id: 'b', text: text('b') })
  t.match(await queue.claimNext(5, 'w.3'), { jobs: [{ id: 'b' }] })
})

t.test('cancelWait ends the wait of its token, and no other', async t => {
  const queue = new MemoryStore().queue('q')
  const [cancelled, other] = [queue.claimNext(5, 'w.1'), queue.claimNext(5, 'w.2')]
  await queue.cancelWait('w.1')
  t.same((await cancelled)?.jobs, [])
  await queue.add({ id: 'a', text: text('a') })
  t.match(await other, { jobs: [{ id: 'a' }] })
  t.same((await queue.claimNext(5, 'w.1'))?.jobs, [], 'the token is cancelled for later waits as well')
})

t.test('keys at rest leave nothing: those with a rate once their starts count no more', async t => {
  const [store, count] = [new MemoryStore(), 2_000]
  const queue = store.queue('q')
  await queue.lanes.declare('a', 2, 1)
  await queue.lanes.declare('b', 2, 1, [{ max: 9, window: 1_000 }])
  for (let i = 0; i < count; i++) {
    for (const name of ['a', 'b']) {
      await queue.add({ id: `${name}${i}`, text: text(`${name}${i}`), lane: `${name} k${i}` })
    }
  }
  t.equal(queue.lanes.size, 2 * count)
  const { jobs } = await queue.claim(2 * count, 'w')
  const laneOf = (id: string): string => `${id[0]} k${id.slice(1)}`
  await queue.settle(jobs.map(({ id }) => ({
    id, token: 'w', outcome: 'succeeded' as const, text: text(id, 'succeeded'), ms: 0, lane: laneOf(id)
  })))
  t.equal(queue.lanes.size, count, 'those with a limit are gone')
  store.moveTo(store.now() + 900)
  t.equal(queue.lanes.size, count, 'a start counts for its window')
  await queue.add({ id: 'again', text: text('again'), lane: 'b k0' })
  store.moveTo(store.now() + 200)
  t.match(await queue.lanes.list(9), [{ lane: 'b k0', used: 1 }], 'a key that is used again is kept')
  t.equal(queue.lanes.size, 1)
})
