import t from 'tap'
import { commandsWith } from '../support/command.ts'
import { build, randomPrefix } from '../support/helpers.ts'

t.test('schedules: the list, the next runs, pause, resume, trigger, with and without JSON', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix }, app => {
    app.tasks.define('report')
    app.tasks.defineSchedule('nightly', { task: 'report', cron: '0 3 * * *', timezone: 'Europe/Berlin' })
  })
  await app.tasks.schedules.set('often', { task: 'report', every: 60_000 })
  const command = commandsWith(t, '.', ['--prefix', prefix])
  const schedules = (...args: string[]) => command('schedules', ...args)
  const [table, json, next, nextJson, unknown, noId, wrong] = await Promise.all([
    schedules(), schedules('list', '--json'), schedules('next', 'nightly'), schedules('next', 'often', '--json'),
    schedules('pause', 'nobody'), schedules('pause'), schedules('stop', 'often')
  ])
  const [titles, ...rows] = table!.out.trimEnd().split('\n')
  t.match(titles, /^ID +TASK +QUEUE +WHEN +ZONE +STATE +NEXT +LAST +OUTCOME +FIRED +SKIPPED +MISSED$/)
  t.match(rows[0], /^nightly +report +default +At 03:00 +Europe\/Berlin +planned +in \d+[hm] +- +- +0 +0 +0$/)
  t.match(rows[1], /^often +report +default +Every 1m +UTC +planned/)
  t.match(JSON.parse(json!.out), {
    schedules: [{ id: 'nightly', when: 'At 03:00', declared: true }, { id: 'often', every: 60_000 }], cursor: null
  })
  const first = await schedules('list', '--limit', '1', '--json')
  const second = await schedules('list', '--cursor', JSON.parse(first.out).cursor)
  t.match(second.out, /^often/m)
  t.notMatch(second.out, /nightly/)
  t.equal(next!.out.trim().split('\n').length, 3)
  t.match(JSON.parse(nextJson!.out), { id: 'often', next: [String, String, String] })
  t.match(unknown, { code: 2, err: /\[FST_TASKS_SCHEDULE_NOT_FOUND\]/ })
  t.match(noId, { code: 1, err: /Give the id/ })
  t.match(wrong, { code: 1, err: /Allowed choices are list, pause/ })
  t.match(await schedules('pause', 'nightly'), { code: 0, out: 'nightly  paused\n' })
  t.match(await app.tasks.schedules.get('nightly'), { paused: true })
  t.match(await schedules('resume', 'nightly', '--json'), { code: 0, out: '{"id":"nightly","outcome":"resumed"}\n' })
  const triggered = JSON.parse((await schedules('trigger', 'nightly', '--json')).out)
  t.match(await app.tasks.status(triggered.taskId), { schedule: { id: 'nightly' }, state: 'waiting' })
})
