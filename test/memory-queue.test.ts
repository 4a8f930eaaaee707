/**
 * The queue of inline mode answers as the one in Redis: the same calls of both, in any order.
 */
import fc from 'fast-check'
import t from 'tap'
import { MemoryStore } from '../lib/memory-store.ts'
import { TaskQueue, type Held, type Settlement } from '../lib/queue.ts'
import type { Queue } from '../lib/store.ts'
import type { TaskState } from '../lib/types.ts'
import { connect, randomPrefix } from './helpers.ts'

const RUNS = Number(process.env.RUNS ?? 40)
const LONG = 3_600_000
/** Far enough apart that two clocks put them into one order. */
const wait = (id: string): number => LONG + 100_000 * id.charCodeAt(0)
const DUE = Date.now()

const text = (id: string, status = 'created'): string => JSON.stringify({ data: { name: 'a', data: id }, options: { timestamp: 1, attempts: 1 }, status })

/** One call, by what it answers. Times are left out: each has its own clock. */
interface Call { what: string, of: (queue: Queue) => Promise<unknown>, [fc.toStringMethod]: () => string }

const id = fc.constantFrom('a', 'b', 'c', 'd', 'e')
const token = fc.constantFrom('w.1', 'w.2')
const held = fc.array(fc.record<Held>({ id, token }), { minLength: 1, maxLength: 3 })
const settlements = fc.array(fc.record({
  id,
  token,
  outcome: fc.constantFrom<Settlement['outcome']>('succeeded', 'failed', 'cancelled', 'expired', 'retry', 'defer', 'drop'),
  at: fc.constantFrom('once', 'later')
}), { minLength: 1, maxLength: 3 })

/** The record as it stands, as who read it just now would give it; or another. */
const before = async (queue: Queue, id: string, stale: boolean): Promise<string> => stale ? 'stale' : (await queue.read(id))?.text ?? ''

/** What ended in one ms may be in any order. */
const inNoOrder = (state: TaskState): boolean => !['waiting', 'active', 'delayed', 'retrying'].includes(state)

const call = <Input>(name: string, arbitrary: fc.Arbitrary<Input>, of: (queue: Queue, input: Input) => Promise<unknown>): fc.Arbitrary<Call> =>
  arbitrary.map(input => {
    const what = `${name} ${JSON.stringify(input)}`
    return { what, of: queue => of(queue, input), [fc.toStringMethod]: () => what }
  })

const stale = fc.boolean()
const ttl = fc.constantFrom(0, LONG)
const calls = fc.array(fc.oneof(
  { weight: 4, arbitrary: call('add', fc.record({ id, delayed: fc.boolean() }), (queue, one) => queue.add({ id: one.id, text: text(one.id), ...(one.delayed ? { delay: DUE + wait(one.id) } : {}) })) },
  call('addMany', fc.array(id, { maxLength: 5 }), (queue, ids) => queue.addMany(ids.map(id => ({ id, text: text(id) })))),
  { weight: 4, arbitrary: call('claim', fc.record({ free: fc.nat(3), token }), async (queue, { free, token }) => (await queue.claim(free, token, LONG, false)).jobs) },
  { weight: 4, arbitrary: call('settle', settlements, (queue, batch) => queue.settle(batch.map(({ at, ...one }) => ({ ...one, text: text(one.id, one.outcome), ms: at === 'once' ? 0 : wait(one.id) })))) },
  call('renew', held, (queue, held) => queue.renew(LONG, held)),
  call('release', held.map(all => [...new Map(all.map(one => [one.id, one])).values()]), (queue, held) => queue.release(held)),
  call('update', fc.record({ id, token, stage: fc.constantFrom('X', null) }), (queue, { stage, ...held }) => queue.update(held, JSON.stringify({ stage, progress: { n: 1 } }))),
  call('cancel', fc.record({ id, stale, ttl }), async (queue, one) => queue.cancel(one.id, await before(queue, one.id, one.stale), text(one.id, 'cancelled'), one.ttl)),
  call('retry', fc.record({ id, stale }), async (queue, one) => queue.retry(one.id, await before(queue, one.id, one.stale), text(one.id, 'again'))),
  call('remove', id, (queue, id) => queue.remove(id)),
  call('purge', fc.constantFrom(1, 100), (queue, limit) => queue.purge(limit)),
  call('reap', fc.constant(10), (queue, limit) => queue.reap(limit)),
  call('join', fc.constant(LONG), (queue, ms) => queue.join(ms)),
  call('recover', token, (queue, token) => queue.recover(token, LONG, 2)),
  call('page', fc.record({ after: fc.oneof(id, fc.constant('')), limit: fc.integer({ min: 1, max: 3 }), state: fc.constantFrom<TaskState>('waiting', 'active') }),
    (queue, { state, after, limit }) => queue.page(state, after, limit))
), { minLength: 10, maxLength: 60, size: 'max' })

/** All that can be seen from outside. */
async function look (queue: Queue): Promise<unknown> {
  const states: TaskState[] = ['waiting', 'active', 'delayed', 'retrying', 'succeeded', 'failed', 'cancelled', 'expired']
  const pages = await Promise.all(states.map(async state => {
    const ids = await queue.page(state, '', 10)
    return inNoOrder(state) ? ids.sort() : ids
  }))
  const records = await Promise.all(['a', 'b', 'c', 'd', 'e'].map(async id => {
    const read = await queue.read(id)
    return read && { text: read.text, raw: String(read.raw), claimed: read.live.claimedAt !== undefined, delayed: read.live.delayedTo !== undefined, progress: read.live.progress, held: read.live.held }
  }))
  return { counts: await queue.counts(), pages, records }
}

t.test('whatever is asked, in whatever order, it answers as Redis does', async t => {
  const redis = connect(t)
  let made = 0
  const attempt = async (all: Call[]): Promise<void> => {
    const queues: [Queue, Queue] = [new TaskQueue(redis, 'q', randomPrefix()), new MemoryStore().queue('q')]
    for (const one of all) {
      const [theirs, ours] = [await one.of(queues[0]), await one.of(queues[1])]
      if (JSON.stringify(theirs) !== JSON.stringify(ours)) fail(one.what, theirs, ours)
      const seen = [await look(queues[0]), await look(queues[1])]
      if (JSON.stringify(seen[0]) !== JSON.stringify(seen[1])) fail(`what is seen after ${one.what}`, seen[0], seen[1])
      made++
    }
    await queues[0].close()
  }
  const fail = (what: string, theirs: unknown, ours: unknown): never => { throw new Error(`${what}\n  Redis: ${JSON.stringify(theirs)}\n  here:  ${JSON.stringify(ours)}`) }
  await fc.assert(fc.asyncProperty(calls, attempt), { numRuns: RUNS, interruptAfterTimeLimit: 40_000 })
  t.ok(made > 300, `${made} calls of each`)
})

t.test('what comes due and what goes, when the clock is moved', async t => {
  const store = new MemoryStore()
  const queue = store.queue('q')
  const start = store.now()
  const waiting = (): Promise<string[]> => queue.page('waiting', '', 10)
  await queue.addMany([['late', 300], ['early', 100], ['same', 100], ['due', 0]].map(([id, ms]) => ({ id: id as string, text: text('x'), delay: start + (ms as number) })))
  t.same(await queue.page('delayed', '', 10), ['early', 'same', 'late'], 'of one time in the order in which they came')
  t.same(await waiting(), ['due'])
  t.equal(store.due, start + 100)
  store.moveTo(start + 99)
  t.same(await waiting(), ['due'])
  store.moveTo(start + 100)
  t.same(await waiting(), ['due', 'early', 'same'])
  store.moveTo(start)
  t.equal(store.now(), start + 100, 'not backwards')
  await queue.claim(1, 'w')
  await queue.settle([{ id: 'due', token: 'w', outcome: 'failed', text: text('x', 'failed'), ms: 50 }])
  store.moveTo(start + 149)
  t.ok(await queue.read('due'))
  store.moveTo(start + 150)
  t.equal(await queue.read('due'), null)
  t.equal((await queue.counts()).failed, 0)
  t.equal(await queue.add({ id: 'due', text: text('x') }), true, 'its id is free again')
})

t.test('wait: for who comes first, and takes nothing', async t => {
  const queue = new MemoryStore().queue('q')
  const waits = [queue.wait(), queue.wait()]
  await queue.add({ id: 'a', text: text('a') })
  t.same(await Promise.all([...waits, queue.wait()]), [true, true, true])
  t.same(await queue.page('waiting', '', 10), ['a'])
})
