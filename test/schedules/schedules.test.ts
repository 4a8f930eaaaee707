/**
 * Schedules through the plugin, in both modes: what is checked, the API at run time, and what a handler is told.
 */
import t from 'tap'
import { build, elsewhere, errorOf, latch, memoryMode, pass, randomPrefix, reaches, until } from '../support/helpers.ts'
import type { FastifyInstance } from 'fastify'

const HOUR = 3_600_000

/** Its task notes what it was given. */
function withTask (seen: any[] = []) {
  return (app: FastifyInstance): void => {
    const schema = { data: { type: 'object', required: ['kind'], properties: { kind: { type: 'string' } } } }
    app.tasks.define('report', { schema }, async (data, task) => { seen.push({ data, schedule: task.schedule }) })
    app.tasks.define('plain', async () => {})
  }
}

const asap = { every: 100, overlap: 'allow' } as const

t.test('what is wrong with a schedule is said when it is declared, or when the app is ready', async t => {
  const app = await build(t, {}, withTask())
  const declare = (id: any, spec: any) => errorOf(() => app.tasks.defineSchedule(id, spec))
  const base = { task: 'plain', cron: '* * * * *' }
  t.match(await declare('no id!', base), { code: 'FST_TASKS_SCHEDULE_ID_INVALID' })
  const none = await declare('x', { task: 'plain' })
  t.match(none, { code: 'FST_TASKS_OPTION_MISSING', message: 'One of the options "cron" and "every" is needed' })
  t.match(await declare('x', { ...base, every: 1_000 }), { code: 'FST_TASKS_OPTION_CLASH' })
  t.match(await declare('x', { ...base, options: { id: 'own' } }), { code: 'FST_TASKS_OPTION_CLASH' })
  t.match(await declare('x', { ...base, overlap: 'no' }), { code: 'FST_TASKS_SCHEDULE_OPTION_INVALID' })
  t.match(await declare('x', { ...base, timezone: 'Europe/Nowhere' }), { code: 'FST_TASKS_SCHEDULE_OPTION_INVALID' })
  for (const timezone of ['+05:45', '-03']) { // Node.js 24 knows them, and Node.js 20 does not
    t.match(await declare('x', { ...base, timezone }), { code: 'FST_TASKS_SCHEDULE_OPTION_INVALID' }, timezone)
  }
  t.match(await declare('x', { ...base, startAt: Date.UTC(10_001, 0) }), {
    code: 'FST_TASKS_SCHEDULE_CRON_INVALID', message: /no day matches it from startAt on/
  })
  t.match(await declare('x', { ...base, startAt: 2e12, endAt: 1e12 }), {
    code: 'FST_TASKS_OPTION_CLASH', message: /"startAt" and "endAt" do not fit together\. The end comes before/
  })
  t.match(await declare('x', { ...base, crom: 1 }), { code: 'FST_TASKS_OPTION_UNKNOWN', message: /"cron"/ })
  for (const cron of ['99 * * * *', 'nonsense', '0 0 30 2 *', '0 0 3 * * *']) {
    t.match(await declare('x', { ...base, cron }), { code: 'FST_TASKS_SCHEDULE_CRON_INVALID' }, cron)
  }
  t.match(await declare('x', { ...base, task: 'nobody' }), { code: 'FST_TASKS_NOT_DEFINED' })
  const refused = await declare('y', { ...base, task: 'report', data: {} })
  t.match(refused, { code: 'FST_TASKS_SCHEDULE_DATA_INVALID', message: /kind/ })
  app.tasks.defineSchedule('y', { ...base, task: 'report', data: { kind: 'a' } }) // the id is free still
  app.tasks.defineSchedule('twice', base)
  t.match(await declare('twice', base), { code: 'FST_TASKS_SCHEDULE_ALREADY_DEFINED' })
})

t.test('a wrong declaration fails the start', async t => {
  const start = build(t, {}, app => {
    withTask()(app)
    app.tasks.defineSchedule('x', { task: 'report', every: 1_000, data: { kind: 1, no: 2 } as any })
    app.tasks.defineSchedule('y', { task: 'nobody', every: 1_000 })
  })
  t.match(await errorOf(start), { code: 'FST_TASKS_NOT_DEFINED' })
})

t.test('a declared schedule fires, and its handler learns which tick it is', async t => {
  const seen: any[] = []
  const app = await build(t, { worker: !memoryMode }, app => {
    withTask(seen)(app)
    app.tasks.defineSchedule('often', { task: 'report', data: { kind: 'a' }, ...asap, options: { retries: 2 } })
  })
  await pass(app, 250)
  await until('it has run', () => seen.length >= 2)
  t.match(seen[0], { data: { kind: 'a' }, schedule: { id: 'often', lateBy: Number } })
  t.notSame(seen[0].schedule.plannedAt, seen[1].schedule.plannedAt)
  const record = (await app.tasks.schedules.get('often'))!
  t.match(record, { id: 'often', task: 'report', every: 100, declared: true, orphan: false, paused: false })
  t.ok(record.fired >= 2)
  const task = await reaches(app, record.last!.taskId, 'succeeded')
  t.match(task, { attempts: 3, schedule: { id: 'often', plannedAt: record.last!.plannedAt } })
  t.equal((await app.tasks.enqueue('plain')).snapshot!.schedule, null)
})

t.test('at run time: set, list, get, pause, resume, trigger, remove', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix }, withTask())
  const other = await elsewhere(t, app, prefix)
  const { schedules } = app.tasks
  const daily = { task: 'report', data: { kind: 'x' }, cron: '0 3 * * *', timezone: 'Asia/Tokyo' }
  const set = await schedules.set('daily', daily)
  t.equal(set.next.length, 3)
  t.match(set.next[0], /T18:00:00.000Z$/)
  await schedules.set('b', { task: 'plain', every: HOUR, maxRuns: 2 })
  const { schedules: all } = await other.tasks.schedules.list()
  t.same(all.map(({ id, next }) => [id, next.length]), [['b', 2], ['daily', 3]])
  await other.tasks.schedules.pause('daily')
  t.match(await schedules.get('daily'), { paused: true, next: [] })
  await schedules.resume('daily')
  t.same((await schedules.get('daily'))!.next, set.next)
  const handle = await schedules.trigger('daily')
  t.match(await handle.status(), { name: 'report', state: 'waiting', schedule: { id: 'daily', lateBy: 0 } })
  t.same([handle.created, handle.snapshot], [true, await handle.status()])
  t.match(await schedules.get('daily'), { fired: 0, last: null, next: set.next }, 'its ticks stay as they are')
  t.equal(await schedules.remove('b'), true)
  t.equal(await schedules.remove('b'), false)
  t.equal(await schedules.get('b'), null)
  for (const method of ['pause', 'resume', 'trigger'] as const) {
    t.match(await errorOf(schedules[method]('b')), { code: 'FST_TASKS_SCHEDULE_NOT_FOUND', statusCode: 404 })
  }
  t.match(await errorOf(schedules.set('c', { task: 'nobody', every: 1_000 })), { code: 'FST_TASKS_NOT_DEFINED' })
})

t.test('a declared schedule can be paused, not rewritten or removed', async t => {
  const app = await build(t, {}, app => {
    withTask()(app)
    app.tasks.defineSchedule('mine', { task: 'plain', every: HOUR })
  })
  const { schedules } = app.tasks
  const code = 'FST_TASKS_SCHEDULE_DECLARED'
  t.match(await errorOf(schedules.set('mine', { task: 'plain', every: 1_000 })), { code, statusCode: 409 })
  t.match(await errorOf(schedules.remove('mine')), { code })
  await schedules.pause('mine')
  t.match(await schedules.get('mine'), { paused: true, every: HOUR })
})

t.test('a schedule that starts at the last time a Date can hold has that tick and no other', async t => {
  const app = await build(t, {}, withTask())
  const last = new Date(8.64e15)
  const { every, next } = await app.tasks.schedules.set('last', { task: 'plain', every: 60_000, startAt: last })
  t.match({ every, next }, { every: 60_000, next: [last.toISOString()] })
  t.equal(next.length, 1)
})

t.test('a trigger resolves also if the task has ended by then, and its record is gone', async t => {
  let ran = 0
  const app = await build(t, {}, app => app.tasks.define('gone', { resultTtl: 0 }, async () => { ran++ }))
  await app.tasks.schedules.set('s', { task: 'gone', every: 1_000 * HOUR })
  await app.tasks.startWorker()
  for (let i = 0; i < 20; i++) t.match(await app.tasks.schedules.trigger('s'), { name: 'gone', created: true })
  await until('all have run', () => ran === 20)
})

t.test('a schedule that was removed and is set again fires again', async t => {
  const seen: any[] = []
  const app = await build(t, { worker: !memoryMode }, withTask(seen))
  for (const kind of ['first', 'second']) {
    await app.tasks.schedules.set('again', { task: 'report', data: { kind }, ...asap })
    await pass(app, 200)
    await until(`it has run: ${kind}`, () => seen.some(({ data }) => data.kind === kind))
    t.equal(await app.tasks.schedules.remove('again'), true)
  }
})

t.test('a schedule moves when the queue of its task is another, and keeps its counts and its next tick', async t => {
  const app = await build(t, { queues: ['other'] }, withTask())
  const spec = { task: 'plain', every: HOUR, jitter: HOUR }
  const { next } = await app.tasks.schedules.set('moves', spec)
  t.match(await app.tasks.schedules.get('moves'), { queue: 'default', next })
  await app.tasks.schedules.set('moves', { ...spec, options: { queue: 'other' } })
  t.match((await app.tasks.schedules.list()).schedules, [{ id: 'moves', queue: 'other', next, missed: 0 }])
  await app.tasks.schedules.set('moves', spec)
  t.match((await app.tasks.schedules.list()).schedules, [{ id: 'moves', queue: 'default', next, missed: 0 }])
})

t.test('after a move the task of the last tick still counts', async t => {
  const end = latch()
  const ran: string[] = []
  const app = await build(t, { queues: ['other'] }, app => {
    app.tasks.define('slow', async (_data, task) => {
      ran.push(task.queue)
      await end.promise
    })
  })
  await app.tasks.startWorker()
  const { schedules } = app.tasks
  const spec = { task: 'slow', every: 100 }
  await schedules.set('s', spec)
  const passing = async (): Promise<void> => { await pass(app, 100, { wait: false }) }
  await until('it runs', async () => {
    await passing()
    return ran.length === 1
  })
  await schedules.set('s', { ...spec, options: { queue: 'other' } })
  const before = (await schedules.get('s'))!.skipped
  await until('ticks are skipped', async () => {
    await passing()
    return (await schedules.get('s'))!.skipped > before
  })
  t.same(ran, ['default'])
  end.open()
  await until('it runs there', async () => {
    await passing()
    return ran.length > 1
  })
  t.equal(ran[1], 'other')
})

t.test('a list of more schedules than one call reads has all of them', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix }, withTask())
  const ids = Array.from({ length: 700 }, (_, i) => `s${i}`).sort()
  await Promise.all(ids.map(id => app.tasks.schedules.set(id, { task: 'plain', every: HOUR })))
  t.same((await app.tasks.schedules.list({ limit: 1_000 })).schedules.map(({ id }) => id), ids)
})
