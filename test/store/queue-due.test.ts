/**
 * Delayed tasks that are due, the timekeepers who queue them, and the wait that wakes one worker for one task.
 */
import t from 'tap'
import { connect, until } from '../support/helpers.ts'
import { isAbout, LONG, QueueFixture, range, text } from '../support/queue-fixture.ts'

t.test('queueDue moves due tasks behind the waiting ones, in the order of their due times', async t => {
  const f = new QueueFixture(t)
  const due = Date.now() + LONG
  const delays: Record<string, number> = { late: 3, early: 1, mid: 2, 'not yet': due }
  await f.queue.addMany(Object.entries(delays).map(([id, delay]) => ({ id, text: text('x'), delay })))
  await f.add('first')
  t.strictSame(await f.claim(0), [], 'a claim moves none')
  t.match(await f.upkeep.queueDue('w'), { isTimekeeper: true, next: due })
  t.strictSame(await f.waiting(), ['first', 'early', 'mid', 'late'])
  t.strictSame((await f.state()).delayed, ['not yet'])
  t.strictSame(await f.claim(9), ['first', 'early', 'mid', 'late'])
})

t.test('queueDue moves at most 500 at once, and says that more are due', async t => {
  const f = new QueueFixture(t)
  for (const from of [1, 501]) {
    await f.queue.addMany(range(from, from + 499).map((id, i) => ({ id, text: text(id), delay: from + i })))
  }
  t.match(await f.upkeep.queueDue('w'), { next: 501 })
  t.strictSame(await f.waiting(), range(1, 500))
  t.match(await f.upkeep.queueDue('other'), { next: null })
  t.equal((await f.waiting()).length, 1_000)
})

t.test('three workers are timekeepers. A seat that becomes free is taken by the next who looks', async t => {
  const f = new QueueFixture(t)
  const isTimekeeper = async (worker: string): Promise<boolean> => (await f.upkeep.queueDue(worker)).isTimekeeper
  for (const worker of ['a', 'b', 'c']) t.equal(await isTimekeeper(worker), true, worker)
  t.equal(await isTimekeeper('d'), false)
  t.equal(await isTimekeeper('a'), true, 'it keeps its seat')
  isAbout(t, await f.score('timekeepers', 'a'), 15_000)
  await f.upkeep.endLease('b')
  t.equal(await isTimekeeper('d'), true, 'one has closed')
  t.equal(await isTimekeeper('e'), false)
  await f.redis.zadd(f.key('timekeepers'), Date.now() - 1, 'c')
  t.equal(await isTimekeeper('e'), true, 'one has died')
  await f.redis.zadd(f.key('timekeepers'), Date.now() + 3_600_000, 'a')
  t.equal(await isTimekeeper('f'), true, 'one has died, and the clock of Redis was set back')
  await f.redis.zrem(f.key('timekeepers'), 'd')
  await f.queue.add({ id: 'x', text: text('x'), delay: 1 })
  await Promise.all(['g', 'h', 'i'].map(isTimekeeper))
  t.equal(await isTimekeeper('j'), false)
  await f.queue.add({ id: 'y', text: text('y'), delay: 1 })
  await isTimekeeper('k')
  t.strictSame(await f.waiting(), ['x', 'y'], 'one who has no seat queues what is due, too')
})

t.test('a task wakes one of the workers that wait for it, in the order in which they wait', async t => {
  const f = new QueueFixture(t)
  const waits = [await f.wait(t, 'w.1'), await f.wait(t, 'x.1'), await f.wait(t, 'y.1')]
  const ended: number[] = []
  waits.forEach(({ claimed }, i) => void claimed.then(() => ended.push(i)))
  await f.add('a')
  t.strictSame((await waits[0]!.claimed).jobs.map(job => job.id), ['a'])
  t.strictSame(ended, [0])
  await f.add('b', 'c')
  const others = await Promise.all(waits.slice(1).map(({ claimed }) => claimed))
  t.strictSame(others.map(({ jobs }) => jobs.map(job => job.id)), [['b'], ['c']])
  t.strictSame(await f.state(), { claims: { a: 'w.1', b: 'x.1', c: 'y.1' }, jobs: ['a', 'b', 'c'] })
})

t.test('a worker dies between its wait and its claim', async t => {
  const f = new QueueFixture(t)
  /** What is left when it dies there: the id was moved, and no claim came. */
  const die = async (...ids: string[]): Promise<void> => {
    await f.add(...ids)
    await Promise.all(ids.map(() => f.redis.blmove(f.key('waiting'), f.key('handoff'), 'RIGHT', 'LEFT', 1)))
    t.equal(await f.redis.llen(f.key('handoff')), ids.length)
  }
  await die('a')
  t.equal((await f.queue.counts()).waiting, 1, 'it is counted')
  t.strictSame(await f.claim(1), ['a'], 'a worker that has a free slot takes it')

  await die('b')
  const { jobs } = await f.queue.overClient(connect(t)).claimNext(0.05, 'w.2')
  t.strictSame(jobs.map(job => job.id), ['b'], 'so does one whose wait ends')

  await die('c')
  const wait = await f.wait(t, 'w.3')
  await f.queue.cancelWait('w.4')
  t.strictSame((await wait.claimed).jobs.map(job => job.id), ['c'], 'a cut wait gives it to another')

  await die('d', 'e', 'f')
  await f.add('g')
  t.strictSame(await f.claim(2), ['d', 'g'], 'not more than it may take')
  t.strictSame(await f.claim(9), ['e', 'f'], 'oldest first')
  t.equal(await f.redis.exists(f.key('handoff')), 0)
})

t.test('many producers at once: each wait gets a task, and each task is claimed once', async t => {
  const f = new QueueFixture(t)
  const waits = await Promise.all(Array.from({ length: 20 }, (_, i) => f.wait(t, `w${i}.1`)))
  await Promise.all(range(1, 20).map(id => f.add(id)))
  const claimed = await Promise.all(waits.map(({ claimed }) => claimed))
  t.strictSame(claimed.flatMap(({ jobs }) => jobs.map(job => job.id)).sort(), range(1, 20).sort())
  await until('no id is left', async () => await f.redis.exists(f.key('waiting'), f.key('handoff')) === 0)
})
