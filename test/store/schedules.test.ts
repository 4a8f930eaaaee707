/**
 * Schedules in both stores: the mark that moves with the task, overlaps, moves between queues. Every case runs in Redis
 * and in memory.
 */
import t, { type Test } from 'tap'
import { MemoryStore } from '../../lib/store/memory/store.ts'
import { RedisQueue } from '../../lib/store/redis/queue.ts'
import { RedisSchedulePlaces } from '../../lib/store/redis/schedules.ts'
import { connect, randomPrefix } from '../support/helpers.ts'
import { text } from '../support/queue-fixture.ts'
import type { Queue } from '../../lib/store/contract.ts'
import type { NewSchedule, SchedulePlaces, Tick } from '../../lib/store/schedule-contract.ts'

interface Side { a: Queue, b: Queue, places: SchedulePlaces, now: number }

function both (name: string, body: (t: Test, side: Side) => Promise<void>): void {
  void t.test(`${name} (Redis)`, async t => {
    const redis = connect(t)
    const prefix = randomPrefix()
    const queue = (name: string): Queue => new RedisQueue(redis, name, prefix)
    await body(t, { a: queue('a'), b: queue('b'), places: new RedisSchedulePlaces(redis, prefix), now: Date.now() })
  })
  void t.test(`${name} (memory)`, async t => {
    const store = new MemoryStore()
    await body(t, { a: store.queue('a'), b: store.queue('b'), places: store.schedulePlaces, now: store.now() })
  })
}

/** A schedule whose next tick was due one second ago. */
const schedule = (now: number, more: Partial<NewSchedule> = {}): NewSchedule => ({
  id: 's',
  epoch: 1,
  hash: 'h1',
  declared: false,
  spec: '{}',
  next: { planned: now - 1_000, due: now - 1_000 },
  maxRuns: null,
  grace: 3_600_000,
  expected: null,
  generation: 0,
  passed: null,
  brought: null,
  taskQueue: null,
  onlyNew: false,
  ...more
})

async function tick (queue: Queue, expected: number, more: Partial<Tick> = {}): Promise<string> {
  const { schedules: [stored] } = await queue.schedules.read(['s'])
  const next = expected + 1
  return await queue.schedules.tick({
    id: 's',
    generation: stored?.state.generation ?? 0,
    mode: 'tick',
    expected,
    fire: expected,
    missed: 0,
    next: { planned: next, due: next },
    taskId: `s:${expected}`,
    text: text('s'),
    delay: null,
    overlap: 'skip',
    mark: expected,
    runsElsewhere: false,
    ...more
  })
}

const stateOf = async (queue: Queue): Promise<any> => (await queue.schedules.read(['s'])).schedules[0]?.state

/** The task of a tick runs, and ends. */
async function finish (queue: Queue): Promise<void> {
  const { jobs } = await queue.claim(9, 'w.1', false)
  await queue.settle(jobs.map(({ id, token }) =>
    ({ id, token, outcome: 'succeeded', text: text(id, 'succeeded'), ms: 60_000 })))
}

both('a tick fires once: whoever expects an old mark is too late', async (t, { a, now }) => {
  t.equal(await a.schedules.set(schedule(now)), 'set')
  const planned = now - 1_000
  const replies = await Promise.all(Array.from({ length: 20 }, () => tick(a, planned)))
  t.equal(replies.filter(reply => reply === 'fired').length, 1)
  t.equal(replies.filter(reply => reply === 'taken').length, 19)
  t.equal((await a.counts()).waiting, 1)
  t.ok(await a.readTask(`s:${planned}`))
  t.match(await stateOf(a), { fired: 1, next: planned + 1, last: planned, mark: planned, task: `s:${planned}` })
})

both('a tick of another generation, an early one and one of an unknown schedule do not fire', async (t, { a, now }) => {
  t.equal(await tick(a, now), 'taken', 'unknown')
  await a.schedules.set(schedule(now))
  t.equal(await tick(a, now - 1_000, { generation: 5 }), 'taken')
  const changed = { hash: 'h2', next: { planned: now + 60_000, due: now + 60_000 } }
  t.equal(await a.schedules.set(schedule(now, changed)), 'passed', 'it expects no next tick')
  const passed = { count: 1, last: now - 1_000, every: null }
  await a.schedules.set(schedule(now, { ...changed, expected: now - 1_000, passed }))
  t.equal(await tick(a, now + 60_000), 'early')
  t.match(await stateOf(a), { missed: 1, next: now + 60_000 }, 'the tick that was due before the change was missed')
  t.equal((await a.counts()).waiting, 0)
})

both('the same definition keeps the next tick, another one changes it and its generation', async (t, { a, now }) => {
  await a.schedules.set(schedule(now))
  const before = await stateOf(a)
  t.equal(await a.schedules.set(schedule(now, { next: { planned: now + 9, due: now + 9 } })), 'unchanged')
  t.match(await stateOf(a), { next: before.next, generation: before.generation })
  const other = { hash: 'h2', next: { planned: now + 9, due: now + 9 }, expected: now - 1_000 }
  t.equal(await a.schedules.set(schedule(now, other)), 'set')
  const after = await stateOf(a)
  t.ok(after.generation > before.generation)
  t.equal(after.next, now + 9)
  t.equal(await a.schedules.set(schedule(now, { hash: 'h3', onlyNew: true })), 'unchanged')
})

both('a planned time that was counted is not planned again', async (t, { a, now }) => {
  await a.schedules.set(schedule(now))
  await tick(a, now - 1_000)
  t.equal(await a.schedules.set(schedule(now, { hash: 'h2', expected: now - 999 })), 'passed')
})

both('skip: no tick while the task of the last one has not ended', async (t, { a, now }) => {
  await a.schedules.set(schedule(now))
  const first = now - 1_000
  t.equal(await tick(a, first), 'fired')
  t.equal(await tick(a, first + 1), 'skipped')
  await finish(a)
  t.equal(await tick(a, first + 2), 'fired')
  t.equal(await a.remove(`s:${first + 2}`), 'removed')
  t.equal(await tick(a, first + 3), 'fired', 'its task was removed by hand')
  t.equal(await tick(a, first + 4, { overlap: 'allow' }), 'fired')
  t.match(await stateOf(a), { fired: 4, skipped: 1 })
})

both('a task that failed has ended; a retry by hand starts it again', async (t, { a, now }) => {
  await a.schedules.set(schedule(now))
  const id = `s:${now - 1_000}`
  await tick(a, now - 1_000)
  await a.claim(1, 'w.1', false)
  await a.settle([{ id, token: 'w.1', outcome: 'failed', text: text(id, 'failed'), ms: 60_000 }])
  t.equal(await a.retry(id, text(id, 'failed'), text(id)), 'queued')
  t.equal(await tick(a, now - 999), 'skipped')
})

both('queue: one tick waits for the task of the last one, others are skipped', async (t, { a, now }) => {
  const overlap = 'queue' as const
  await a.schedules.set(schedule(now))
  const first = now - 1_000
  await tick(a, first, { overlap })
  t.equal(await tick(a, first + 1, { overlap, missed: 2 }), 'held')
  t.equal(await tick(a, first + 2, { overlap }), 'skipped')
  const held = { overlap, mode: 'held' as const, next: null }
  t.equal(await tick(a, first + 1, held), 'held')
  await finish(a)
  t.match((await a.schedules.read('due')).schedules, [{ id: 's', state: { held: first + 1, heldMissed: 2 } }])
  t.equal(await tick(a, first + 3, { overlap }), 'skipped', 'the held one comes first')
  t.equal(await tick(a, first + 1, held), 'fired')
  t.equal(await tick(a, first + 1, held), 'taken')
  t.match(await stateOf(a), { fired: 2, skipped: 2, missed: 2, next: first + 4, last: first + 1 })
})

both('it ends after maxRuns, and when nothing follows', async (t, { a, now }) => {
  await a.schedules.set(schedule(now, { maxRuns: 2 }))
  const first = now - 1_000
  await tick(a, first, { overlap: 'allow' })
  await tick(a, first + 1, { overlap: 'allow' })
  t.equal((await stateOf(a)).next, undefined)
  t.equal(await tick(a, first + 2, { overlap: 'allow' }), 'taken')
  await a.schedules.set(schedule(now, { hash: 'h2', next: { planned: now, due: now } }))
  t.equal(await tick(a, now, { fire: null, missed: 1, next: null }), 'missed')
  t.match(await stateOf(a), { missed: 1, outcome: 'missed' })
  t.equal((await stateOf(a)).next, undefined)
})

both('a pause plans nothing; a resume goes on from now', async (t, { a, now }) => {
  await a.schedules.set(schedule(now))
  const pause = { action: 'pause', expected: now - 1_000, generation: 0, passed: null } as const
  t.equal(await a.schedules.change('s', { ...pause, expected: null }), 'passed')
  const passed = { count: 3, last: now - 500, every: null }
  t.ok(await a.schedules.change('s', { ...pause, passed }))
  t.equal(await tick(a, now - 1_000), 'taken')
  t.equal(await a.schedules.set(schedule(now, { next: { planned: now, due: now } })), 'unchanged')
  t.match(await stateOf(a), { paused: true, next: undefined, missed: 3, mark: now - 500 })
  const { generation } = await stateOf(a)
  const resume = { action: 'resume', next: { planned: now + 5, due: now + 5 }, generation } as const
  const older = { ...resume, generation: generation - 1 }
  t.equal(await a.schedules.change('s', older), 'passed', 'it was changed meanwhile')
  const counted = { planned: now - 500, due: now - 500 }
  t.equal(await a.schedules.change('s', { ...resume, next: counted }), 'passed', 'a tick was counted meanwhile')
  t.match(await stateOf(a), { paused: true })
  await a.schedules.change('s', resume)
  t.match(await stateOf(a), { next: now + 5 })
  t.equal(await a.schedules.change('nobody', pause), null)
})

both('a pause or a change counts what has passed, also if ticks have fired since its caller read', async (t, side) => {
  const { a, b, now } = side
  const first = now - 1_000
  const passed = { count: 5, last: first + 400, every: 100 }
  for (const [queue, fired, missed] of [[a, 2, 3], [b, 7, 0]] as const) {
    await queue.schedules.set(schedule(now))
    const { generation } = await stateOf(queue)
    const next = { planned: first + 100 * fired, due: now }
    t.equal(await tick(queue, first, { next }), 'fired')
    const pause = { action: 'pause', expected: first, generation, passed } as const
    t.equal(await queue.schedules.change('s', { ...pause, generation: 1 }), 'passed', 'of another definition')
    const changed = { ...schedule(now, { hash: 'h2', next: { planned: now, due: now } }), ...pause }
    t.equal(await queue.schedules.set({ ...changed, generation: 1 }), 'passed')
    if (queue === a) {
      const unknown = { ...passed, every: null }
      t.equal(await queue.schedules.change('s', { ...pause, passed: unknown }), 'passed', 'it cannot tell how many')
      t.ok(await queue.schedules.change('s', pause))
    } else t.equal(await queue.schedules.set(changed), 'set')
    t.match(await stateOf(queue), { fired: 1, missed })
  }
})

both('the same definition changes nothing, also if its tick has fired meanwhile', async (t, { a, now }) => {
  await a.schedules.set(schedule(now))
  await tick(a, now - 1_000)
  t.equal(await a.schedules.set(schedule(now)), 'unchanged')
  t.match(await stateOf(a), { next: now - 999, mark: now - 1_000 })
})

both('what no process declares is silent after the grace, and goes on when declared again', async (t, { a, now }) => {
  await a.schedules.set(schedule(now, { declared: true, grace: -1 }))
  t.equal(await tick(a, now - 1_000), 'orphan')
  t.equal(await tick(a, now - 1_000), 'taken')
  t.equal(await a.schedules.change('s', { action: 'see', hash: 'h1' }), null)
  const next = { planned: now + 60_000, due: now + 60_000 }
  t.equal(await a.schedules.set(schedule(now, { declared: true, next })), 'set', 'from now on')
  t.match(await stateOf(a), { next: next.planned, orphan: undefined })
})

both('an old version says nothing for a new one; nobody overwrites a declared one', async (t, { a, now }) => {
  await a.schedules.set(schedule(now, { declared: true }))
  t.equal(await a.schedules.change('s', { action: 'see', hash: 'old' }), null)
  t.ok(await a.schedules.change('s', { action: 'see', hash: 'h1' }))
  t.equal(await a.schedules.set(schedule(now, { hash: 'h2' })), 'declared')
  t.equal(await a.schedules.change('s', { action: 'remove', epoch: 9 }), null)
  await a.schedules.set(schedule(now, { declared: true, grace: -1 }))
  t.equal(await a.schedules.change('s', { action: 'remove', epoch: 0 }), null, 'it was placed again')
  t.ok(await a.schedules.change('s', { action: 'remove', epoch: 9 }), 'an orphan')
  t.same((await a.schedules.read('all')).schedules, [])
})

both('a move: the old queue fires nothing, the new one has its mark, and an older move is refused', async (t, side) => {
  const { a, b, places, now } = side
  const first = await places.place('s', 'a')
  await a.schedules.set(schedule(now, { epoch: first.epoch }))
  await tick(a, now - 1_000)
  const moved = await places.place('s', 'b')
  t.match(moved, { queue: 'b', leaves: ['a'] })
  t.ok(moved.epoch > first.epoch)
  const brought = await a.schedules.change('s', { action: 'leave', epoch: moved.epoch })
  t.equal(await tick(a, now - 999), 'taken')
  t.equal(await a.schedules.set(schedule(now, { epoch: first.epoch, hash: 'late' })), 'superseded')
  t.equal(await b.schedules.set(schedule(now, { epoch: moved.epoch, brought })), 'passed')
  const next = { planned: now - 500, due: now - 500 }
  t.equal(await b.schedules.set(schedule(now, { epoch: moved.epoch, brought, next })), 'set')
  t.match(await stateOf(b), { fired: 1, mark: now - 1_000, next: now - 500 })
  const back = await places.place('s', 'c')
  t.match(back.leaves, ['b', 'a'], 'a move that nobody completed is not forgotten')
  await places.settle('s', moved.epoch)
  t.equal((await places.find('s'))?.leaves.length, 2)
  await places.settle('s', back.epoch)
  t.match((await places.page('0')).places, new Map([['s', { queue: 'c', leaves: [], epoch: back.epoch }]]))
  await places.forget('s', back.epoch)
  t.equal(await places.find('s'), null)
})

both('after a move the last task is in the other queue: the caller says if it runs there', async (t, { a, b, now }) => {
  const first = now - 1_000
  await a.schedules.set(schedule(now))
  await tick(a, first)
  t.equal(await b.schedules.runsIn('a', `s:${first}`), true)
  t.equal(await b.schedules.runsIn('a', 'unknown'), false)
  const brought = await a.schedules.change('s', { action: 'leave', epoch: 2 })
  const next = { planned: first + 1, due: first + 1 }
  t.equal(await b.schedules.set(schedule(now, { epoch: 2, brought, next, taskQueue: 'a' })), 'set')
  t.equal(await tick(b, first + 1, { runsElsewhere: true }), 'skipped')
  await finish(a)
  t.equal(await b.schedules.runsIn('a', `s:${first}`), false)
  t.equal(await tick(b, first + 2), 'fired')
  t.match(await stateOf(b), { taskQueue: undefined, task: `s:${first + 2}` })
  t.equal(await tick(b, first + 3), 'skipped', 'now it is judged by the task in this queue')
})
