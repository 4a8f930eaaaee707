import t from 'tap'
import { ended, run } from '../support/command.ts'
import { build, latch, randomPrefix, reaches } from '../support/helpers.ts'

t.test('status: all that is known, with --full also data and stack; exit code 2 where there is none', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix, worker: true }, app => {
    app.tasks.define('good', { retries: 2 }, async (_data, task) => { await task.updateState('HALF', { done: 1 }); return { answer: 42 } })
    app.tasks.define('bad', () => { throw new Error('first line\nsecond line') })
  })
  const status = (...args: string[]) => ended(run(t, '.', ['status', '--prefix', prefix, ...args]))
  const good = await app.tasks.enqueue('good', { secret: 'data' })
  const bad = await app.tasks.enqueue('bad')
  const record = await reaches(app, good.id, 'succeeded')
  await reaches(app, bad.id, 'failed')
  const [shown, json, full, failed, failedJson, unknown, unknownJson] = await Promise.all([
    status(good.id), status(good.id, '--json'), status(good.id, '--full'), status(bad.id, '--full'), status(bad.id, '--full', '--json'), status('nowhere'), status('no such id', '--json')
  ])
  for (const line of [`id        ${good.id}`, 'name      good', 'queue     default', 'state     succeeded', 'stage     HALF', 'progress  {"done":1}', 'attempt   1 of 3', 'result    {"answer":42}', 'error     -']) {
    t.ok(shown!.out.split('\n').includes(line), line)
  }
  t.match(shown!.out, new RegExp(`^enqueued {2}${record.enqueuedAt} \\(\\d+s ago\\)$`, 'm'))
  t.notMatch(shown!.out, /secret/)
  t.same([shown!.code, shown!.err], [0, ''])
  t.same(JSON.parse(json!.out), record)
  t.match(full!.out, /^data +\{"secret":"data"\}$/m)
  t.match(failed!.out, /^error +Error: first line\n +second line\n[^]*^stack +Error: first line\n +second line\n +at /m)
  t.match(JSON.parse(failedJson!.out).error, { message: 'first line\nsecond line', stack: /at / })
  t.match(unknown, { code: 2, out: '', err: /There is no task with the id "nowhere".*\[FST_TASKS_NOT_FOUND\]\n +looked for in .*, queues default\n$/ })
  t.match(unknownJson, { code: 2, out: 'null\n' })
})

t.test('cancel: what has not started, what runs elsewhere, what has ended, what is not there', async t => {
  const prefix = randomPrefix()
  const aborted = latch<string>()
  const app = await build(t, { prefix }, app => {
    app.tasks.define('x', () => 1)
    app.tasks.define('hang', (_data, task) => new Promise((_resolve, reject) => {
      task.signal.addEventListener('abort', () => { aborted.open(task.signal.reason.code); reject(task.signal.reason) })
    }))
  })
  const cancel = (...args: string[]) => ended(run(t, '.', ['cancel', '--prefix', prefix, ...args]))
  const waiting = await app.tasks.enqueue('x')
  t.match(await cancel(waiting.id), { code: 0, out: `${waiting.id}  cancelled\n`, err: /never will/ })
  t.equal((await waiting.status())!.state, 'cancelled')
  const running = await app.tasks.enqueue('hang')
  await app.tasks.startWorker()
  await reaches(app, running.id, 'active')
  t.match(await cancel(running.id, '--json'), { code: 0, out: `{"id":"${running.id}","outcome":"requested"}\n` })
  t.equal(await aborted.promise, 'FST_TASKS_CANCELLED')
  await reaches(app, running.id, 'cancelled')
  t.match(await cancel(running.id), { code: 3, out: `${running.id}  finished\n`, err: /had ended before/ })
  t.match(await cancel('nowhere', '--json'), { code: 2, out: '{"id":"nowhere","outcome":"unknown"}\n', err: /FST_TASKS_NOT_FOUND/ })
})

t.test('retry: what failed waits again; nothing else does', async t => {
  const prefix = randomPrefix()
  let fails = true
  const app = await build(t, { prefix, worker: true }, app => { app.tasks.define('x', () => { if (fails) throw new Error('no'); return 'again' }) })
  const retry = (...args: string[]) => ended(run(t, '.', ['retry', '--prefix', prefix, ...args]))
  const { id } = await app.tasks.enqueue('x')
  await reaches(app, id, 'failed')
  fails = false
  t.match(await retry(id), { code: 0, out: `${id}  queued\n`, err: /waits again/ })
  t.match(await reaches(app, id, 'succeeded'), { result: 'again' })
  t.match(await retry(id, '--json'), { code: 3, out: `{"id":"${id}","outcome":"refused"}\n`, err: /It is succeeded: only a failed task/ })
  t.match(await retry('nowhere'), { code: 2, out: '', err: /FST_TASKS_NOT_FOUND/ })
})
