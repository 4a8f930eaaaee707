/**
 * The queue of memory mode answers as the one in Redis: the same calls of both, in any order.
 */
import fc from 'fast-check'
import t from 'tap'
import { MemoryStore } from '../../lib/store/memory/store.ts'
import { RedisQueue } from '../../lib/store/redis/queue.ts'
import type { ClaimRef, Settlement } from '../../lib/store/contract.ts'
import type { Queue } from '../../lib/store/contract.ts'
import type { TaskState } from '../../lib/types.ts'
import { connect, randomPrefix } from '../support/helpers.ts'

const RUNS = Number(process.env.RUNS ?? 40)
const LONG = 3_600_000
/** Far enough apart that two clocks put them into one order. */
const wait = (id: string): number => LONG + 100_000 * id.charCodeAt(0)
const DUE = Date.now()

const text = (id: string, status = 'created'): string => JSON.stringify({ data: { name: 'a', data: id }, options: { timestamp: 1, attempts: 1 }, status })

/** One call, by what it answers. Times are left out: each has its own clock. */
interface Call { what: string, of: (queue: Queue) => Promise<unknown>, [fc.toStringMethod]: () => string }

type Settled = ClaimRef & { outcome: Settlement['outcome'], at: 'once' | 'later' }

const call = <Input>(name: string, of: (queue: Queue, input: Input) => Promise<unknown>) => (input: Input): Call => {
  const what = `${name} ${JSON.stringify(input)}`
  return { what, of: queue => of(queue, input), [fc.toStringMethod]: () => what }
}

/** The record as it stands, as who read it just now would give it; or another. */
const before = async (queue: Queue, id: string, stale?: boolean): Promise<string> => stale ? 'stale' : (await queue.readTask(id))?.text ?? ''

const add = call('add', (queue, { id, delayed }: { id: string, delayed?: boolean }) => queue.add({ id, text: text(id), ...(delayed ? { delay: DUE + wait(id) } : {}) }))
const addMany = call('addMany', (queue, ids: string[]) => queue.addMany(ids.map(id => ({ id, text: text(id) }))))
const claim = call('claim', async (queue, { free, token }: { free: number, token: string }) => (await queue.claim(free, token, LONG, false)).jobs)
const settle = call('settle', (queue, batch: Settled[]) => queue.settle(batch.map(({ at, ...one }) => ({ ...one, text: text(one.id, one.outcome), ms: at === 'once' ? 0 : wait(one.id) }))))
const renew = call('renew', (queue, held: ClaimRef[]) => queue.renew(LONG, held))
const release = call('release', (queue, held: ClaimRef[]) => queue.release(held))
const update = call('update', (queue, { stage, ...held }: ClaimRef & { stage: string | null }) => queue.updateProgress(held, JSON.stringify({ stage, progress: { n: 1 } })))
const cancel = call('cancel', async (queue, { id, stale, ttl }: { id: string, stale?: boolean, ttl: number }) => queue.cancel(id, await before(queue, id, stale), text(id, 'cancelled'), ttl))
const retry = call('retry', async (queue, { id, stale }: { id: string, stale?: boolean }) => queue.retry(id, await before(queue, id, stale), text(id, 'again')))
const remove = call('remove', (queue, id: string) => queue.remove(id))
const purge = call('purge', (queue, limit: number) => queue.purge(limit))
const page = call('page', (queue, { state, after, limit }: { state: TaskState, after: string, limit: number }) => queue.pageOf(state, limit, after === '' ? undefined : { id: after, place: 0 }))

const id = fc.constantFrom('a', 'b', 'c', 'd')
const token = fc.oneof({ weight: 4, arbitrary: fc.constant('w.1') }, fc.constant('w.2'))
const held = fc.uniqueArray(fc.record<ClaimRef>({ id, token }), { minLength: 1, maxLength: 3, selector: one => one.id })
const outcome = fc.constantFrom<Settlement['outcome']>('succeeded', 'failed', 'cancelled', 'expired', 'retry', 'defer', 'drop')
const stale = fc.boolean()
const ttl = fc.constantFrom(0, LONG)

const calls = fc.array(fc.oneof(
  { weight: 4, arbitrary: fc.record({ id, delayed: fc.boolean() }).map(add) },
  fc.array(id, { maxLength: 5 }).map(addMany),
  { weight: 6, arbitrary: fc.record({ free: fc.nat(3), token }).map(claim) },
  { weight: 6, arbitrary: fc.array(fc.record<Settled>({ id, token, outcome, at: fc.constantFrom('once', 'later') }), { minLength: 1, maxLength: 3 }).map(settle) },
  held.map(renew),
  held.map(release),
  fc.record({ id, token, stage: fc.constantFrom('X', null) }).map(update),
  { weight: 2, arbitrary: fc.record({ id, stale, ttl }).map(cancel) },
  fc.record({ id, stale }).map(retry),
  id.map(remove),
  fc.constantFrom(1, 100).map(purge),
  fc.record({ after: fc.oneof(id, fc.constant('')), limit: fc.integer({ min: 1, max: 3 }), state: fc.constantFrom<TaskState>('waiting', 'active', 'delayed') }).map(page)
), { minLength: 10, maxLength: 60, size: 'max' })

const a: ClaimRef = { id: 'a', token: 'w.1' }
const one = { free: 1, token: 'w.1' }
const ends = (outcome: Settlement['outcome'], at: Settled['at'] = 'later'): Call => settle([{ ...a, outcome, at }])
/** Ways through a task's life that chance takes too seldom. */
const lives: Call[][] = [
  // A cancel is asked for while it runs: no retry, no release; and the next task of the id knows nothing of it.
  [add(a), claim(one), cancel({ id: 'a', ttl: LONG }), renew([a]), ends('retry'), ends('defer', 'once'), release([a]), ends('cancelled'), remove('a'), add(a), claim(one), renew([a]), ends('retry')],
  [add(a), claim(one), cancel({ id: 'a', ttl: LONG }), ends('drop'), renew([a]), purge(9)],
  // Its progress goes with the claim.
  [add(a), claim(one), update({ ...a, stage: 'X' }), ends('retry', 'once'), claim(one), update({ ...a, stage: 'Y' }), release([a]), claim(one), update({ ...a, stage: 'Z' }), ends('succeeded')],
  // What is given back is the next, in its old order; what runs is not removed; what is put back keeps its record.
  [addMany(['a', 'b', 'c', 'd']), claim({ free: 3, token: 'w.1' }), release([a, { id: 'b', token: 'w.1' }]), claim({ free: 2, token: 'w.1' }), remove('a'), ends('defer', 'once')],
  // It fails, and is asked for again: once.
  [add(a), claim(one), ends('failed'), retry({ id: 'a', stale: true }), retry({ id: 'a' }), retry({ id: 'a' }), claim(one), ends('failed'), remove('a'), retry({ id: 'a' })],
  [add(a), claim(one), ends('succeeded'), retry({ id: 'a' }), add(a), cancel({ id: 'a', ttl: LONG })]
]

/** What ended in one ms may be in any order. */
const inNoOrder = (state: TaskState): boolean => !['waiting', 'active', 'delayed', 'retrying'].includes(state)

/** All that can be seen from outside. */
async function look (queue: Queue): Promise<unknown> {
  const states: TaskState[] = ['waiting', 'active', 'delayed', 'retrying', 'succeeded', 'failed', 'cancelled', 'expired']
  const pages = await Promise.all(states.map(async state => {
    const { ids } = await queue.pageOf(state, 10)
    return inNoOrder(state) ? ids.sort() : ids
  }))
  const records = await Promise.all(['a', 'b', 'c', 'd'].map(async id => {
    const read = await queue.readTask(id)
    return read && { text: read.text, raw: String(read.raw), claimed: read.live.claimedAt !== undefined, delayed: read.live.delayedTo !== undefined, progress: read.live.progress, held: read.live.held }
  }))
  return { counts: await queue.counts(), pages, records }
}

t.test('whatever is asked, in whatever order, it answers as Redis does', async t => {
  const redis = connect(t)
  let made = 0
  const attempt = async (all: Call[]): Promise<void> => {
    const queues: [Queue, Queue] = [new RedisQueue(redis, 'q', randomPrefix()), new MemoryStore().queue('q')]
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
  await fc.assert(fc.asyncProperty(calls, attempt), { numRuns: RUNS, interruptAfterTimeLimit: 40_000, examples: lives.map(life => [life]) })
  t.ok(made > 300, `${made} calls of each`)
})

t.test('what comes due and what goes, when the clock is moved', async t => {
  const store = new MemoryStore()
  const queue = store.queue('q')
  const start = store.now()
  const waiting = async (): Promise<string[]> => (await queue.pageOf('waiting', 10)).ids
  await queue.addMany([['late', 300], ['early', 100], ['same', 100], ['due', 0]].map(([id, ms]) => ({ id: id as string, text: text('x'), delay: start + (ms as number) })))
  t.same((await queue.pageOf('delayed', 10)).ids, ['early', 'same', 'late'], 'of one time in the order in which they came')
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
  t.ok(await queue.readTask('due'))
  store.moveTo(start + 150)
  t.equal(await queue.readTask('due'), null)
  t.equal((await queue.counts()).failed, 0)
  t.equal(await queue.add({ id: 'due', text: text('x') }), true, 'its id is free again')
})

t.test('claimNext: wakes when something waits, and takes nothing', async t => {
  const queue = new MemoryStore().queue('q')
  const waits = [queue.claimNext(5, 'w.1'), queue.claimNext(5, 'w.2')]
  await queue.add({ id: 'a', text: text('a') })
  t.same(await Promise.all([...waits, queue.claimNext(5, 'w.3')]), [null, null, null])
  t.same((await queue.cancelWait('w.1')).jobs, [])
  t.same((await queue.pageOf('waiting', 10)).ids, ['a'])
})
