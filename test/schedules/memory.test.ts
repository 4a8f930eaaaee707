/**
 * Schedules in mode 'memory': `advance` fires ticks at their times, in order with all else.
 */
import t from 'tap'
import { build } from '../support/helpers.ts'

const MINUTE = 60_000
const memory = { mode: 'memory', redis: undefined, prefix: undefined, worker: false } as const

t.test('ticks and delayed tasks run in the order of their times', async t => {
  const ran: string[] = []
  const app = await build(t, memory as any, app => {
    app.tasks.define('tick', async (_data, task) => { ran.push(task.schedule!.id) })
    app.tasks.define('delayed', async () => { ran.push('delayed') })
    app.tasks.defineSchedule('a', { task: 'tick', every: 10 * MINUTE, startAt: new Date(Date.now() + 10 * MINUTE) })
    app.tasks.defineSchedule('b', { task: 'tick', every: 10 * MINUTE, startAt: new Date(Date.now() + 15 * MINUTE) })
  })
  await app.tasks.enqueue('delayed', null, { delay: 12 * MINUTE })
  await app.tasks.advance(26 * MINUTE)
  t.same(ran, ['a', 'delayed', 'b', 'a', 'b'])
  t.match(await app.tasks.schedules.get('a'), { fired: 2, skipped: 0, missed: 0, last: { state: 'succeeded' } })
  t.same(await app.tasks.drain({ delayed: true }), { delayed: 0 }, 'schedules have no end: drain does not fire them')
  t.equal(ran.length, 5)
})

t.test('without waiting: at most one late run, the others are missed', async t => {
  const late: any[] = []
  const app = await build(t, memory as any, app => {
    app.tasks.define('tick', async (_data, task) => { late.push(task.schedule) })
    app.tasks.defineSchedule('a', { task: 'tick', cron: '0 * * * *' })
    app.tasks.defineSchedule('never-late', { task: 'tick', cron: '0 * * * *', catchUpWindow: 0, overlap: 'allow' })
  })
  await app.tasks.advance(5 * 60 * MINUTE + 20_000, { wait: false })
  await app.tasks.drain()
  t.match(late[0], { id: 'a', missed: Number })
  const { schedules: [a, never] } = await app.tasks.schedules.list()
  t.equal(a!.fired, 1)
  t.equal(a!.fired + a!.missed, never!.fired + never!.missed, 'each tick is counted once')
  t.ok(never!.fired <= 1)
})

t.test('a jitter that is longer than the time between two ticks: each of them fires', async t => {
  const app = await build(t, memory as any, app => {
    app.tasks.define('tick', async () => {})
    const [task, overlap, startAt] = ['tick', 'allow', Math.ceil(Date.now() / MINUTE) * MINUTE] as const
    for (const [id, timing] of Object.entries({ every: { every: MINUTE }, cron: { cron: '* * * * *' } })) {
      app.tasks.defineSchedule(id, { task, overlap, startAt, ...timing, jitter: 10 * MINUTE })
    }
  })
  await app.tasks.advance(61 * MINUTE)
  for (const { id, fired, missed } of (await app.tasks.schedules.list()).schedules) {
    t.equal(missed, 0, id)
    t.ok(fired >= 59, `${id}: ${fired} fired`)
  }
})

t.test('a year passes: a declared schedule is no orphan', async t => {
  let runs = 0
  const app = await build(t, memory as any, app => {
    app.tasks.define('tick', async () => { runs++ })
    app.tasks.defineSchedule('monthly', { task: 'tick', cron: '0 0 1 * *', timezone: 'Europe/Berlin', maxRuns: 12 })
  })
  await app.tasks.advance(400 * 24 * 60 * MINUTE)
  t.equal(runs, 12)
  t.match(await app.tasks.schedules.get('monthly'), { orphan: false, next: [], fired: 12 })
})

t.test('queue: the held tick runs when the task before it has ended', async t => {
  const ran: string[] = []
  const app = await build(t, memory as any, app => {
    const backoff = { strategy: 'fixed', delay: 15 * MINUTE }
    app.tasks.define('slow', { retries: 1, backoff }, async (_data, task) => {
      ran.push(`${ran.length} ${task.schedule!.missed}`)
      if (ran.length === 1) throw new Error('again')
    })
    app.tasks.defineSchedule('q', {
      task: 'slow', every: 10 * MINUTE, startAt: new Date(Date.now() + 10 * MINUTE), overlap: 'queue'
    })
  })
  await app.tasks.advance(26 * MINUTE)
  t.equal(ran.length, 3, 'the first attempt, its retry, and then the held tick')
  t.match(await app.tasks.schedules.get('q'), { fired: 2, held: false, skipped: 0 })
})
