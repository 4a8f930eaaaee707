import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import t from 'tap'
import { CLI, commandsWith, ended, run, runInTerminal } from '../support/command.ts'
import { build, connect, randomPrefix, reaches } from '../support/helpers.ts'

const ESC = '\u001b'

t.test('a table for people, JSON for programs, pages by cursor', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix, queues: ['mail', 'none'] }, app => {
    app.tasks.define('x')
    app.tasks.define('other')
  })
  const command = commandsWith(t, '.', ['--prefix', prefix])
  const list = (...args: string[]) => command('list', ...args)
  const ids = (await app.tasks.enqueueMany('x', Array.from({ length: 5 }, () => ({})))).map(handle => handle.id)
  const mail = (await app.tasks.enqueue('other', 1, { queue: 'mail' })).id

  const table = await list('--limit', '3')
  t.equal(table.code, 0)
  const [titles, ...rows] = table.out.trimEnd().split('\n')
  t.match(titles, /^ID +NAME +QUEUE +STATE +ATTEMPT +ENQUEUED +STARTED +FINISHED +INFO$/)
  t.same(rows.map(row => row.split(/ +/).slice(0, 5)),
    ids.slice(0, 3).map(id => [id, 'x', 'default', 'waiting', '0/1']))
  t.notMatch(table.out, ESC, 'no colours without a terminal')
  const cursor = /--cursor "(.+)"/.exec(table.err)![1]!

  const rest = await list('--limit', '100', '--cursor', cursor, '--json')
  t.same(rest.err, '', 'nothing but JSON')
  const page = JSON.parse(rest.out)
  t.same(page.tasks.map((task: any) => task.id), [...ids.slice(3), mail], 'continues in the next queue')
  t.equal(page.cursor, null)
  t.same(Object.keys(page.tasks[0]), Object.keys((await app.tasks.status(ids[0]!))!), 'a record is a record')

  const [ofQueue, ofName, none, wrongState, wrongLimit, wrongQueue] = await Promise.all([
    list('--queue', 'mail', '--json'), list('--name', 'other', '--limit', '1', '--json'), list('--state', 'failed'),
    list('--state', 'done'), list('--limit', '0'), list('--queue', 'mali')
  ])
  t.same(JSON.parse(ofQueue!.out).tasks.map((task: any) => task.id), [mail])
  t.same(JSON.parse(ofName!.out).tasks.map((task: any) => task.id), [mail], 'passes pages of other tasks')
  t.same([none!.code, none!.out, none!.err], [0, '', 'No failed tasks\n'])
  t.match(wrongState, { code: 1, err: /Allowed choices are waiting/ })
  t.match(wrongLimit, { code: 1, out: '', err: /list\.limit.*\[FST_TASKS_PLUGIN_OPTION_INVALID\]\n$/ })
  const unknown = /Queue "mali" is not known here\. Known queues: default, mail\..*\[FST_TASKS_QUEUE_UNKNOWN\]\n.*--queues/
  t.match(wrongQueue, { code: 1, out: '', err: unknown })
  t.notMatch(wrongLimit!.err + wrongQueue!.err, /\n +at /, 'no stacks')
})

t.test('active and failed tasks; a terminal does not execute the text of a task', async t => {
  const prefix = randomPrefix()
  const hostile = `no ${ESC}[2J\u0007\u009b31m\u202e\nway`
  const app = await build(t, { prefix, worker: true }, app => {
    app.tasks.define('bad', { retries: 0 }, () => { throw Object.assign(new Error(hostile), { code: 'E_BAD' }) })
    app.tasks.define('slow', async (_data, task) => {
      await task.updateState(`HALF${ESC}]0;title\u0007`, { done: 1 })
      await new Promise(resolve => task.signal.addEventListener('abort', resolve))
    })
  })
  const bad = await app.tasks.enqueue('bad')
  const slow = await app.tasks.enqueue('slow')
  await reaches(app, bad.id, 'failed')
  await reaches(app, slow.id, 'active')
  const command = commandsWith(t, '.', ['--prefix', prefix])
  const [failed, active, json, full] = await Promise.all([
    command('list', '-s', 'failed'), command('list', '-s', 'active'), command('list', '-s', 'failed', '--json'),
    command('status', bad.id, '--full')
  ])
  t.match(failed!.out, /failed +1\/1 .* no \\u001b\[2J\\u0007\\u009b31m\\u202e way \[E_BAD\]\n$/)
  t.match(active!.out, /active +1\/1 .* HALF\\u001b\]0;title\\u0007 \{"done":1\}\n$/)
  t.match(full!.out, /^error +Error: no \\u001b\[2J/m)
  // eslint-disable-next-line no-control-regex
  const control = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/
  for (const { out } of [failed!, active!, json!, full!]) t.notMatch(out, control)
  t.equal(JSON.parse(json!.out).tasks[0].error.message, hostile, 'programs get the whole text')
  await slow.cancel()
})

t.test('colours in a terminal, but not with NO_COLOR', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix }, app => { app.tasks.define('x') })
  await app.tasks.enqueue('x')
  const { FORCE_COLOR: _force, NO_COLOR: _no, ...env } = process.env
  const terminal = { ...env, TERM: 'xterm-256color', CI: undefined, FORCE_COLOR: undefined, NO_COLOR: undefined }
  const list = (own: NodeJS.ProcessEnv) =>
    ended(runInTerminal(t, '.', ['list', '--prefix', prefix], { ...terminal, ...own }))
  t.match((await list({})).out, `${ESC}[1mID`)
  t.match((await list({ NO_COLOR: '' })).out, `${ESC}[1mID`, 'an empty NO_COLOR is none: https://no-color.org')
  const without = (await list({ NO_COLOR: '1' })).out
  t.match(without, /^ID +NAME/)
  t.notMatch(without, ESC)
})

t.test('a reader that closes the pipe ends the command, without a message', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix }, app => { app.tasks.define('x') })
  await app.tasks.enqueueMany('x', Array.from({ length: 1_000 }, () => ({ data: 'x' })))
  const command = run(t, '.', ['list', '--prefix', prefix, '--limit', '1000', '--json'])
  command.child.stdout!.destroy() // before it writes
  t.same(await ended(command), { code: 0, out: '', err: '' })
  const list = `'${process.execPath}' '${CLI}' list --prefix ${prefix} --limit 1000`
  const shell = spawn('sh', ['-c', `${list} | head -1`])
  const texts = { out: '', err: '' }
  shell.stdout.on('data', chunk => { texts.out += chunk })
  shell.stderr.on('data', chunk => { texts.err += chunk })
  await once(shell, 'close')
  t.match(texts, { out: /^ID .*\n$/, err: /^(There may be more.*\n)?$/ })
})

const FULL = '/dev/full' // a disk without room, on Linux

t.test('output that cannot be written: one line, and exit code 1', { skip: !existsSync(FULL) }, async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix }, app => { app.tasks.define('x') })
  await app.tasks.enqueue('x')
  const shell = spawn('sh', ['-c', `'${process.execPath}' '${CLI}' list --prefix ${prefix} >${FULL}`])
  let err = ''
  shell.stderr.on('data', chunk => { err += chunk })
  t.same(await once(shell, 'close'), [1, null])
  t.match(err, /^fastify-tasks: cannot write to standard output: .*ENOSPC[^\n]*\n$/)
})

t.test('a queue of 20,000 is read page by page', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix }, app => { app.tasks.define('x') })
  await app.tasks.enqueueMany('x', Array.from({ length: 20_000 }, () => ({})))
  const redis = connect(t)
  const idAt = (place: number) => redis.lindex(`${prefix}:{default}:waiting`, place)
  const command = commandsWith(t, '.', ['--prefix', prefix])
  const first = JSON.parse((await command('list', '--limit', '11', '--json')).out)
  const found = await command('list', '--limit', '1', '--json', '--cursor', first.cursor)
  t.equal(JSON.parse(found.out).tasks[0].id, await idAt(-12))
})
