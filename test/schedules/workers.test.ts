/**
 * Schedules with workers in Redis: one tick fires once, declarations of several versions, an outage at the start.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { startRedis } from '../../scripts/redis.ts'
import { RedisSchedulePlaces, RedisSchedules } from '../../lib/store/redis/schedules.ts'
import { RedisUpkeep } from '../../lib/store/redis/upkeep.ts'
import { build, connect, errorOf, logger, randomPrefix, until } from '../support/helpers.ts'
import { ALONE } from '../support/room.ts'
import type { FastifyInstance } from 'fastify'
import type { ScheduleOptions, ScheduleTiming, TasksOptions } from '../../lib/types.ts'

const HOUR = 3_600_000

function buildWith (
  t: Test, prefix: string, schedule: ScheduleOptions & ScheduleTiming & { queue?: string }, ran: string[] = [],
  options: TasksOptions = {}
): Promise<FastifyInstance> {
  const { queue = 'default', ...spec } = schedule
  return build(t, { prefix, ...options }, app => {
    app.tasks.define('x', { queue }, async (_data, task) => { ran.push(`${task.queue} ${task.schedule!.plannedAt}`) })
    app.tasks.defineSchedule('s', { task: 'x', ...spec })
  })
}

t.test('three workers: each tick fires once, and is counted', async t => {
  const prefix = randomPrefix()
  const ran: string[] = []
  const start = Date.now()
  const apps = await Promise.all([1, 2, 3].map(() =>
    buildWith(t, prefix, { every: 200, overlap: 'allow' }, ran, { worker: true })))
  await until('ten ticks have run', () => ran.length >= 10, 20_000)
  await apps[0]!.tasks.schedules.pause('s')
  const most = Math.ceil((Date.now() - start) / 200) + 1
  const { fired, skipped, missed } = (await apps[0]!.tasks.schedules.get('s'))!
  await until('all have run', () => ran.length >= fired)
  t.equal(new Set(ran).size, ran.length, 'none was doubled')
  t.equal(ran.length, fired)
  const times = ran.map(line => Date.parse(line.split(' ')[1]!)).sort((one, other) => one - other)
  const planned = (times.at(-1)! - times[0]!) / 200 + 1
  const counted = fired + skipped + missed
  // On a busy machine the pause finds ticks that were due and had not fired.
  t.ok(planned <= counted && counted <= most, `${planned} <= ${counted} <= ${most}: each is fired, skipped or missed`)
})

t.test('a tick that waits fires as soon as the task before it has ended', async t => {
  const prefix = randomPrefix()
  const gates: Array<() => void> = []
  const app = await build(t, { prefix, worker: true }, app => {
    app.tasks.define('x', () => new Promise<void>(resolve => { gates.push(resolve) }))
    app.tasks.defineSchedule('s', { task: 'x', every: 300, overlap: 'queue' })
  })
  const get = async () => (await app.tasks.schedules.get('s'))!
  await until('a tick waits', async () => (await get()).held)
  t.equal(gates.length, 1)
  gates[0]!()
  await until('it fired', () => gates.length === 2, 4_000) // the next look comes after five seconds
  await app.tasks.schedules.pause('s')
  gates[1]!()
})

t.test('ticks that were due at a change or a pause, and had not fired, are counted as missed', async t => {
  const app = await build(t, {}, app => { app.tasks.define('x', async () => {}) })
  const { schedules } = app.tasks
  const every = 100
  await schedules.set('s', { task: 'x', every })
  let missed = 0
  for (const change of [
    () => schedules.set('s', { task: 'x', every, data: 1 }),
    () => schedules.pause('s')
  ]) {
    const first = Date.parse((await schedules.get('s'))!.next[0]!)
    await until('some ticks are due', () => Date.now() > first + 3 * every)
    const dueBefore = Math.floor((Date.now() - first) / every)
    await change()
    const dueAfter = Math.floor((Date.now() - first) / every) + 2 // the clocks may differ by some ms
    const record = (await schedules.get('s'))!
    const found = record.missed - missed
    t.ok(found >= dueBefore && found <= dueAfter, `${dueBefore} <= ${found} <= ${dueAfter}`)
    missed = record.missed
  }
  await schedules.resume('s')
  t.match(await schedules.get('s'), { missed, fired: 0, skipped: 0 }, 'nothing is planned during a pause')
})

t.test('a tick that was due before a move to another queue fires after it', async t => {
  const prefix = randomPrefix()
  const schedule = { every: HOUR, startAt: Date.now() + 500 }
  const old = await buildWith(t, prefix, schedule)
  const { next } = (await old.tasks.schedules.get('s'))!
  await until('it is due', () => Date.now() > Date.parse(next[0]!))
  const ran: string[] = []
  const app = await buildWith(t, prefix, { ...schedule, queue: 'moved' }, ran)
  t.match(await app.tasks.schedules.get('s'), { queue: 'moved', next, missed: 0 })
  await app.tasks.startWorker()
  await until('it has run', () => ran.length > 0)
  t.same(ran, [`moved ${next[0]}`])
})

t.test('a rolling deploy: the last start wins, and an old version that is alive changes nothing', async t => {
  const prefix = randomPrefix()
  const redis = connect(t)
  const state = async (): Promise<any> => JSON.parse((await redis.hget(`${prefix}:{default}:scheduleStates`, 's'))!)
  const old = await buildWith(t, prefix, { every: HOUR })
  const first = await state()
  await buildWith(t, prefix, { every: HOUR })
  t.match(await state(), { generation: first.generation, next: first.next }, 'nothing changed: the next tick stays')
  await buildWith(t, prefix, { every: 2 * HOUR })
  const second = await state()
  t.ok(second.generation > first.generation)
  t.match(await old.tasks.schedules.get('s'), { every: 2 * HOUR })
})

t.test('a rolling deploy that moves the task to another queue: no tick fires in both', async t => {
  const prefix = randomPrefix()
  const ran: string[] = []
  const schedule = { every: 250, overlap: 'allow' } as const
  await buildWith(t, prefix, schedule, ran, { worker: true })
  await until('it runs', () => ran.length >= 2)
  await buildWith(t, prefix, { ...schedule, queue: 'moved' }, ran, { worker: true })
  await until('it runs there', () => ran.filter(line => line.startsWith('moved')).length >= 3, 20_000)
  const firstThere = Math.min(...ran.filter(line => line.startsWith('moved')).map(line => Date.parse(line.slice(6))))
  const here = ran.filter(line => line.startsWith('default')).map(line => Date.parse(line.slice(8)))
  t.ok(Math.max(...here) < firstThere, 'it left the old queue for good')
})

t.test('a schedule that is set while another process removes it is found, or does not fire', ALONE, async t => {
  const prefix = randomPrefix()
  const [one, other] = [await build(t, { prefix }), await build(t, { prefix })]
  one.tasks.define('x')
  other.tasks.define('x')
  const redis = connect(t)
  const { set } = RedisSchedules.prototype
  const { forget } = RedisSchedulePlaces.prototype
  t.teardown(() => {
    RedisSchedules.prototype.set = set
    RedisSchedulePlaces.prototype.forget = forget
  })
  const keys = [`${prefix}:schedules`, `${prefix}:{default}:schedules`]
  const isStored = (id: string): Promise<boolean[]> =>
    Promise.all(keys.map(async key => await redis.hexists(key, id) === 1))

  await one.tasks.schedules.set('between', { task: 'x', every: HOUR })
  RedisSchedules.prototype.set = async function (schedule) {
    RedisSchedules.prototype.set = set
    t.equal(await other.tasks.schedules.remove('between'), true)
    return set.call(this, schedule)
  }
  t.match(await one.tasks.schedules.set('between', { task: 'x', every: 2 * HOUR }), { every: 2 * HOUR })
  t.same(await isStored('between'), [true, true], 'it is set after the removal')

  await one.tasks.schedules.set('during', { task: 'x', every: HOUR })
  RedisSchedulePlaces.prototype.forget = async function (id, epoch) {
    RedisSchedulePlaces.prototype.forget = forget
    await other.tasks.schedules.set('during', { task: 'x', every: 2 * HOUR })
    return forget.call(this, id, epoch)
  }
  t.equal(await one.tasks.schedules.remove('during'), true)
  t.same(await isStored('during'), [false, false], 'it is removed after the change')
  const both = await Promise.all([one.tasks.schedules.remove('between'), other.tasks.schedules.remove('between')])
  t.same(both.sort(), [false, true], 'two remove it: none is told that code declares it')
})

/** Others are faster than the next change of a schedule. */
function beforeNextChange (t: Test, act: () => Promise<unknown>): void {
  const { change } = RedisSchedules.prototype
  t.teardown(() => { RedisSchedules.prototype.change = change })
  RedisSchedules.prototype.change = async function (id, what) {
    RedisSchedules.prototype.change = change
    await act()
    return change.call(this, id, what)
  }
}

t.test('a schedule that is changed just before it is resumed goes on by its new times', ALONE, async t => {
  const prefix = randomPrefix()
  const [one, other] = [await build(t, { prefix }), await build(t, { prefix })]
  for (const { tasks } of [one, other]) tasks.define('x')
  await one.tasks.schedules.set('s', { task: 'x', every: 1_000 * HOUR })
  await one.tasks.schedules.pause('s')
  beforeNextChange(t, () => other.tasks.schedules.set('s', { task: 'x', every: HOUR }))
  await one.tasks.schedules.resume('s')
  const { next, paused } = (await one.tasks.schedules.get('s'))!
  t.equal(paused, false)
  t.ok(Date.parse(next[0]!) <= Date.now() + HOUR, next[0])
})

/** Each call of a pause, and each one that sets a schedule, is slow: the tick that is due meanwhile fires before it. */
function slowSchedules (t: Test): void {
  const { change, set } = RedisSchedules.prototype
  t.teardown(() => { Object.assign(RedisSchedules.prototype, { change, set }) })
  const fireLater = async (schedules: RedisSchedules, id: string): Promise<void> => {
    await sleep(150)
    const { now, schedules: [stored] } = await schedules.read([id])
    if (!stored || stored.state.next === undefined) return
    const { generation, next: expected } = stored.state
    const mark = Math.floor(now / 100) * 100
    const next = { planned: mark + 100, due: mark + 100 }
    const missed = (mark - expected) / 100
    const tick = { id, generation, mode: 'tick', expected, fire: mark, missed, mark, next } as const
    const task = { taskId: `${id}:${mark}`, text: '{"data":{"name":"x"},"options":{},"status":"created"}', delay: null }
    await schedules.tick({ ...tick, ...task, overlap: 'allow', runsElsewhere: false })
  }
  RedisSchedules.prototype.change = async function (id, what) {
    if (what.action === 'pause') await fireLater(this, id)
    return change.call(this, id, what)
  }
  RedisSchedules.prototype.set = async function (schedule) {
    await fireLater(this, schedule.id)
    return set.call(this, schedule)
  }
}

t.test('a pause and a change are carried out, also if a tick fires between the read and each try', ALONE, async t => {
  const app = await build(t, {}, app => { app.tasks.define('x') })
  const { schedules } = app.tasks
  const planned = { task: 'x', every: 100, overlap: 'allow' } as const
  for (const id of ['a', 'b']) await schedules.set(id, planned)
  slowSchedules(t)
  await schedules.pause('a')
  t.match(await schedules.get('a'), { paused: true, next: [] })
  t.match(await schedules.set('b', { ...planned, data: 'new' }), { data: 'new' })
})

t.test('a resume that others forestall each time is refused, and so is a pause of what is gone', ALONE, async t => {
  const prefix = randomPrefix()
  const [one, other] = [await build(t, { prefix }), await build(t, { prefix })]
  for (const { tasks } of [one, other]) tasks.define('x')
  await one.tasks.schedules.set('s', { task: 'x', every: HOUR })
  await one.tasks.schedules.pause('s')
  const { change } = RedisSchedules.prototype
  t.teardown(() => { RedisSchedules.prototype.change = change })
  let count = 0
  RedisSchedules.prototype.change = async function (id, what) {
    if (what.action === 'resume') await other.tasks.schedules.set('s', { task: 'x', every: HOUR, data: ++count })
    return change.call(this, id, what)
  }
  t.match(await errorOf(one.tasks.schedules.resume('s')), { code: 'FST_TASKS_SCHEDULE_BUSY', statusCode: 503 })
  RedisSchedules.prototype.change = change
  beforeNextChange(t, () => other.tasks.schedules.remove('s'))
  t.match(await errorOf(one.tasks.schedules.pause('s')), { code: 'FST_TASKS_SCHEDULE_NOT_FOUND' })
})

t.test('a pause while the schedule moves to another queue pauses it there', ALONE, async t => {
  const prefix = randomPrefix()
  const [one, other] = [await build(t, { prefix }), await build(t, { prefix })]
  one.tasks.define('x')
  other.tasks.define('x', { queue: 'other' })
  await one.tasks.schedules.set('s', { task: 'x', every: HOUR })
  beforeNextChange(t, () => other.tasks.schedules.set('s', { task: 'x', every: HOUR }))
  await one.tasks.schedules.pause('s')
  t.match(await other.tasks.schedules.get('s'), { queue: 'other', paused: true })
})

t.test('a trigger of a schedule whose queue is not known here enqueues its task, and says so', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix }, app => app.tasks.define('x', { queue: 'other' }))
  const stranger = await build(t, { prefix })
  await app.tasks.schedules.set('s', { task: 'x', every: HOUR })
  const { id, name, queue } = await stranger.tasks.schedules.trigger('s')
  t.strictSame([name, queue], ['x', 'other'])
  t.match(await app.tasks.status(id), { state: 'waiting', schedule: { id: 's' } })
})

t.test('Redis is unavailable at the start: the app starts, and the schedule is stored later', async t => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  await redis.kill()
  const log = logger()
  const app = await build(t, { redis: redis.url, prefix: 'bq', connectTimeout: 200, redisTimeout: 300 }, app => {
    app.tasks.define('x', async () => {})
    app.tasks.defineSchedule('s', { task: 'x', cron: '0 3 * * *' })
  }, { logger: { stream: log.stream } } as any)
  await until('it says so', () => log.find('schedule.not_stored'))
  await redis.restart()
  const line = await until('it is stored', () => log.find('schedule.declared'), 20_000)
  t.equal(line.next.length, 3)
  t.match(await app.tasks.schedules.get('s'), { id: 's', declared: true })
})

t.test('schedules that are declared while Redis is unavailable: all are stored later', async t => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  await redis.kill()
  const log = logger()
  const ids = ['before-ready', 'in-onReady', 'after-ready']
  const spec = { task: 'x', cron: '0 3 * * *' } as const
  const app = await build(t, { redis: redis.url, prefix: 'bq', connectTimeout: 200, redisTimeout: 300 }, app => {
    app.tasks.define('x', async () => {})
    app.tasks.defineSchedule(ids[0]!, spec)
    app.addHook('onReady', async () => app.tasks.defineSchedule(ids[1]!, spec))
  }, { logger: { stream: log.stream } } as any)
  app.tasks.defineSchedule(ids[2]!, spec)
  await until('it says so', () => log.find('schedule.not_stored'))
  await redis.restart()
  const declared = (): string[] =>
    log.lines.filter(({ event }) => event === 'schedule.declared').map(({ schedule }) => schedule)
  await until('all are stored', () => declared().length === ids.length, 20_000)
  t.same(declared().sort(), ids.sort())
})

t.test('a schedule that cannot be read: others fire, the worker does not spin, the log has a line', ALONE, async t => {
  const prefix = randomPrefix()
  const redis = connect(t)
  const state = { epoch: 1, generation: 1, hash: '', declared: false, seen: 0, grace: 0, next: 1 }
  await redis.multi().hset(`${prefix}:{default}:schedules`, 'broken', 'garbage')
    .hset(`${prefix}:{default}:scheduleStates`, 'broken', JSON.stringify(state))
    .zadd(`${prefix}:{default}:ticks`, 1, 'broken').exec()
  const { queueDue } = RedisUpkeep.prototype
  t.teardown(() => { RedisUpkeep.prototype.queueDue = queueDue })
  let looks = 0
  RedisUpkeep.prototype.queueDue = function (worker) {
    looks++
    return queueDue.call(this, worker)
  }
  const log = logger()
  const ran: string[] = []
  await build(t, { prefix, worker: true }, app => {
    app.tasks.define('x', async (_data, task) => { ran.push(task.schedule?.id ?? 'by hand') })
    app.tasks.defineSchedule('s', { task: 'x', every: 1_000 })
  }, { logger: { stream: log.stream } } as any)
  await until('its line is in the log', () => log.find('schedule.unreadable'))
  await until('the other one has fired twice', () => ran.length === 2, 20_000)
  t.same(ran, ['s', 's'])
  t.ok(looks < 40, `${looks} looks`)
  t.equal(log.lines.filter(line => line.event === 'schedule.unreadable').length, 1)
})
