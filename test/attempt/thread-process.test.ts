/**
 * Tasks in threads of a standalone worker: the files that it loads, and how it ends.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { build, randomPrefix, reaches, until } from '../support/helpers.ts'

const CLI = new URL('../../lib/cli/main.js', import.meta.url).pathname
const PLUGIN = JSON.stringify(new URL('../../lib/plugin.js', import.meta.url).href)

const app = (file: string): string => `
import tasks from ${PLUGIN}
export default async function app (fastify) {
  await fastify.register(tasks, { prefix: process.env.PREFIX, threads: { max: 1 }, worker: { closeTimeout: 300 } })
  fastify.tasks.define('x', { thread: new URL('./${file}', import.meta.url) })
}`
/** Only a compiler makes JavaScript of it. */
const typed = 'interface Data { n: number }\nexport default async (data: Data): Promise<number> => data.n * 2'
const computing = 'export default (_data, task) => { task.reportProgress(1); for (;;); }'

function worker (t: Test, prefix: string, files: Record<string, string>, main: string, flags: string[] = []): { child: ChildProcess, exit: Promise<any[]>, err: () => string } {
  const folder = t.testdir({ 'package.json': '{"type":"module"}', ...files })
  const child = spawn(process.execPath, [...flags, CLI, 'worker', '-A', main, '--close-timeout', '300'], { cwd: folder, env: { ...process.env, PREFIX: prefix }, stdio: ['ignore', 'ignore', 'pipe'] })
  let text = ''
  child.stderr!.on('data', chunk => { text += chunk })
  const exit = once(child, 'exit')
  t.teardown(async () => { child.kill('SIGKILL'); await exit })
  return { child, exit, err: () => text }
}

for (const [main, file, code] of [['app.ts', 'double.ts', typed], ['app.js', 'double.cjs', 'module.exports = data => data.n * 2']] as const) {
  t.test(`${main} with ${file}`, async t => {
    const prefix = randomPrefix()
    const web = await build(t, { prefix }, app => { app.tasks.define('x') })
    const { child, exit } = worker(t, prefix, { [main]: app(file), [file]: code }, main)
    t.equal(await (await web.tasks.enqueue('x', { n: 21 })).result({ timeout: 30_000 }), 42)
    child.kill('SIGTERM')
    t.same(await exit, [0, null])
  })
}

t.test('a worker whose thread computes on ends, and the task goes back', async t => {
  const prefix = randomPrefix()
  const web = await build(t, { prefix }, app => { app.tasks.define('x') })
  const { child, exit } = worker(t, prefix, { 'app.js': app('computing.js'), 'computing.js': computing }, 'app.js')
  const { id } = await web.tasks.enqueue('x')
  await until('it computes', async () => (await web.tasks.status(id))?.progress === 1, 30_000)
  child.kill('SIGTERM')
  t.same(await exit, [0, null])
  t.match(await web.tasks.status(id), { state: 'waiting' })
})

for (const [how, end] of [['throws', 'throw new Error("no thread can start")'], ['exits', 'process.exit()']] as const) {
  t.test(`where what Node preloads ${how} in each thread, tasks fail, and none waits for ever`, async t => {
    const prefix = randomPrefix()
    const web = await build(t, { prefix }, app => { app.tasks.define('x') })
    const trap = `import { isMainThread } from 'node:worker_threads'\nif (!isMainThread) ${end}`
    worker(t, prefix, { 'app.js': app('double.cjs'), 'double.cjs': 'module.exports = () => 1', 'trap.js': trap }, 'app.js', ['--import', './trap.js'])
    const handles = await web.tasks.enqueueMany('x', [{}, {}])
    for (const { id } of handles) {
      await until('it has ended', async () => ['failed', 'succeeded'].includes((await web.tasks.status(id))!.state), 30_000)
      t.match(await reaches(web, id, 'failed'), { error: { code: 'FST_TASKS_THREAD_DIED', message: how === 'throws' ? /no thread can start/ : /before it could start|exit/ } })
    }
  })
}
