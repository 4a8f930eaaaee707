import t from 'tap'
import { chain, group } from '../../lib/plugin.ts'
import { commandsWith } from '../support/command.ts'
import { build, latch, randomPrefix, reaches } from '../support/helpers.ts'

t.test('status: the record, with --full also data and stack; exit code 2 if there is no such task', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix, worker: true }, app => {
    app.tasks.define('good', { retries: 2 }, async (_data, task) => {
      await task.updateState('HALF', { done: 1 })
      return { answer: 42 }
    })
    app.tasks.define('bad', () => { throw new Error('first line\nsecond line') })
  })
  const command = commandsWith(t, '.', ['--prefix', prefix])
  const status = (...args: string[]) => command('status', ...args)
  const good = await app.tasks.enqueue('good', { secret: 'data' })
  const bad = await app.tasks.enqueue('bad')
  const record = await reaches(app, good.id, 'succeeded')
  await reaches(app, bad.id, 'failed')
  const [shown, json, full, failed, failedJson, unknown, unknownJson] = await Promise.all([
    status(good.id), status(good.id, '--json'), status(good.id, '--full'), status(bad.id, '--full'),
    status(bad.id, '--full', '--json'), status('nowhere'), status('no such id', '--json')
  ])
  const lines = [
    `id        ${good.id}`, 'name      good', 'queue     default', 'state     succeeded', 'stage     HALF',
    'progress  {"done":1}', 'attempt   1 of 3', 'result    {"answer":42}', 'error     -'
  ]
  for (const line of lines) t.ok(shown!.out.split('\n').includes(line), line)
  t.match(shown!.out, new RegExp(`^enqueued {2}${record.enqueuedAt} \\(\\d+s ago\\)$`, 'm'))
  t.notMatch(shown!.out, /secret/)
  t.same([shown!.code, shown!.err], [0, ''])
  t.same(JSON.parse(json!.out), record)
  t.match(full!.out, /^data +\{"secret":"data"\}$/m)
  t.match(failed!.out, /^error +Error: first line\n +second line\n[^]*^stack +Error: first line\n +second line\n +at /m)
  t.match(JSON.parse(failedJson!.out).error, { message: 'first line\nsecond line', stack: /at / })
  const notFound = /There is no task with the id "nowhere".*\[FST_TASKS_NOT_FOUND\]\n +looked for in .*, queues default\n$/
  t.match(unknown, { code: 2, out: '', err: notFound })
  t.match(unknownJson, { code: 2, out: 'null\n' })
})

t.test('status of a flow: its members as a tree, in pages; --json too', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix }, app => {
    app.tasks.define('good', () => 1)
    app.tasks.define('bad', { retries: 0 }, () => { throw new Error('no paper') })
  })
  const member = (task: string): any => ({ kind: 'signature', task, data: null, options: {} })
  const shape = chain(member('good'), group(member('good'), chain(member('bad'), member('good'))))
  const { id } = await app.tasks.enqueueFlow(shape)
  await app.tasks.startWorker()
  await reaches(app, id, 'failed')
  const status = (...args: string[]) => commandsWith(t, '.', ['--prefix', prefix])('status', id, ...args)
  const [all, first, rest] = await Promise.all([
    status(), status('--limit', '1', '--json'), status('--cursor', '3')
  ])
  t.equal(all!.code, 0)
  t.match(all!.out, /^name +flow$/m)
  const rows = all!.out.split('\n')
  const tree = rows.slice(rows.findIndex(row => row.startsWith('MEMBER')) + 1, -1)
  const indent = /^ */
  t.same(tree.map(row => indent.exec(row)![0] + row.trim().split(/ {2,}/).slice(0, 4).join(' ')), [
    '0 good default succeeded', '1', '  0 good default succeeded', '  1', '    0 bad default failed',
    '    1 good default cancelled'
  ])
  t.match(all!.out, /failed.*no paper$/m)
  const { members, name } = JSON.parse(first!.out)
  t.match({ name, members }, { name: 'flow', members: { tasks: [{ flow: { id, key: '0' } }], cursor: '1' } })
  t.equal(members.tasks.length, 1)
  t.match(rest!.out, /^1\n {2}1\n {4}1 +good/m)
  t.notMatch(rest!.out, /no paper$/m)
})

t.test('cancel: a waiting task, one that runs elsewhere, a finished one, none', async t => {
  const prefix = randomPrefix()
  const aborted = latch<string>()
  const app = await build(t, { prefix }, app => {
    app.tasks.define('x', () => 1)
    app.tasks.define('hang', (_data, task) => new Promise((_resolve, reject) => {
      task.signal.addEventListener('abort', () => { aborted.open(task.signal.reason.code); reject(task.signal.reason) })
    }))
  })
  const command = commandsWith(t, '.', ['--prefix', prefix])
  const cancel = (...args: string[]) => command('cancel', ...args)
  const waiting = await app.tasks.enqueue('x')
  t.match(await cancel(waiting.id), { code: 0, out: `${waiting.id}  cancelled\n`, err: /never will/ })
  t.equal((await waiting.status())!.state, 'cancelled')
  const running = await app.tasks.enqueue('hang')
  await app.tasks.startWorker()
  await reaches(app, running.id, 'active')
  const requested = `{"id":"${running.id}","outcome":"requested"}\n`
  t.match(await cancel(running.id, '--json'), { code: 0, out: requested, err: /is running/ })
  t.equal(await aborted.promise, 'FST_TASKS_CANCELLED')
  await reaches(app, running.id, 'cancelled')
  t.match(await cancel(running.id), { code: 3, out: `${running.id}  finished\n`, err: /has already finished/ })
  const unknown = '{"id":"nowhere","outcome":"unknown"}\n'
  t.match(await cancel('nowhere', '--json'), { code: 2, out: unknown, err: /FST_TASKS_NOT_FOUND/ })
})

t.test('retry: re-queues a failed task, and no other', async t => {
  const prefix = randomPrefix()
  let fails = true
  const app = await build(t, { prefix, worker: true }, app => {
    app.tasks.define('x', () => {
      if (fails) throw new Error('no')
      return 'again'
    })
  })
  const command = commandsWith(t, '.', ['--prefix', prefix])
  const retry = (...args: string[]) => command('retry', ...args)
  const { id } = await app.tasks.enqueue('x')
  await reaches(app, id, 'failed')
  fails = false
  t.match(await retry(id), { code: 0, out: `${id}  queued\n`, err: /^Re-queued with all attempts\n$/ })
  t.match(await reaches(app, id, 'succeeded'), { result: 'again' })
  const refused = `{"id":"${id}","outcome":"refused"}\n`
  t.match(await retry(id, '--json'), { code: 3, out: refused, err: /The task is succeeded: only a failed task/ })
  t.match(await retry('nowhere'), { code: 2, out: '', err: /FST_TASKS_NOT_FOUND/ })
})

t.test('retry of a member of a flow: it is refused, and the flow is named', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix, worker: true }, app => {
    app.tasks.define('bad', { retries: 0 }, () => { throw new Error('no paper') })
  })
  const { id } = await app.tasks.enqueueFlow(chain({ kind: 'signature', task: 'bad', data: null, options: {} }))
  await reaches(app, id, 'failed')
  const [member] = (await app.tasks.list({ flow: id })).tasks
  const command = commandsWith(t, '.', ['--prefix', prefix])
  const refused = `The task is a member of the flow "${id}": retry the flow`
  t.match(await command('retry', member!.id), { code: 3, err: refused })
  t.match(await command('retry', id), { code: 0 })
})

t.test('remove: asks first; a running task is refused, and an unknown one', async t => {
  const prefix = randomPrefix()
  const go = latch()
  const app = await build(t, { prefix }, app => { app.tasks.define('slow', () => go.promise) })
  t.teardown(go.open)
  const command = commandsWith(t, '.', ['--prefix', prefix])
  const [active, delayed] = [await app.tasks.enqueue('slow'), await app.tasks.enqueue('slow', null, { delay: 60_000 })]
  await app.tasks.startWorker()
  await reaches(app, active.id, 'active')
  t.match(await command('remove', delayed.id), { code: 1, out: '', err: /remove task .* \(slow, delayed\)[^]*UNCONFIRMED/ })
  t.match(await command('remove', active.id, '--yes'), { code: 3, err: /running: cancel it first/ })
  const removed = await command('remove', delayed.id, '--yes', '--json')
  t.same([removed.code, JSON.parse(removed.out)], [0, { id: delayed.id, outcome: 'removed' }])
  t.equal(await app.tasks.status(delayed.id), null)
  t.equal((await command('remove', delayed.id, '--yes')).code, 2)
})
