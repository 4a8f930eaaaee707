import t from 'tap'
import { commandsWith } from '../support/command.ts'
import { build, randomPrefix } from '../support/helpers.ts'

t.test('pause and resume, and what inspect and status say of it', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix, queues: ['mail'] }, app => { app.tasks.define('x') })
  const { id } = await app.tasks.enqueue('x')
  const command = commandsWith(t, '.', ['--prefix', prefix, '--queues', 'default,mail'])
  t.match(await command('pause', '--queue', 'mail'), { code: 0, out: 'mail  paused  true\n' })
  t.match(await command('pause', '--name', 'x', '--queue', 'default', '--json'), {
    code: 0, out: '{"queue":"default","name":"x","outcome":"paused","changed":true}\n'
  })
  const [again, inspect, json, status, wrong] = await Promise.all([
    command('pause', '--queue', 'mail'), command('inspect'), command('inspect', '--json'), command('status', id),
    command('pause')
  ])
  t.match(again, { code: 0, out: 'mail  paused  false\n', err: /It was paused before/ })
  t.match(inspect!.out, /^default \(paused: x\) +1 +0/m)
  t.match(inspect!.out, /^mail \(paused\) +0 +0/m)
  t.match(JSON.parse(json!.out), { queues: { default: { pausedTasks: ['x'] }, mail: { paused: true } } })
  t.match(status!.out, /blocked by +task "x" is paused/i)
  t.match(wrong, { code: 1, err: /\[FST_TASKS_PLUGIN_OPTION_INVALID\]/ })
  t.match(await command('resume', '--name', 'x'), { code: 0, out: 'x  resumed  true\n' })
  t.match(await command('resume', '--name', 'x'), { code: 0, out: 'x  resumed  false\n', err: /It was not paused/ })
  t.match(await app.tasks.counts(), { default: { pausedTasks: [] }, mail: { paused: true } })
})
