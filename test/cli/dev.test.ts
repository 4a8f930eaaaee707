import { connect, createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import { chmodSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startRedis } from '../../scripts/redis.ts'
import { DEADLINE, ended, PLUGIN, run, type Run } from '../support/command.ts'
import { randomPrefix, REDIS_URL, until } from '../support/helpers.ts'

const app = (options: string, word = 'one', before = ''): string => `import tasks from ${PLUGIN}
export default async function app (fastify) {
  ${before}
  await fastify.register(tasks, ${options})
  const hello = fastify.tasks.define('hello', async (data) => '${word} ' + data)
  fastify.post('/', async (request, reply) => reply.accepted(await hello.enqueue(request.body)))
}
`

interface Dev extends Run {
  /** Where it listens, when it does so for the nth time. */
  address: (nth?: number) => Promise<string>
  redis: () => string
}

/** Without the test's own REDIS_URL, unless `env` has it. */
function startDev (t: Test, folder: string, args: string[], env: NodeJS.ProcessEnv = {}): Dev {
  const command = ['dev', '-A', 'app.mjs', '--port', '0', '--close-timeout', '500', ...args]
  const dev = run(t, folder, command, { REDIS_URL: undefined, NODE_ENV: undefined, PORT: undefined, ...env })
  t.teardown(() => { for (const [, pid] of dev.err().matchAll(/pid +(\d+)/g)) kill(Number(pid)) })
  const found = (): string[] => [...dev.err().matchAll(/^ {2}http +(\S+)$/gm)].map(match => match[1]!)
  return {
    ...dev,
    address: (nth = 1) => until(`it listens for the ${nth}. time: ${dev.text()}`, () => found()[nth - 1], DEADLINE),
    redis: () => /^ {2}redis +(\S+)$/m.exec(dev.err())![1]!
  }
}

function kill (pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {}
}

async function listens (port: number): Promise<boolean> {
  const socket = connect({ port, host: 'localhost' })
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

/** Enqueues through HTTP, and reads the result through HTTP. */
async function hello (address: string): Promise<unknown> {
  const headers = { 'content-type': 'application/json' }
  const reply = await fetch(address, { method: 'POST', headers, body: '"world"' })
  if (reply.status !== 202) throw new Error(`${reply.status}: ${await reply.text()}`)
  return await until('the task has finished', async () => {
    const record: any = await (await fetch(new URL(reply.headers.get('location')!, address))).json()
    return record.state === 'succeeded' && record.result
  }, DEADLINE)
}

t.test('no Redis anywhere: starts one, serves, works, restarts on a change, and ends all of it', async t => {
  const folder = t.testdir({ 'app.mjs': app('{}') })
  const local = await listens(6379)
  const dev = startDev(t, folder, [])
  t.equal(await hello(await dev.address()), 'one world')
  const redis = local ? 'redis://localhost:6379/0' : /^redis:\/\/127\.0\.0\.1:\d+\/0$/
  t.match(dev.redis(), redis, 'a Redis of this machine is used if it answers')
  const port = Number(new URL(dev.redis()).port)
  if (!local) t.match(dev.err(), `started a private one at redis://127.0.0.1:${port} (pid `)
  const page = /^ {2}dashboard +(http:\S+\/_tasks\/) \(this machine only\)$/m.exec(dev.err())
  t.match(await (await fetch(page![1]!)).text(), /tasks \(dev\)/)
  t.match(dev.out(), /^\[\d\d:\d\d:\d\d\.\d+\] INFO: task completed \{.*"task":"hello"/m, 'readable logs')
  writeFileSync(join(folder, 'app.mjs'), app('{}', 'two'))
  t.equal(await hello(await dev.address(2)), 'two world')
  t.match(dev.err(), /app\.mjs has changed: restarting the app/)
  writeFileSync(join(folder, 'app.mjs'), 'export default async function app () { throw new Error("not yet") }')
  const failed = /not yet[^]*the app has exited \(exit code 1\): waiting for a file to change/
  await until('the app has failed', () => failed.test(dev.err()), DEADLINE)
  writeFileSync(join(folder, 'app.mjs'), app('{}', 'three'))
  t.equal(await hello(await dev.address(3)), 'three world')
  t.equal(await listens(port), true, 'Redis kept running')
  dev.child.kill('SIGINT')
  t.same(await dev.exit, [0, null])
  t.equal(await listens(port), local, 'and ended with it')
})

t.test('the private Redis was killed: the next start has another one', async t => {
  if (await listens(6379)) return t.comment('a Redis of this machine is used')
  const folder = t.testdir({ 'app.mjs': app('{}') })
  const dev = startDev(t, folder, [])
  t.equal(await hello(await dev.address()), 'one world')
  const pids = (): string[] =>
    [...dev.err().matchAll(/started a private one at \S+ \(pid (\d+)/g)].map(([, pid]) => pid!)
  kill(Number(pids()[0]))
  await until('it is gone', async () => !await listens(Number(new URL(dev.redis()).port)))
  writeFileSync(join(folder, 'app.mjs'), app('{}', 'two'))
  t.equal(await hello(await dev.address(2)), 'two world')
  t.equal(pids().length, 2)
  dev.child.kill('SIGINT')
  t.same(await dev.exit, [0, null])
})

t.test('a named Redis is used: --redis, REDIS_URL, the app\'s own', async t => {
  const own = await startRedis()
  t.teardown(() => own.stop())
  const plain = app('{ prefix: process.env.PREFIX }')
  const withClient = `await fastify.register(import('@fastify/redis'), { url: '${own.url}' })`
  const cases: Array<[string, string, string[], NodeJS.ProcessEnv]> = [
    ['--redis', plain, ['--redis', own.url], { REDIS_URL }],
    ['REDIS_URL', plain, [], { REDIS_URL: own.url }],
    ['the redis option', app(`{ prefix: process.env.PREFIX, redis: '${own.url}' }`), [], {}],
    ['@fastify/redis', app('{ prefix: process.env.PREFIX }', 'one', withClient), [], {}]
  ]
  for (const [name, text, args, env] of cases) {
    const folder = t.testdir({ 'app.mjs': text })
    const dev = startDev(t, folder, ['--no-watch', ...args], { PREFIX: randomPrefix(), ...env })
    t.equal(await hello(await dev.address()), 'one world', name)
    t.equal(dev.redis(), `${own.url}/0`)
    t.notMatch(dev.err(), /private one|watching/)
    dev.child.kill('SIGTERM')
    t.same(await dev.exit, [0, null])
  }
})

const withoutTasks = `import tasks from ${PLUGIN}
export default async function app (fastify: any): Promise<void> {
  await fastify.register(tasks, { prefix: 'unused' })
  fastify.get('/', async () => 'served')
}
`

t.test('TypeScript; PORT; an app without tasks is served all the same', async t => {
  const probe = createServer().listen(0)
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  const folder = t.testdir({ 'app.ts': withoutTasks })
  const env = { PORT: String(port) }
  const taken = run(t, folder, ['dev', '-A', 'app.ts'], { ...env, NODE_ENV: '' })
  const message = `Port ${port} of localhost is taken\\. Choose another port: --port ${port + 1}`
  t.match(await ended(taken), { code: 1, err: new RegExp(`${message}.*\\[FST_TASKS_PORT_TAKEN\\]\n$`) })
  probe.close()
  await once(probe, 'close')
  const dev = run(t, folder, ['dev', '-A', 'app.ts'], { ...env, NODE_ENV: 'development' })
  const read = async () => (await fetch(`http://localhost:${port}`).catch(() => null))?.text()
  t.equal(await until('the app is served', read, DEADLINE), 'served')
  await until('a message says why nothing works', () => /nothing to work on.*\[FST_TASKS_NO_HANDLERS\]/.test(dev.err()), DEADLINE)
  dev.child.kill('SIGTERM')
  t.same(await dev.exit, [0, null])
})

t.test('an app without the plugin is served; if the app cannot listen, the error is printed', async t => {
  const text = 'export default async function app (fastify) {\n  fastify.get("/", async () => "served")\n}\n'
  const folder = t.testdir({ 'app.mjs': text })
  const dev = startDev(t, folder, ['--no-watch'])
  t.equal(await (await fetch(await dev.address())).text(), 'served')
  t.match(dev.err(), /does not register fastify-tasks.*\[FST_TASKS_APP_WITHOUT_PLUGIN\]/)
  t.equal(dev.redis(), '-')
  dev.child.kill('SIGTERM')
  t.same(await dev.exit, [0, null])
  const nowhere = startDev(t, folder, ['--no-watch', '--host', '203.0.113.1'])
  t.same(await nowhere.exit, [1, null])
  t.match(nowhere.err(), /EADDRNOTAVAIL/)
})

t.test('refuses in production', async t => {
  const folder = t.testdir({ 'app.mjs': app('{}') })
  const dev = run(t, folder, ['dev', '-A', 'app.mjs'], { NODE_ENV: 'production' })
  const err = /NODE_ENV is production.*fastify-tasks worker -A app\.mjs \[FST_TASKS_DEV_IN_PRODUCTION\]\n$/
  const hasEnded = (): boolean => dev.child.exitCode !== null
  await until('it ends or serves', () => hasEnded() || /listening/.test(dev.text()), DEADLINE)
  t.match(hasEnded() && await ended(dev), { code: 1, out: '', err })
})

const command = process.platform === 'darwin' ? 'brew install redis' : 'docker run -p 6379:6379 redis'
const notOnPath = `there is no redis-server or valkey-server on PATH. Get one with "${command}", or set REDIS_URL`

const noServer: Array<[string, Record<string, string>, string | RegExp]> = [
  ['no redis-server on PATH', {}, notOnPath],
  ['one that does not start', { 'redis-server': 'echo wrong architecture; exit 1' },
    /redis-server on port \d+ exited\. The end of its log:\nwrong architecture/]
]

for (const [name, programs, message] of noServer) {
  t.test(`${name}: dev prints the fix, serves the app, and waits for a Redis`, async t => {
    if (await listens(6379)) return t.pass('the Redis of this machine is used')
    const bin = Object.fromEntries(Object.entries(programs).map(([program, text]) => [program, `#!/bin/sh\n${text}\n`]))
    const folder = t.testdir({ 'package.json': '{}', 'app.mjs': app('{ connectTimeout: 50 }'), bin })
    for (const program of Object.keys(programs)) chmodSync(join(folder, 'bin', program), 0o755)
    for (const tool of ['sh', 'cat', 'rm']) symlinkSync(`/bin/${tool}`, join(folder, 'bin', tool))
    const dev = startDev(t, folder, ['--no-watch'], { PATH: join(folder, 'bin') })
    const printed = /No Redis can be started: [^]*\[FST_TASKS_NO_REDIS_SERVER\]/
    await until('the error is printed', () => printed.test(dev.err()), DEADLINE)
    t.match(dev.err(), message)
    await until('the app is served', () => dev.out().includes('Server listening'), DEADLINE)
    const waiting = /worker waits for Redis.*redis:\/\/localhost:6379\/0/
    await until('the worker waits', () => waiting.test(dev.out()), DEADLINE)
    dev.child.kill('SIGTERM')
    t.same(await dev.exit, [0, null])
  })
}
