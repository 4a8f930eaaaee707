import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { DEADLINE, PLUGIN, run, type Run } from '../support/command.ts'
import { build, randomPrefix, reaches, until } from '../support/helpers.ts'
import type { FastifyInstance } from 'fastify'

/** An app of two files. One of them has the word that its task returns. */
const app = (prefix: string): string => `import tasks from ${PLUGIN}
import { word } from './parts/word.js'
export default async function app (fastify) {
  await fastify.register(tasks, { prefix: '${prefix}', queues: ['side'] })
  fastify.tasks.define('word', () => word)
  fastify.tasks.define('slow', async () => {
    await new Promise(resolve => setTimeout(resolve, 1_500))
    return 'by ' + word
  })
  fastify.tasks.define('hang', () => new Promise(() => {}))
  fastify.tasks.define('block', () => { Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0) })
}
`
const word = (text: string): string => `export const word = '${text}'\n`

interface Setup {
  folder: string
  web: FastifyInstance
  write: (file: string, text: string) => void
  start: (...args: string[]) => Promise<Run>
}

async function setup (t: Test): Promise<Setup> {
  const prefix = randomPrefix()
  const web = await build(t, { prefix }, app => {
    for (const name of ['word', 'slow', 'hang', 'block']) app.tasks.define(name)
  })
  // A testdir is below a folder whose name starts with a dot: the files in it have to count all the same.
  const folder = t.testdir({
    'package.json': '{"type":"module"}',
    'app.js': app(prefix),
    parts: { 'word.js': word('one') },
    node_modules: { x: { 'index.js': '' } }
  })
  const start = async (...args: string[]): Promise<Run> => {
    const parent = run(t, folder, ['worker', '-A', 'app.js', '--watch', '--close-timeout', '10000', ...args])
    t.teardown(() => { for (const pid of pids(parent)) kill(pid) })
    await times(parent, 'worker started', 1)
    return parent
  }
  return { folder, web, start, write: (file, text) => writeFileSync(join(folder, file), text) }
}

/** The pids of all workers, from the lines that they print. */
const pids = (parent: Run): number[] => [...parent.err().matchAll(/^ {2}pid +(\d+)/gm)].map(match => Number(match[1]))

function isAlive (pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

function kill (pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {}
}

/** The files whose changes restarted the worker. */
const changes = (parent: Run): string[] =>
  [...parent.err().matchAll(/^fastify-tasks: (.+) has changed/gm)].map(match => match[1]!)

const times = (parent: Run, text: string, count: number): Promise<unknown> =>
  until(`"${text}" for the ${count}. time`, () => parent.text().split(text).length > count, DEADLINE)

const resultOf = async (web: FastifyInstance, name: string): Promise<unknown> =>
  (await web.tasks.enqueue(name)).result({ timeout: DEADLINE })

t.test('a change restarts the worker when running tasks have finished', async t => {
  const { web, start, write, folder } = await setup(t)
  const parent = await start('--close-timeout', '2147483647') // and 5 s are more than a timer can wait
  t.match(parent.err(), `watching ${folder}: a change restarts the worker`)
  t.equal(await resultOf(web, 'word'), 'one')
  const slow = await web.tasks.enqueue('slow')
  await reaches(web, slow.id, 'active')
  write('parts/word.js', word('two'))
  t.equal(await slow.result({ timeout: DEADLINE }), 'by one', 'the worker drained: the running task finished')
  t.equal(await resultOf(web, 'word'), 'two')
  t.match(parent.err(), /parts.word\.js has changed: restarting the worker/)
  t.equal((await slow.status())!.attempt, 1)
  const [first, second] = pids(parent)
  t.notOk(isAlive(first!))
  parent.child.kill('SIGINT')
  t.same(await parent.exit, [0, null])
  t.notOk(isAlive(second!), 'no process is left')
})

t.test('an app that fails to load: prints the error, and waits for the next change', async t => {
  const { web, start, write, folder } = await setup(t)
  const parent = await start()
  write('parts/word.js', 'export const word = \n')
  await times(parent, 'waiting for a file to change', 1)
  t.match(parent.err(), /SyntaxError[^]*the worker has exited \(exit code 1\): waiting for a file to change/)
  rmSync(join(folder, 'parts/word.js'))
  await times(parent, 'waiting for a file to change', 2)
  t.match(parent.err(), /ERR_MODULE_NOT_FOUND|Cannot find module/)
  write('parts/word.js', word('three'))
  t.equal(await resultOf(web, 'word'), 'three')
  write('app.js', 'export const nothing = 1\n')
  await times(parent, 'waiting for a file to change', 3)
  t.match(parent.err(), /FST_TASKS_APP_INVALID/)
  parent.child.kill('SIGTERM')
  t.same(await parent.exit, [0, null], 'exits at once if no worker is running')
})

t.test('node_modules, dotfiles and files without code do not count; --watch-path names what does', async t => {
  const { web, start, write, folder } = await setup(t)
  mkdirSync(join(folder, '.git'))
  mkdirSync(join(folder, 'views/.cache'), { recursive: true })
  write('views/page.ejs', 'one')
  const parent = await start()
  const ignored = ['node_modules/x/index.js', '.git/index.js', '.hidden.js', 'upload.txt', 'views/page.ejs']
  for (const file of ignored) write(file, 'changed')
  await run(t, folder, ['--version']).exit // takes longer than the watcher waits before it reports a change
  write('parts/word.js', word('two'))
  await times(parent, 'worker started', 2)
  t.equal(await resultOf(web, 'word'), 'two')
  t.same(changes(parent), [join('parts', 'word.js')])
  parent.child.kill('SIGHUP') // the terminal was closed
  t.same(await parent.exit, [0, null])

  const named = await start('--watch-path', 'views', 'package.json')
  write('parts/word.js', word('three'))
  write('views/.cache/x', '')
  await run(t, folder, ['--version']).exit
  write('views/page.ejs', 'two')
  await times(named, 'worker started', 2)
  t.equal(await resultOf(web, 'word'), 'three')
  t.same(changes(named), [join('views', 'page.ejs')])
  named.child.kill('SIGTERM')
  t.same(await named.exit, [0, null])
  const missing = run(t, folder, ['worker', '-A', 'nowhere/app.js', '--watch'])
  t.same(await missing.exit, [1, null])
  t.match(missing.err(), /\[FST_TASKS_APP_NOT_FOUND\]\n$/)
  const wrong = run(t, folder, ['worker', '-A', 'app.js', '--watch', '--watch-path', 'nowhere'])
  t.same(await wrong.exit, [1, null])
  const message = /"--watch-path" must be a file or a folder, got "nowhere"\. .*\[FST_TASKS_PLUGIN_OPTION_INVALID\]\n$/
  t.match(wrong.err(), message)
})

t.test('a second Ctrl+C exits at once', async t => {
  const { web, start } = await setup(t)
  const parent = await start()
  const { id } = await web.tasks.enqueue('hang')
  await reaches(web, id, 'active')
  parent.child.kill('SIGINT')
  await times(parent, 'a second signal exits at once', 1)
  parent.child.kill('SIGINT')
  t.same(await parent.exit, [130, null])
  t.notOk(isAlive(pids(parent)[0]!))
})

t.test('the worker drains and exits when the watching process ends, by SIGKILL too', async t => {
  const { web, start } = await setup(t)
  const parent = await start()
  const slow = await web.tasks.enqueue('slow')
  await reaches(web, slow.id, 'active')
  parent.child.kill('SIGKILL')
  await until('the worker has exited', () => !isAlive(pids(parent)[0]!), DEADLINE)
  t.match(await slow.status(), { state: 'succeeded', attempt: 1 }, 'drained')
})

t.test('a worker that does not stop is killed', async t => {
  const { web, start, write } = await setup(t)
  const parent = await start('--close-timeout', '0')
  const { id } = await web.tasks.enqueue('block')
  await reaches(web, id, 'active')
  write('parts/word.js', word('two'))
  await times(parent, 'did not stop within 5000 ms: killing it', 1)
  await times(parent, 'worker started', 2)
  t.notOk(isAlive(pids(parent)[0]!))
  parent.child.kill('SIGTERM')
  t.same(await parent.exit, [0, null])
})
