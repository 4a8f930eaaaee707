/**
 * The package as a stranger gets it: packed, installed in a folder outside of the repository, imported, required,
 * typed and run from there.
 */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { startRedis } from '../../scripts/redis.ts'
import { randomPrefix, REDIS_URL, until } from '../support/helpers.ts'

const exec = promisify(execFile)
const repo = process.cwd()
const folder = await mkdtemp(join(tmpdir(), 'fastify-tasks-'))
t.teardown(() => rm(folder, { recursive: true, force: true }))

const inFolder = (command: string, ...args: string[]): Promise<{ stdout: string, stderr: string }> =>
  exec(command, args, { cwd: folder, env: { ...process.env, REDIS_URL, PREFIX: randomPrefix() } })

const write = (name: string, text: string): Promise<void> => writeFile(join(folder, name), text)

const app = `
  await app.register(tasks, { prefix: process.env.PREFIX, worker: true })
  const double = app.tasks.define('double', async function (data) { return data * 2 })
  app.post('/', async (request, reply) => reply.accepted(await double.enqueue(request.body.n)))
  const { headers } = await app.inject({ method: 'POST', url: '/', payload: { n: 21 } })
  const handle = await app.tasks.handle(headers.location.split('/').pop())
  await handle.result({ timeout: 5000 })
  console.log((await app.inject(headers.location)).json().result)
  app.tasks.define('thread', { thread: './thread.mjs' })
  console.log((await (await app.tasks.enqueue('thread', 1)).result({ timeout: 5000 }).catch(error => error.cause.code)))
  await app.close()
`

t.test('pack: what belongs into it, and nothing else', async t => {
  const { stdout } = await exec('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
    cwd: repo
  })
  const [{ filename, files }] = JSON.parse(stdout)
  const names: string[] = files.map((file: { path: string }) => file.path)
  t.ok(names.includes('dist/store/redis/lua.generated.js'), 'the Lua scripts')
  t.same(names.filter(name => /^dist\/.*\.lua$/.test(name)), [], 'no file is read at run time')
  const needed = [
    'dist/plugin.js', 'dist/plugin.d.ts', 'dist/standalone.js', 'dist/cli/main.js', 'dist/cli/commands/dev.js',
    'dist/dev/redis-server.js', 'README.md', 'LICENSE', 'CHANGELOG.md'
  ]
  for (const name of needed) t.ok(names.includes(name), name)
  t.same(names.filter(name => !/^(dist\/|lib\/|README\.md|LICENSE|CHANGELOG\.md|package\.json)/.test(name)), [])
  const code = names.filter(name => /^(dist|lib)\//.test(name) && !name.endsWith('.map'))
  const downloads = code.filter(name => /dpkg-deb|apt-get.*download/.test(readFileSync(join(repo, name), 'utf8')))
  t.same(downloads, [], 'no downloader of Redis')
  await write('package.json', '{ "name": "stranger", "private": true }')
  await inFolder(
    'npm', 'install', '--no-audit', '--no-fund', '--prefer-offline', `./${filename}`, 'fastify@5', '@types/node@20'
  )
})

t.test('import', async t => {
  await write('thread.mjs', `
    import { Unrecoverable } from 'fastify-tasks'
    export default () => { throw new Unrecoverable() }
  `)
  await write('esm.mjs', `
    import Fastify from 'fastify'
    import tasks, { Unrecoverable } from 'fastify-tasks'
    import { runWorker } from 'fastify-tasks/worker'
    const app = Fastify()
    ${app}
    console.log(typeof runWorker, tasks.Unrecoverable === Unrecoverable)
  `)
  t.equal((await inFolder('node', 'esm.mjs')).stdout, '42\nFST_TASKS_UNRECOVERABLE\nfunction true\n')
})

t.test('the dashboard, by import and by require', async t => {
  await write('dashboard.cjs', `
    const tasks = require('fastify-tasks')
    const dashboard = require('fastify-tasks/dashboard')
    const app = require('fastify')()
    ;(async () => {
      await app.register(tasks, { mode: 'memory' })
      await app.register(dashboard, { prefix: '/page', access: 'anyone-may-read' })
      const { default: imported } = await import('fastify-tasks/dashboard')
      console.log((await app.inject('/page/queues')).statusCode, imported === dashboard)
      await app.close()
    })()
  `)
  t.equal((await inFolder('node', 'dashboard.cjs')).stdout, '200 true\n')
})

t.test('require', async t => {
  await write('cjs.cjs', `
    const tasks = require('fastify-tasks')
    const { runWorker } = require('fastify-tasks/worker')
    const app = require('fastify')()
    ;(async () => {
      ${app}
      const { default: imported } = await import('fastify-tasks')
      console.log(typeof runWorker, typeof tasks.Unrecoverable, imported === tasks)
    })()
  `)
  t.equal((await inFolder('node', 'cjs.cjs')).stdout, '42\nFST_TASKS_UNRECOVERABLE\nfunction function true\n')
})

t.test('examples/cjs, as it is in the repository', async t => {
  await copyFile(join(repo, 'examples/cjs/app.cjs'), join(folder, 'app.cjs'))
  const redis = await startRedis() // the example has no prefix of its own
  t.teardown(() => redis.stop())
  const child = spawn('node', ['app.cjs'], {
    cwd: folder, env: { ...process.env, REDIS_URL: redis.url, PORT: '0' }, stdio: ['ignore', 'pipe', 'inherit']
  })
  t.teardown(() => child.kill('SIGKILL'))
  const [origin] = (await once(child.stdout, 'data')).map(data => String(data).trim())
  const reply = await fetch(`${origin}/sum`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: '[1,2,3]'
  })
  t.equal(reply.status, 202)
  const record = async (): Promise<any> => (await fetch(new URL(reply.headers.get('location')!, origin))).json()
  await until('the sum', async () => (await record()).result === 6)
})

t.test('types, for both', async t => {
  const check = `
    app.register(tasks, { resultTtl: 1, worker: { concurrency: 2 } })
    const task = app.tasks.define('x', async function (data: { n: number }, { signal, log }) {
      this.log.info(data.n)
      return String(data.n)
    })
    task.enqueue({ n: 1 }, { delay: 1 }).then(async handle => {
      const text: string = await handle.result()
      return text
    })
    // @ts-expect-error: the data has another type
    task.enqueue({ n: 'one' })
    // @ts-expect-error: there is no such option
    app.register(tasks, { resultTtll: 1 })
    app.post('/', async (_request, reply) => reply.accepted(await task.enqueue({ n: 1 })))
    new tasks.Unrecoverable('text')
  `
  await write('types.mts', `
    import Fastify from 'fastify'
    import tasks, { type TaskRecord } from 'fastify-tasks'
    export type R = TaskRecord<number>
    const app = Fastify()
    ${check}
  `)
  await write('types.cts', `
    import Fastify = require('fastify')
    import tasks = require('fastify-tasks')
    const app = Fastify()
    ${check}
  `)
  const tsc = resolve(repo, 'node_modules/typescript/bin/tsc')
  const flags = ['--noEmit', '--strict', '--target', 'es2022', '--module', 'nodenext', '--types', 'node']
  const { stdout } = await inFolder('node', tsc, ...flags, 'types.mts', 'types.cts').catch(error => error)
  t.equal(stdout, '')
})

t.test('the command', async t => {
  await write('app.mjs', `
    import tasks from 'fastify-tasks'
    export default async function app (fastify) {
      await fastify.register(tasks, { prefix: process.env.PREFIX })
      fastify.tasks.define('x', () => 1)
    }
  `)
  const child = spawn(join(folder, 'node_modules/.bin/fastify-tasks'), ['worker', '-A', 'app.mjs'], {
    cwd: folder, env: { ...process.env, PREFIX: randomPrefix() }
  })
  t.teardown(() => child.kill('SIGKILL'))
  let out = ''
  child.stdout.on('data', chunk => { out += chunk })
  child.stderr.on('data', chunk => { out += chunk })
  const exit = once(child, 'exit')
  await until('it has started', () => {
    if (child.exitCode !== null) throw new Error(out)
    return out.includes('worker started')
  }, 20_000)
  child.kill('SIGTERM')
  t.same(await exit, [0, null])
})

t.test('the commands that look at tasks, and dev', async t => {
  const prefix = randomPrefix()
  await write('dev.mjs', `
    import tasks from 'fastify-tasks'
    export default async function app (fastify) {
      await fastify.register(tasks, { prefix: '${prefix}' })
      const x = fastify.tasks.define('x', () => 1)
      fastify.post('/', async (request, reply) => reply.accepted(await x.enqueue(1)))
    }
  `)
  const command = join(folder, 'node_modules/.bin/fastify-tasks')
  const dev = spawn(command, ['dev', '-A', 'dev.mjs', '--port', '0', '--no-watch'], {
    cwd: folder, env: { ...process.env, NODE_ENV: '' }
  })
  t.teardown(() => dev.kill('SIGKILL'))
  let text = ''
  for (const stream of [dev.stdout, dev.stderr]) stream.on('data', chunk => { text += chunk })
  const exit = once(dev, 'exit')
  const address = await until('it is served', () => {
    if (dev.exitCode !== null) throw new Error(text)
    return /^ {2}http +(\S+)$/m.exec(text)?.[1]
  }, 20_000)
  t.match(text, /logs are JSON: pino-pretty is not installed\./, 'a stranger may not have it')
  const { id }: any = await (await fetch(address, { method: 'POST' })).json()
  const status = async (): Promise<any> =>
    JSON.parse((await inFolder(command, 'status', id, '-A', 'dev.mjs', '--json')).stdout)
  await until('it has ended', async () => (await status()).state === 'succeeded', 20_000)
  t.match(await status(), { id, name: 'x', result: 1 })
  t.match((await inFolder(command, 'list', '-s', 'succeeded', '--prefix', prefix)).stdout, id)
  const { stdout } = await inFolder(command, 'inspect', '--prefix', prefix, '--json')
  t.match(JSON.parse(stdout), { queues: { default: { succeeded: 1 } }, workers: [{ queues: ['default'] }] })
  dev.kill('SIGTERM')
  t.same(await exit, [0, null])
})
