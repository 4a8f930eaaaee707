import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startRedis } from '../../scripts/redis.ts'
import { CLI, DEADLINE, hosted, PLUGIN, run, type Run } from '../support/command.ts'
import { build, randomPrefix, reaches, REDIS_URL, until } from '../support/helpers.ts'

const body = `
  await fastify.register(tasks, { prefix: process.env.PREFIX })
  fastify.tasks.define('quick', (data, task) => { task.log.info('working'); return data })
  fastify.tasks.define('slow', async () => { await new Promise(resolve => setTimeout(resolve, 300)); return 'whole' })
  fastify.tasks.define('hang', () => new Promise(() => {}))
  fastify.tasks.define('letter', { queue: 'mail' }, () => 'sent')
`
const esm = `import tasks from ${PLUGIN}
export default async function app (fastify, options) {${body}}
`
const typed = `import tasks from ${PLUGIN}
interface Options { a?: number }
export default async function app (fastify: any, options: Options): Promise<void> {${body}}
`
const cjs = `module.exports = async function app (fastify, options) {
  const { default: tasks } = await import(${PLUGIN})${body}}
`

const started = (worker: Run): Promise<unknown> =>
  until('the worker has started', () => worker.out().includes('worker started'), DEADLINE)

for (const [file, text] of [['app.js', esm], ['app.mjs', esm], ['app.cjs', cjs], ['app.ts', typed]] as const) {
  t.test(`${file}: boots the app without listening, works, drains on SIGTERM`, async t => {
    const prefix = randomPrefix()
    const folder = t.testdir({ [file]: text, 'package.json': '{"type":"module"}' })
    const web = await build(t, { prefix, queues: ['mail'] }, app => {
      for (const name of ['quick', 'slow']) app.tasks.define(name)
      app.tasks.define('letter', { queue: 'mail' })
    })
    const args = ['worker', '-A', file, '-Q', 'default,mail', '-c', '4', '-l', 'info']
    const worker = run(t, folder, args, { PREFIX: prefix })
    const [quick, letter] = [await web.tasks.enqueue('quick', { a: 1 }), await web.tasks.enqueue('letter')]
    t.same(await quick.result({ timeout: 60_000 }), { a: 1 })
    t.equal(await letter.result({ timeout: 60_000 }), 'sent')
    const port = new URL(REDIS_URL).port
    const banner = [
      `app          ${join(folder, file)}`, `redis        redis://127.0.0.1:${port}/0`, 'queues       default, mail',
      'tasks        quick, slow, hang, letter', 'concurrency  4'
    ]
    for (const line of banner) t.ok(worker.err().includes(line), line)
    const line = new RegExp(`"taskId":"${quick.id}","task":"quick","attempt":1.*"working"`)
    await until('the line of the task is in the log', () => line.test(worker.out()), DEADLINE)
    const slow = await web.tasks.enqueue('slow')
    await reaches(web, slow.id, 'active')
    worker.child.kill('SIGTERM')
    t.same(await worker.exit, [0, null])
    t.match(await web.tasks.status(slow.id), { state: 'succeeded', result: 'whole' })
  })
}

t.test('a second signal exits at once', async t => {
  const prefix = randomPrefix()
  const web = await build(t, { prefix }, app => { app.tasks.define('hang') })
  const worker = run(t, t.testdir({ 'app.mjs': esm }), ['worker', '-A', 'app.mjs'], { PREFIX: prefix })
  const { id } = await web.tasks.enqueue('hang')
  await reaches(web, id, 'active')
  worker.child.kill('SIGINT')
  await until('the worker drains', () => worker.err().includes('a second signal exits at once'), DEADLINE)
  worker.child.kill('SIGTERM')
  t.same(await worker.exit, [143, null])
})

t.test('SIGHUP, as when its terminal is closed: the worker drains', async t => {
  const prefix = randomPrefix()
  const web = await build(t, { prefix }, app => { app.tasks.define('slow') })
  const worker = run(t, t.testdir({ 'app.mjs': esm }), ['worker', '-A', 'app.mjs'], { PREFIX: prefix })
  const { id } = await web.tasks.enqueue('slow')
  await reaches(web, id, 'active')
  worker.child.kill('SIGHUP')
  t.same(await worker.exit, [0, null])
  t.match(await web.tasks.status(id), { state: 'succeeded' })
})

/** Starts a worker with a task that takes long and one that throws what nobody catches. */
async function throwUncaught (t: Test, thrown: string): Promise<{ worker: Run, look: () => Promise<unknown[]> }> {
  const prefix = randomPrefix()
  const throwing = `new Promise(() => { setTimeout(() => { throw ${thrown} }) })`
  const text = esm.replace('new Promise(() => {})', throwing).replace('300', '2000')
  const web = await build(t, { prefix }, app => {
    app.tasks.define('hang')
    app.tasks.define('slow')
  })
  const folder = t.testdir({ 'app.mjs': text })
  const worker = run(t, folder, ['worker', '-A', 'app.mjs', '--close-timeout', '3000'], { PREFIX: prefix })
  await started(worker)
  const slow = await web.tasks.enqueue('slow')
  await reaches(web, slow.id, 'active')
  const hang = await web.tasks.enqueue('hang')
  await until('the error is printed', () => worker.err().includes('uncaught '), DEADLINE)
  return { worker, look: () => Promise.all([slow.status(), hang.status()]) }
}

for (const [thrown, printed] of [
  ['new Error("nobody catches this")', /nobody catches this\n +at /],
  ['Object.create(null)', /an object without properties/],
  ['Object.defineProperty(new Error("no stack"), "stack", { get () { throw new Error("no") } })', /no stack/]
] as const) {
  t.test(`an uncaught error, ${thrown}: the worker drains, and exits with 1`, async t => {
    const { worker, look } = await throwUncaught(t, thrown)
    t.same(await worker.exit, [1, null])
    t.match(worker.err(), printed)
    t.match(await look(), [{ state: 'succeeded' }, { state: 'waiting' }])
  })
}

t.test('a signal while it drains after an uncaught error does not cut that short', async t => {
  const { worker, look } = await throwUncaught(t, '1')
  worker.child.kill('SIGTERM')
  t.same(await worker.exit, [1, null])
  t.match(await look(), [{ state: 'succeeded' }, { state: 'waiting' }])
})

for (const flag of ['-l', '--log-level', '--loglevel']) {
  t.test(`${flag} sets the level of the log`, async t => {
    const folder = t.testdir({ 'app.mjs': esm })
    const worker = run(t, folder, ['worker', '-A', 'app.mjs', flag, 'debug'], { PREFIX: randomPrefix() })
    await until('a debug line is in the log', () => worker.out().includes('"level":20,'), DEADLINE)
    worker.child.kill('SIGTERM')
    t.same(await worker.exit, [0, null])
    const wrong = await hosted(folder, ['worker', '-A', 'app.mjs', flag, 'loud'])
    t.match(wrong, { code: 1, err: /Give one of fatal, error/ })
  })
}

const broken = {
  'app.mjs': esm,
  'none.mjs': 'export const other = 1',
  'without.mjs': 'export default async function app () {}',
  'empty.mjs': `import tasks from ${PLUGIN}
export default async function app (fastify) {
  await fastify.register(tasks)
  fastify.tasks.define('x')
}`,
  'throws.mjs': 'export default async function app () { throw new Error("of the app itself") }',
  'text.txt': ''
}

t.test('a mistake gives one clear line, and an exit code', async t => {
  const folder = t.testdir(broken)
  const cases: Array<[string[], RegExp]> = [
    [['-A', 'nowhere.mjs'], /There is no file "nowhere\.mjs" in .*\[FST_TASKS_APP_NOT_FOUND\]/],
    [['-A', '.'], /\[FST_TASKS_APP_NOT_FOUND\]/],
    [['-A', 'text.txt'], /ends in "\.txt".*\[FST_TASKS_APP_INVALID\]/],
    [['-A', 'none.mjs'], /exports other, and no plugin.*\[FST_TASKS_APP_INVALID\]/],
    [['-A', 'without.mjs'], /does not register fastify-tasks.*\[FST_TASKS_APP_WITHOUT_PLUGIN\]/],
    [['-A', 'empty.mjs'], /no task with a handler.*x \(queue default, no handler\).*\[FST_TASKS_NO_HANDLERS\]/],
    [['-A', 'app.mjs', '-Q', 'nowhere'], /queues nowhere.*letter \(queue mail\).*\[FST_TASKS_NO_HANDLERS\]/],
    [['-A', 'throws.mjs'], /of the app itself/],
    [['-A', 'app.mjs', '-c', 'many'], /whole number/],
    [['-A', 'app.mjs', '-c', '0'], /concurrency.*is invalid.*1 to 1,000/],
    [['-A', 'app.mjs', '-l', 'loud'], /Give one of fatal/],
    [['-A', 'app.mjs', '-Q', ','], /names of queues/],
    [[], /required option.*--app/]
  ]
  await Promise.all(cases.map(async ([args, message]) => {
    const worker = await hosted(folder, ['worker', ...args], { PREFIX: randomPrefix() })
    t.match(worker, { code: 1, err: message }, args.join(' '))
  }))
  const wrongUser = { REDIS_URL: REDIS_URL.replace('//', '//nobody:s3cret@') }
  const password = run(t, folder, ['worker', '-A', 'app.mjs'], wrongUser)
  t.same(await password.exit, [1, null])
  t.match(password.err(), /refused the connection \(WRONGPASS.*\[FST_TASKS_REDIS_REFUSED\]/)
  t.notMatch(password.err() + password.out(), /s3cret/)
})

t.test('Redis is not available yet: the worker waits, and logs for what', async t => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  await redis.kill()
  const env = { PREFIX: randomPrefix(), REDIS_URL: redis.url }
  const worker = run(t, t.testdir({ 'app.mjs': esm }), ['worker', '-A', 'app.mjs'], env)
  const line = new RegExp(`"address":"redis://127.0.0.1:${redis.port}/0".*worker waits for Redis`)
  await until('the worker waits', () => line.test(worker.out()), DEADLINE)
  await redis.restart()
  await started(worker)
  worker.child.kill('SIGTERM')
  t.same(await worker.exit, [0, null])
})

const runsTypeScript = (process.features as any).typescript ? 'this Node runs it' : false

t.test('TypeScript that neither Node nor tsx can run', { skip: runsTypeScript }, async t => {
  // A package without an entry hides each tsx in the folders above: that of this project, and that of anybody else.
  const tsx = { 'package.json': '{ "name": "tsx", "exports": {} }' }
  const folder = t.testdir({ 'app.ts': typed, node_modules: { tsx } })
  const worker = run(t, folder, ['worker', '-A', 'app.ts'])
  t.same(await worker.exit, [1, null])
  t.match(worker.err(), /is TypeScript, which Node v\d.*npm install -D tsx.*\[FST_TASKS_APP_TYPESCRIPT\]/)
})

t.test('--version and --help', async t => {
  const version = run(t, '.', ['--version'])
  t.same(await version.exit, [0, null])
  t.match(version.out(), /^\d+\.\d+\.\d+/)
  const help = await hosted('.', ['worker', '--help'])
  t.equal(help.code, 0)
  const flags = ['--app', '--queues', '--concurrency', '--log-level', '--close-timeout']
  for (const flag of flags) t.ok(help.out.includes(flag), flag)
})

t.test('a worker whose output nobody reads any more exits all the same', async t => {
  const folder = t.testdir({
    'package.json': '{"type":"module"}', 'app.js': `import tasks from ${PLUGIN}
    export default async function app (fastify) {
      await fastify.register(tasks, { prefix: process.env.PREFIX })
      fastify.tasks.define('x', () => {})
      process.on('message', () => { setImmediate(() => { throw new Error('not caught') }) })
    }`
  })
  const child = spawn(process.execPath, [CLI, 'worker', '-A', 'app.js', '--close-timeout', '100'], {
    cwd: folder, env: { ...process.env, PREFIX: randomPrefix() }, stdio: ['ignore', 'pipe', 'pipe', 'ipc']
  })
  const exit = once(child, 'exit')
  t.teardown(async () => { child.kill('SIGKILL'); await exit })
  let out = ''
  child.stdout!.on('data', chunk => { out += chunk })
  await until('the worker has started', () => out.includes('worker started'), DEADLINE)
  child.stdout!.destroy()
  child.stderr!.destroy()
  child.send('throw')
  await until('the worker has exited', () => child.exitCode !== null || child.signalCode !== null, DEADLINE)
  t.equal(child.exitCode, 1)
})
