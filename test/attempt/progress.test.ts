/**
 * Reports of progress, more than Redis can take: one is on its way at a time, and the last one always arrives.
 */
import { randomUUID } from 'node:crypto'
import t from 'tap'
import { LatestReport } from '../../lib/attempt/latest-report.ts'
import { build, latch, reaches, until, type Latch } from '../support/helpers.ts'
import { countCalls } from '../support/monitor.ts'

t.test('one at a time, the newest next; those in between take part in its promise', async t => {
  const sent: Array<Latch & { report: string }> = []
  const reports = new LatestReport<string>(report => {
    const one = latch()
    sent.push({ ...one, report })
    return one.promise
  })
  const done: string[] = []
  const push = (report: string): Promise<void> => reports.push(report).then(() => { done.push(report) })
  const all = ['a', 'b', 'c', 'd'].map(push)
  t.same(sent.map(({ report }) => report), ['a'])
  sent[0]!.open()
  await until('the next is sent', () => sent.length === 2)
  t.same([sent[1]!.report, done], ['d', ['a']])
  all.push(push('e'))
  sent[1]!.open()
  await until('the last is sent', () => sent.length === 3)
  sent[2]!.open()
  await Promise.all(all)
  t.same([done, sent.length], [['a', 'b', 'c', 'd', 'e'], 3])
  all.push(push('f'))
  t.equal(sent[3]!.report, 'f', 'at once')
})

t.test('what cannot be stored: both throw at once, also if nobody awaits their promise', async t => {
  const app = await build(t, { worker: true, maxProgressSize: 10 }, app => {
    app.tasks.define('x', { retries: 0 }, async (how, task) => {
      if (how === 'stage') void task.updateState(5 as any)
      if (how === 'size') void task.reportProgress('x'.repeat(10))
      void task.reportProgress(() => {})
    })
  })
  for (const how of ['stage', 'size', 'json']) {
    const { id } = await app.tasks.enqueue('x', how)
    t.match(await reaches(app, id, 'failed'), { error: { code: 'FST_TASKS_PROGRESS_INVALID' } })
  }
})

const many = 3_000

t.test('a handler that does not wait for its reports', async t => {
  const start = latch()
  const app = await build(t, { worker: { closeTimeout: 100 } }, app => {
    app.tasks.define('x', async (_data, task) => {
      await start.promise
      let last
      for (let n = 1; n <= many; n++) last = task.updateState('STEP', { n })
      await last
      await new Promise(resolve => task.signal.addEventListener('abort', resolve))
    })
  })
  const { id } = await app.tasks.enqueue('x')
  await reaches(app, id, 'active')
  const calls = await countCalls(t, 'update-progress', id)
  start.open()
  await until('the last one is stored while it runs', async () => {
    const { state, stage, progress } = (await app.tasks.status<any, any>(id))!
    return state === 'active' && stage === 'STEP' && progress.n === many
  })
  t.equal(await calls(), 2, 'the first and the last')
})

t.test('a thread that computes between its reports, and one that never pauses', async t => {
  const app = await build(t, { worker: { closeTimeout: 100 } }, app => {
    app.tasks.define('deeds', { thread: new URL('../fixtures/threads/deeds.js', import.meta.url) })
  })
  const computes = await app.tasks.enqueue('deeds', { do: 'progressWhileComputing' })
  await until('its reports are seen while it computes', async () =>
    (await app.tasks.status<any, any>(computes.id))!.progress as number > 20)
  await app.tasks.cancel(computes.id)

  const id = `many-${randomUUID()}`
  const calls = await countCalls(t, 'update-progress', id)
  await app.tasks.enqueue('deeds', { do: 'manyReports' }, { id })
  t.equal((await reaches(app, id, 'succeeded')).progress, many, 'the last one arrived')
  const sent = await calls()
  t.ok(sent > 0 && sent < 100, `${sent} calls for ${many} reports`)
})
