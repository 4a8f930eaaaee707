/**
 * What is left of a schedule if somebody deletes some of its keys, or writes something else: it is stored again by
 * those that declare it, and holds up no other.
 */
import t, { type Test } from 'tap'
import { ScheduleStore } from '../../lib/schedules/schedule-store.ts'
import { build, connect, logger, randomPrefix, until } from '../support/helpers.ts'
import { ALONE } from '../support/room.ts'
import type { FastifyInstance } from 'fastify'

const HOUR = 3_600_000

/** Returns what does as a process that lives, each minute: it sees that its schedule is still stored. */
function seeing (t: Test): () => Promise<void> {
  const { put } = ScheduleStore.prototype
  const seen: Array<() => Promise<void>> = []
  t.teardown(() => { ScheduleStore.prototype.put = put })
  ScheduleStore.prototype.put = function (id, spec, options) {
    seen.push(() => this.see(id, spec))
    return put.call(this, id, spec, options)
  }
  return () => seen[0]!()
}

t.test('however many ticks cannot fire, those behind them do', async t => {
  const prefix = randomPrefix()
  const redis = connect(t)
  const key = (name: string): string => `${prefix}:{default}:${name}`
  const state = { epoch: 1, generation: 1, hash: '', declared: false, seen: 0, grace: 0, next: 1 }
  const stored = JSON.stringify(state)
  const write = redis.multi()
  for (let i = 0; i < 250; i++) write.zadd(key('ticks'), 1, `nothing-${i}`)
  for (const [i, [spec, text]] of [['garbage', stored], ['{}', 'garbage'], ['{}', '[]'], ['{}', '{}']].entries()) {
    write.hset(key('schedules'), `broken-${i}`, spec!).hset(key('scheduleStates'), `broken-${i}`, text!)
      .zadd(key('ticks'), 1, `broken-${i}`)
  }
  await write.sadd(key('heldTicks'), 'nothing-0', 'nothing').exec()
  const log = logger()
  const ran: unknown[] = []
  await build(t, { prefix, worker: true }, app => {
    app.tasks.define('x', async (_data, task) => { ran.push(task.schedule!.id) })
    app.tasks.defineSchedule('s', { task: 'x', every: 100, overlap: 'allow' })
  }, { logger: { stream: log.stream } } as any)
  await until('the others fire', () => ran.length >= 5, 20_000)
  const unreadable = log.lines.filter(({ event }) => event === 'schedule.unreadable').map(({ schedule }) => schedule)
  t.ok(unreadable.includes('broken-0') && unreadable.includes('nothing-0'))
  t.equal(new Set(unreadable).size, unreadable.length, 'one line for each')
  t.equal(await redis.scard(key('heldTicks')), 0)
  await until('what has no definition is gone', async () => (await redis.zcard(key('ticks'))) <= 5)
})

for (const lost of ['schedules', 'scheduleStates', 'ticks', 'its place']) {
  for (const how of ['a start', 'a process that lives'] as const) {
    t.test(`a declared schedule without its entry in ${lost} is stored again: by ${how}`, ALONE, async t => {
      const prefix = randomPrefix()
      const redis = connect(t)
      const see = seeing(t)
      const define = (app: FastifyInstance): void => {
        app.tasks.define('x')
        app.tasks.defineSchedule('s', { task: 'x', every: HOUR })
      }
      const app = await build(t, { prefix }, define)
      const before = await app.tasks.schedules.get('s')
      await redis.del(lost === 'its place' ? `${prefix}:schedules` : `${prefix}:{default}:${lost}`)
      if (how === 'a start') await build(t, { prefix }, define)
      else await see()
      t.match(await app.tasks.schedules.get('s'), { id: 's', every: HOUR, next: before!.next })
      t.equal(await redis.zscore(`${prefix}:{default}:ticks`, 's'), String(Date.parse(before!.next[0]!)))
      t.match(await app.tasks.schedules.set('other', { task: 'x', every: HOUR }), { id: 'other' })
    })
  }
}

t.test('a schedule of run time without its definition is set again, and changed', async t => {
  const prefix = randomPrefix()
  const redis = connect(t)
  const app = await build(t, { prefix }, app => { app.tasks.define('x') })
  for (const every of [HOUR, HOUR, 2 * HOUR]) {
    await app.tasks.schedules.set('s', { task: 'x', every })
    await redis.del(`${prefix}:{default}:schedules`)
    t.equal(await app.tasks.schedules.get('s'), null)
  }
  t.match(await app.tasks.schedules.set('s', { task: 'x', every: HOUR }), { every: HOUR })
})
