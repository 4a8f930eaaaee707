/**
 * When a task is due: `promote`, `reschedule`, and `Snooze`.
 */
import t from 'tap'
import tasks, { RateLimited, Snooze } from '../../lib/plugin.ts'
import { build, errorOf, inRedis, latch, logger, memoryMode, pass, reaches, until } from '../support/helpers.ts'

t.test('a task may be due at the last time of a Date, in mode memory too once its clock was moved', async t => {
  const app = await build(t, {}, app => { app.tasks.define('x') })
  await pass(app, 3_600_000)
  const delayUntil = new Date(8.64e15)
  const { id } = await app.tasks.enqueue('x', undefined, { delayUntil })
  t.match(await app.tasks.status(id), { state: 'delayed', dueAt: '+275760-09-13T00:00:00.000Z' })
  t.equal(await app.tasks.reschedule(id, { delayUntil }), 'rescheduled')
  t.match(await app.tasks.status(id), { state: 'delayed', dueAt: '+275760-09-13T00:00:00.000Z' })
})

t.test('a delayed task, and one between two attempts, start now or at another time', async t => {
  const app = await build(t, {}, app => {
    app.tasks.define('x', (data: any) => data)
    const backoff = { strategy: 'fixed', delay: 60_000 } as const
    app.tasks.define('fails', { retries: 1, backoff }, () => { throw new Error('no') })
  })
  await app.tasks.startWorker()
  const delayed = await app.tasks.enqueue('x', 1, { delay: 3_600_000 })
  const { tasks } = app
  const later = Date.now() + 7_200_000
  t.equal(await tasks.reschedule(delayed.id, { delayUntil: later }), 'rescheduled')
  const dueAt = memoryMode ? String : new Date(later).toISOString() // its clock is another one
  t.match(await delayed.status(), { state: 'delayed', dueAt })
  t.equal(await tasks.reschedule(delayed.id, { delay: 3_600_000, queue: 'default' }), 'rescheduled')
  const heard = delayed.result({ timeout: 60_000 })
  t.equal(await tasks.promote(delayed.id), 'promoted')
  t.equal(await heard, 1)
  t.match(await delayed.status(), { attempt: 1 })

  const failing = await tasks.enqueue('fails')
  await reaches(app, failing.id, 'retrying')
  t.equal(await tasks.promote(failing.id, { queue: 'default' }), 'promoted')
  t.match(await reaches(app, failing.id, 'failed'), { attempt: 2 })
  t.equal(await tasks.promote(failing.id), 'refused')
  t.equal(await tasks.reschedule('none', { delay: 1 }), 'unknown')
  for (const [options, code] of [
    [undefined, 'FST_TASKS_PLUGIN_OPTION_INVALID'], [{}, 'FST_TASKS_OPTION_MISSING'],
    [{ delay: 1, delayUntil: 1e12 }, 'FST_TASKS_OPTION_CLASH'], [{ delay: -1 }, 'FST_TASKS_PLUGIN_OPTION_INVALID'],
    [{ after: 1 }, 'FST_TASKS_OPTION_UNKNOWN']
  ] as const) t.match(await errorOf(tasks.reschedule(delayed.id, options as any)), { code })
})

t.test('a handler puts its task off: it comes back, and no attempt is spent', async t => {
  const log = logger()
  const seen: Array<[attempt: number, outcome: string]> = []
  const waits = [() => ({ delay: 60 }), () => ({ delayUntil: new Date(Date.now() + 60) }), () => ({ delay: 0 })]
  const app = await build(t, {}, app => {
    app.tasks.addHook('onAttemptEnd', async (task: any, { outcome }: any) => { seen.push([task.attempt, outcome]) })
    app.tasks.define('x', { retries: 1, backoff: { strategy: 'immediate' } }, async (_data, task) => {
      const wait = waits.shift()
      if (wait) await task.updateState('WAITS', seen.length)
      if (wait && waits.length === 1) return new Snooze(wait())
      if (wait) throw new tasks.Snooze(wait())
      if (task.attempt === 1) throw new Error('no')
      return 'done'
    })
  }, { logger: { stream: log.stream } })
  await app.tasks.startWorker()
  const handle = await app.tasks.enqueue('x')
  await until('it is put off', () => log.find('task.snoozed'))
  await pass(app, 1_000)
  t.equal(await handle.result({ timeout: 60_000 }), 'done')
  t.same(seen, [[1, 'released'], [1, 'released'], [1, 'released'], [1, 'retrying'], [2, 'succeeded']])
  t.match(await handle.status(), { attempt: 2, stage: 'WAITS', failedAttempts: { length: 1 } })
  t.match(log.find('task.snoozed'), { level: 30, nextAttemptAt: /Z$/ })
})

inRedis('a task that is put off is delayed, and can be cancelled', 'there its clock stands still', async t => {
  const app = await build(t, {}, app => {
    app.tasks.define('x', () => { throw new Snooze({ delay: 3_600_000 }) })
  })
  await app.tasks.startWorker()
  const handle = await app.tasks.enqueue('x')
  const record = await until('it is delayed', async () => {
    const record = await handle.status()
    return record?.state === 'delayed' && record
  })
  t.match(record, { attempt: 0, error: null, dueAt: String })
  t.equal(await handle.cancel(), 'cancelled')
})

t.test('what Snooze is given is checked', async t => {
  const wrong = [
    null, {}, { delay: -1 }, { delay: 1, delayuntil: 1 }, { delay: 1, delayUntil: 1 },
    { delayUntil: 'now' }, { delay: '60000' },
    { delay: Infinity }, { delay: '' }, { delay: [] }, { delay: true }, { delay: 1n },
    { delay: Symbol('x') }, { delayUntil: null },
    { delayUntil: new Date(NaN) }, { delayUntil: 0 }, { delayUntil: 1_900_000_000 }, { delayUntil: 8.64e15 + 1 },
    { delayUntil: '2030-01-01' }, 'soon'
  ]
  for (const options of wrong) {
    t.match(await errorOf(() => new Snooze(options as any)), { code: 'FST_TASKS_SNOOZE_INVALID' })
  }
})

t.test('a task that is put off without a time that can be read does not come back at once', async t => {
  const app = await build(t, { worker: true }, app => {
    const later = { code: 'FST_TASKS_SNOOZED', retryAfter: '60' }
    app.tasks.define('x', () => { throw Object.assign(new Error('later'), later) })
  })
  const { id } = await app.tasks.enqueue('x')
  const { dueAt, enqueuedAt } = await reaches(app, id, 'delayed')
  t.ok(Date.parse(dueAt!) >= Date.parse(enqueuedAt) + 1_000)
})

t.test('a task with a limit that starts now waits for its slot', async t => {
  const gate = latch()
  t.teardown(() => gate.open())
  const app = await build(t, { worker: true }, app => {
    app.tasks.define('limited', { limit: { max: 1 } }, () => gate.promise)
  })
  const first = await app.tasks.enqueue('limited')
  await reaches(app, first.id, 'active')
  const second = await app.tasks.enqueue('limited', null, { delay: 3_600_000 })
  t.equal(await app.tasks.promote(second.id), 'promoted')
  await until('it waits for the limit', async () => (await second.status())!.blockedBy?.kind === 'limit')
  t.equal((await second.status())!.state, 'waiting')
  gate.open()
  await reaches(app, second.id, 'succeeded')
})

t.test('a task that is put off for no time does not loop as fast as Redis goes', async t => {
  const ends = [
    () => new Snooze({ delay: 0 }), () => new Snooze({ delayUntil: new Date(0) }),
    () => new RateLimited({ retryAfter: 0 }), () => new RateLimited({ retryAfter: new Date(0) })
  ]
  const app = await build(t, { worker: true }, app => {
    app.tasks.define('x', (end: any) => { throw ends[end]!() })
  })
  for (const end of ends.keys()) {
    const { id } = await app.tasks.enqueue('x', end)
    const { dueAt, enqueuedAt } = await reaches(app, id, 'delayed')
    t.ok(Date.parse(dueAt!) >= Date.parse(enqueuedAt) + 100)
    await app.tasks.cancel(id)
  }
})
