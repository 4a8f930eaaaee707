import { connect, createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import { chmodSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startRedis } from '../../scripts/redis.ts'
import { DEADLINE, ended, PLUGIN, run, type Run } from '../support/command.ts'
import { randomPrefix, REDIS_URL, until } from '../support/helpers.ts'

// Most of it is waiting.
t.jobs = 2

const app = (options: string, word = 'one', before = ''): string => `import tasks from ${PLUGIN}
export default async function app (fastify) {
  ${before}
  await fastify.register(tasks, ${options})
  const hello = fastify.tasks.define('hello', async (data) => '${word} ' + data)
  fastify.post('/', async (request, reply) => reply.accepted(await hello.enqueue(request.body)))
}
`

interface Dev extends Run {
  /** Where it listens, once it does so for the nth time. */
  address: (nth?: number) => Promise<string>
  redis: () => string
}

/** REDIS_URL is only what the test says. */
function startDev (t: Test, folder: string, args: string[], env: NodeJS.ProcessEnv = {}): Dev {
  const dev = run(t, folder, ['dev', '-A', 'app.mjs', '--port', '0', '--close-timeout', '500', ...args], { REDIS_URL: undefined, NODE_ENV: undefined, PORT: undefined, ...env })
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

async function isThere (port: number): Promise<boolean> {
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
  const reply = await fetch(address, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '"world"' })
  if (reply.status !== 202) throw new Error(`${reply.status}: ${await reply.text()}`)
  return await until('it has ended', async () => {
    const record: any = await (await fetch(new URL(reply.headers.get('location')!, address))).json()
    return record.state === 'succeeded' && record.result
  }, DEADLINE)
}

t.test('no Redis anywhere: brings one up, serves, works, starts anew on a change, and ends all of it', async t => {
  const folder = t.testdir({ 'app.mjs': app('{}') })
  const local = await isThere(6379)
  const dev = startDev(t, folder, [])
  t.equal(await hello(await dev.address()), 'one world')
  t.match(dev.redis(), local ? 'redis://localhost:6379/0' : /^redis:\/\/127\.0\.0\.1:\d+\/0$/, 'one of this machine is taken where it is there')
  const port = Number(new URL(dev.redis()).port)
  if (!local) t.match(dev.err(), `a private one is at redis://127.0.0.1:${port} (pid `)
  t.match(dev.out(), /^\[\d\d:\d\d:\d\d\.\d+\] INFO: task completed \{.*"task":"hello"/m, 'logs for people')
  writeFileSync(join(folder, 'app.mjs'), app('{}', 'two'))
  t.equal(await hello(await dev.address(2)), 'two world')
  t.match(dev.err(), /app\.mjs has changed: starting the app anew/)
  writeFileSync(join(folder, 'app.mjs'), 'export default async function app () { throw new Error("not yet") }')
  await until('it says so', () => /not yet[^]*the app has ended \(exit code 1\): waiting for a change/.test(dev.err()), DEADLINE)
  writeFileSync(join(folder, 'app.mjs'), app('{}', 'three'))
  t.equal(await hello(await dev.address(3)), 'three world')
  t.equal(await isThere(port), true, 'Redis stayed up')
  dev.child.kill('SIGINT')
  t.same(await dev.exit, [0, null])
  t.equal(await isThere(port), local, 'and goes with it')
})

t.test('what is named is taken: --redis, REDIS_URL, the app\'s own', async t => {
  const own = await startRedis()
  t.teardown(() => own.stop())
  const plain = app('{ prefix: process.env.PREFIX }')
  const cases: Array<[string, string, string[], NodeJS.ProcessEnv]> = [
    ['--redis', plain, ['--redis', own.url], { REDIS_URL }],
    ['REDIS_URL', plain, [], { REDIS_URL: own.url }],
    ['its redis option', app(`{ prefix: process.env.PREFIX, redis: '${own.url}' }`), [], {}],
    ['its @fastify/redis', app('{ prefix: process.env.PREFIX }', 'one', `await fastify.register(import('@fastify/redis'), { url: '${own.url}' })`), [], {}]
  ]
  for (const [name, text, args, env] of cases) {
    const dev = startDev(t, t.testdir({ 'app.mjs': text }), ['--no-watch', ...args], { PREFIX: randomPrefix(), ...env })
    t.equal(await hello(await dev.address()), 'one world', name)
    t.equal(dev.redis(), `${own.url}/0`)
    t.notMatch(dev.err(), /private one|watching/)
    dev.child.kill('SIGTERM')
    t.same(await dev.exit, [0, null])
  }
})

t.test('TypeScript; PORT; an app without a task is served all the same', async t => {
  const probe = createServer().listen(0)
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  const folder = t.testdir({ 'app.ts': `import tasks from ${PLUGIN}\nexport default async function app (fastify: any): Promise<void> {\n  await fastify.register(tasks, { prefix: 'unused' })\n  fastify.get('/', async () => 'served')\n}\n` })
  const taken = run(t, folder, ['dev', '-A', 'app.ts'], { PORT: String(port), NODE_ENV: '' })
  t.match(await ended(taken), { code: 1, err: new RegExp(`Port ${port} of localhost is taken\\. Choose another one: --port ${port + 1}.*\\[FST_TASKS_PORT_TAKEN\\]\n$`) })
  probe.close()
  await once(probe, 'close')
  const dev = run(t, folder, ['dev', '-A', 'app.ts'], { PORT: String(port), NODE_ENV: 'development' })
  const text = await until('it is served', async () => (await fetch(`http://localhost:${port}`).catch(() => null))?.text(), DEADLINE)
  t.equal(text, 'served')
  await until('it says so', () => /nothing to work on.*\[FST_TASKS_NO_HANDLERS\]/.test(dev.err()))
  dev.child.kill('SIGTERM')
  t.same(await dev.exit, [0, null])
})

t.test('an app without the plugin is served; a place where it cannot listen is said', async t => {
  const folder = t.testdir({ 'app.mjs': 'export default async function app (fastify) {\n  fastify.get("/", async () => "served")\n}\n' })
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
  t.match(await ended(run(t, folder, ['dev', '-A', 'app.mjs'], { NODE_ENV: 'production' })), { code: 1, out: '', err: /NODE_ENV is production.*fastify-tasks worker -A app\.mjs \[FST_TASKS_DEV_IN_PRODUCTION\]\n$/ })
})

const noServer: Array<[string, Record<string, string>, RegExp]> = [
  ['no redis-server on PATH', {}, /there is no redis-server/],
  ['one that does not start', { 'redis-server': 'echo wrong architecture; exit 1' }, /redis-server on port \d+ exited\. The end of its log:\nwrong architecture/]
]

for (const [name, programs, message] of noServer) {
  t.test(`${name}: it says so, serves the app, and waits for a Redis`, async t => {
    if (await isThere(6379)) return t.pass('there is one on this machine: it is taken')
    const folder = t.testdir({ 'package.json': '{}', 'app.mjs': app('{ connectTimeout: 50 }'), bin: Object.fromEntries(Object.entries(programs).map(([program, text]) => [program, `#!/bin/sh\n${text}\n`])) })
    for (const program of Object.keys(programs)) chmodSync(join(folder, 'bin', program), 0o755)
    for (const tool of ['sh', 'cat', 'rm']) symlinkSync(`/bin/${tool}`, join(folder, 'bin', tool))
    const dev = startDev(t, folder, ['--no-watch'], { PATH: join(folder, 'bin') })
    await until('it says so', () => /No Redis can be started: [^]*\[FST_TASKS_NO_REDIS_SERVER\]/.test(dev.err()), DEADLINE)
    t.match(dev.err(), message)
    await until('the app is served', () => dev.out().includes('Server listening'), DEADLINE)
    await until('it waits', () => /worker waits for Redis.*redis:\/\/localhost:6379\/0/.test(dev.out()), DEADLINE)
    dev.child.kill('SIGTERM')
    t.same(await dev.exit, [0, null])
  })
}
