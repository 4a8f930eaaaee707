import t from 'tap'
import { commandsWith, ended, runInTerminal } from '../support/command.ts'
import { build, randomPrefix } from '../support/helpers.ts'

t.test('counts, asks before it destroys, and goes on from a cursor', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix, worker: true }, app => {
    app.tasks.define('x', () => { throw Object.assign(new Error('no'), { code: 'E_NO' }) })
    app.tasks.define('y', { queue: 'mail' })
  })
  const handles = await app.tasks.enqueueMany('x', [{}, {}, {}])
  await Promise.all(handles.map(handle => handle.result({ timeout: 30_000 }).catch(() => {})))
  const [later] = await app.tasks.enqueueMany('y', [{ delay: 60_000 }, { delay: 60_000 }, { delay: 60_000 }])
  const command = commandsWith(t, '.', ['--prefix', prefix])

  t.match(await command('count', '-s', 'failed', 'delayed'), { code: 0, out: '6\n', err: '' })
  t.match(await command('count', '-s', 'failed', '--code', 'E_NO', '--from', '1h', '--json'), { out: '{"count":3}\n' })
  t.match(await command('count', '-s', 'failed', '--to', '1h'), { out: '0\n' })
  const [moved, unmoved] = await Promise.all([
    command('reschedule', later!.id, '--delay', '7200000', '--json'), command('promote', handles[0]!.id)
  ])
  const [queued, wrong, refused, part] = await Promise.all([
    command('retry-many', '--name', 'x', '--limit', '1'),
    command('count', '-s', 'failed', '--from', 'yesterday'),
    command('cancel-many', '-s', 'delayed', '--queue', 'mail'),
    command('cancel-many', '-s', 'delayed', '--limit', '1', '--yes', '--json')
  ])
  t.match(moved, { code: 0, out: `{"id":"${later!.id}","outcome":"rescheduled"}\n` })
  const span = await command('reschedule', later!.id, '--until', '2h')
  t.match(span, { code: 1, err: /Give a time/ }, 'it would be due two hours ago, and start at once')
  t.match(unmoved, { code: 3, out: /refused/, err: /waits for no time/ })
  t.match(queued, { code: 0, out: /^1 matched {2}1 queued again\n$/, err: /There may be more: --cursor "\w+"/ })
  t.match(wrong, { code: 1, err: /Give a time/ })
  t.match(refused, { code: 1, err: /This would cancel [23] tasks \(delayed\) at redis.*\[FST_TASKS_UNCONFIRMED\]/ })
  const { matched, changed, cursor } = JSON.parse(part.out)
  t.same({ matched, changed }, { matched: 1, changed: 1 })
  const rest = await command('cancel-many', '-s', 'delayed', '--yes', '--cursor', cursor)
  t.match(rest, { code: 0, out: '2 matched  2 cancelled\n' })

  const remove = ['remove-many', '-s', 'cancelled', '--prefix', prefix]
  const question = /Remove 3 tasks \(cancelled\) at redis:.*\? \[y\/N\][^]*Nothing was changed/
  t.match(await ended(runInTerminal(t, '.', remove, {}, 'n\n')), { code: 3, out: question })
  t.match(await ended(runInTerminal(t, '.', remove, {}, 'y\n')), { code: 0, out: /3 matched {2}3 removed/ })
})
