/**
 * Tasks in threads of a worker that the command line starts: the files that it loads, and its shutdown.
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
/** TypeScript that Node cannot run without removing the types. */
const typed = 'interface Data { n: number }\nexport default async (data: Data): Promise<number> => data.n * 2'
const computing = 'export default (_data, task) => { task.reportProgress(1); for (;;); }'

interface CliWorker { child: ChildProcess, exit: Promise<any[]> }
interface CliWorkerOptions { main: string, files: Record<string, string>, nodeFlags?: string[] }

function startCliWorker (t: Test, prefix: string, { main, files, nodeFlags = [] }: CliWorkerOptions): CliWorker {
  const folder = t.testdir({ 'package.json': '{"type":"module"}', ...files })
  const child = spawn(process.execPath, [...nodeFlags, CLI, 'worker', '-A', main, '--close-timeout', '300'], {
    cwd: folder, env: { ...process.env, PREFIX: prefix }, stdio: 'ignore'
  })
  const exit = once(child, 'exit')
  t.teardown(async () => {
    child.kill('SIGKILL')
    await exit
  })
  return { child, exit }
}

const variants = [
  ['app.ts', 'double.ts', typed],
  ['app.js', 'double.cjs', 'module.exports = data => data.n * 2']
] as const

for (const [main, file, code] of variants) {
  t.test(`${main} with ${file}`, async t => {
    const prefix = randomPrefix()
    const web = await build(t, { prefix }, app => { app.tasks.define('x') })
    const { child, exit } = startCliWorker(t, prefix, { main, files: { [main]: app(file), [file]: code } })
    t.equal(await (await web.tasks.enqueue('x', { n: 21 })).result({ timeout: 30_000 }), 42)
    child.kill('SIGTERM')
    t.same(await exit, [0, null])
  })
}

t.test('SIGTERM while a thread ignores the abort: the worker exits, and the task goes back to its queue', async t => {
  const prefix = randomPrefix()
  const web = await build(t, { prefix }, app => { app.tasks.define('x') })
  const files = { 'app.js': app('computing.js'), 'computing.js': computing }
  const { child, exit } = startCliWorker(t, prefix, { main: 'app.js', files })
  const { id } = await web.tasks.enqueue('x')
  await until('the handler runs', async () => (await web.tasks.status(id))?.progress === 1, 30_000)
  child.kill('SIGTERM')
  t.same(await exit, [0, null])
  t.match(await web.tasks.status(id), { state: 'waiting' })
})

const endings = [
  ['throws', 'throw new Error("no thread can start")', /no thread can start/],
  ['exits', 'process.exit()', /before it could start|exit/]
] as const

for (const [how, end, message] of endings) {
  t.test(`a preloaded module that ${how} in each thread: tasks fail instead of waiting for ever`, async t => {
    const prefix = randomPrefix()
    const web = await build(t, { prefix }, app => { app.tasks.define('x') })
    const preloaded = `import { isMainThread } from 'node:worker_threads'\nif (!isMainThread) ${end}`
    const files = {
      'app.js': app('double.cjs'), 'double.cjs': 'module.exports = () => 1', 'preloaded.js': preloaded
    }
    startCliWorker(t, prefix, { main: 'app.js', files, nodeFlags: ['--import', './preloaded.js'] })
    const handles = await web.tasks.enqueueMany('x', [{}, {}])
    for (const { id } of handles) {
      const hasEnded = async (): Promise<boolean> =>
        ['failed', 'succeeded'].includes((await web.tasks.status(id))!.state)
      await until('the task has ended', hasEnded, 30_000)
      t.match(await reaches(web, id, 'failed'), { error: { code: 'FST_TASKS_THREAD_DIED', message } })
    }
  })
}
