/**
 * After a close nothing of ours keeps the process running, and every promise that we gave out is settled: with Redis
 * available, unavailable, and silent. Each case is a process that has to exit by itself. Deadlines of calls and the
 * closeTimeout are far longer than the time limit of this test: none of them may be what ends a wait.
 */
import { execFile } from 'node:child_process'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { startRedis } from '../../scripts/redis.ts'
import { latch, randomPrefix, REDIS_URL } from '../support/helpers.ts'

// Each is a process, which waits a lot.
t.setTimeout(120_000)
t.jobs = 2

const LIB = new URL('../../lib/', import.meta.url).href

/** Prints how each promise ended, and which resources are left right after the close. */
const program = (setup: string, calls: string): string => `
import Fastify from 'fastify'
import tasks, { group } from '${LIB}plugin.js'
import { runWorker } from '${LIB}standalone.js'
const ends = {}
const note = (name, promise) => {
  ends[name] = 'pending'
  promise.then(() => { ends[name] = 'resolved' }, error => { ends[name] = error.code ?? String(error) })
}
const redis = process.env.TEST_REDIS
const options = { redis, prefix: '${randomPrefix()}', connectTimeout: 100, redisTimeout: 600_000 }
let x
const define = app => {
  x = app.tasks.define('x', () => 'done')
  app.tasks.define('other', { queue: 'nobody' })
  app.tasks.define('once', { unique: { key: String } })
  app.tasks.define('last', { debounce: { key: String, wait: 1_000 } })
  app.tasks.define('limited', { limit: { max: 1 } })
}
const turn = () => new Promise(resolve => setImmediate(resolve))
process.on('warning', ({ name }) => { ends.warning = name })
${setup}
${calls}
await turn()
await close()
const left = () => process.getActiveResourcesInfo().filter(name => !/Pipe|TTY|TickObject|Immediate|FSReq/.test(name))
// A few turns of the event loop: a socket that was closed is a resource until its callback.
for (let i = 0; i < 50 && (left().length > 0 || Object.values(ends).includes('pending')); i++) await turn()
const ours = left()
console.log(JSON.stringify({ ends, ours }))
`

const EMBEDDED = `
const app = Fastify()
await app.register(tasks, { ...options, worker: { closeTimeout: 600_000 } })
define(app)
await app.ready()
let close = () => app.close()`

const STANDALONE = `
let app, boot
note('runWorker', runWorker({
  app: async fastify => { app = fastify; await fastify.register(tasks, options); define(fastify) },
  closeTimeout: 600_000, logLevel: 'silent', onBoot: booted => { boot = booted }
}))
while (!boot) await turn()
let close = () => boot.close()`

const MEMORY = `
const app = Fastify()
await app.register(tasks, { mode: 'memory' })
define(app)
await app.ready()
let close = () => app.close()`

const CALLS = `
note('startWorker', app.tasks.startWorker({ closeTimeout: 600_000 }))
note('enqueue', app.tasks.enqueue('x'))
note('status', app.tasks.status('unknown'))
note('counts', app.tasks.counts())
note('result', app.tasks.enqueue('other').then(handle => handle.result()))`

/** Every other call that asks Redis. */
const ALL_CALLS: Record<string, string> = {
  enqueueMany: "enqueueMany('x', [{ data: 1 }, { data: 2 }])",
  enqueueFlow: 'enqueueFlow(group(x.signature(1), x.signature(2)))',
  'enqueue with an id': "enqueue('x', 1, { id: 'mine' })",
  'enqueue with a tag': "enqueue('x', 1, { tags: ['a'] })",
  'enqueue later': "enqueue('x', 1, { delay: 1_000 })",
  'enqueue once': "enqueue('once', 1)",
  'enqueue the last': "enqueue('last', 1)",
  'enqueue within a limit': "enqueue('limited', 1)",
  handle: "handle('unknown')",
  logs: "logs('unknown')",
  cancel: "cancel('unknown')",
  retry: "retry('unknown')",
  remove: "remove('unknown')",
  promote: "promote('unknown')",
  reschedule: "reschedule('unknown', { delay: 1 })",
  list: "list({ state: 'waiting' })",
  'list by tag': "list({ tag: 'a' })",
  'list flows': "list({ kind: 'flow' })",
  count: "count({ state: 'failed' })",
  retryMany: 'retryMany()',
  cancelMany: "cancelMany({ state: 'waiting' })",
  removeMany: "removeMany({ state: 'failed' })",
  purge: "purge('nobody')",
  workers: 'workers()',
  history: 'history()',
  pause: "pause({ queue: 'nobody' })",
  resume: "resume({ name: 'x' })",
  setLimit: "setLimit('limited', { limit: { max: 2 } })",
  'schedules.set': "schedules.set('daily', { task: 'x', every: 60_000 })",
  'schedules.get': "schedules.get('daily')",
  'schedules.list': 'schedules.list()',
  'schedules.remove': "schedules.remove('daily')",
  'schedules.pause': "schedules.pause('daily')",
  'schedules.resume': "schedules.resume('daily')",
  'schedules.trigger': "schedules.trigger('daily')"
}

const MANY_CALLS = Object.entries(ALL_CALLS).map(([name, call]) => `note('${name}', app.tasks.${call})`).join('\n')

const execute = promisify(execFile)

interface Outcome { ends: Record<string, string>, ours: string[] }

/** Rejects if the process fails, if it does not exit, or if it exits with a promise that it waits for (13). */
async function outcomeOf (setup: string, redis: string, calls = CALLS): Promise<Outcome> {
  const args = ['--input-type=module', '-e', program(setup, calls)]
  const env = { ...process.env, TEST_REDIS: redis }
  const { stdout } = await execute(process.execPath, args, { env, timeout: 60_000 })
  return JSON.parse(stdout)
}

/** A server that accepts connections, and never answers. */
async function silentServer (t: Test): Promise<string> {
  const sockets = new Set<Socket>()
  const listening = latch()
  const server = createServer(socket => { sockets.add(socket.on('error', () => {})) })
  server.listen(0, '127.0.0.1', listening.open)
  await listening.promise
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return `redis://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function closedPort (): Promise<string> {
  const redis = await startRedis()
  await redis.stop()
  return redis.url
}

const CLOSED = 'FST_TASKS_CLOSED'
const allClosed = { startWorker: CLOSED, enqueue: CLOSED, status: CLOSED, counts: CLOSED, result: CLOSED }
const manyClosed = Object.fromEntries(Object.keys(ALL_CALLS).map(name => [name, CLOSED]))

t.test('Redis is available', async t => {
  const expected = { enqueue: 'resolved', status: 'resolved', counts: 'resolved', result: CLOSED }
  const waitForCalls = `${CALLS}
while (['enqueue', 'status', 'counts'].some(name => ends[name] === 'pending')) await turn()`
  for (const [name, setup] of Object.entries({ EMBEDDED, STANDALONE })) {
    const { ends, ours } = await outcomeOf(setup, REDIS_URL, waitForCalls)
    t.match(ends, expected, name)
    t.match(ends.startWorker, /resolved|CLOSED/, name)
    t.same(ours, [], name)
  }
})

t.test('mode memory', async t => {
  const { ends, ours } = await outcomeOf(MEMORY, '')
  t.match(ends, { startWorker: /resolved|CLOSED/, enqueue: 'resolved', status: 'resolved', result: CLOSED })
  t.same(ours, [])
})

for (const [name, where] of Object.entries({ 'does not listen': closedPort, 'never answers': silentServer })) {
  t.test(`Redis ${name}`, async t => {
    const redis = await where(t)
    const ends = { ...allClosed, ...manyClosed }
    t.same(await outcomeOf(EMBEDDED, redis, `${CALLS}\n${MANY_CALLS}`), { ends, ours: [] }, 'embedded')
    t.same(await outcomeOf(STANDALONE, redis), { ends: { runWorker: CLOSED, ...allClosed }, ours: [] }, 'standalone')
  })
}

t.test('Redis is lost, or stops answering, while an idle worker waits for tasks', async t => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const lose = (signal: string): string => `
await (await app.tasks.enqueue('x')).result() // the worker runs
const waiting = app.tasks.enqueue('other').then(handle => handle.result())
note('result', waiting)
await app.tasks.counts()
process.kill(${redis.pid}, '${signal}')
${signal === 'SIGKILL' ? 'while (app.tasks.ready) await turn()' : ''}
note('enqueue', app.tasks.enqueue('x'))
note('status', app.tasks.status('unknown'))
${MANY_CALLS}`
  const expected = { ends: { result: CLOSED, enqueue: CLOSED, status: CLOSED, ...manyClosed }, ours: [] }
  t.same(await outcomeOf(EMBEDDED, redis.url, lose('SIGSTOP')), expected, 'it stops answering')
  redis.resume()
  t.same(await outcomeOf(EMBEDDED, redis.url, lose('SIGKILL')), expected, 'it is lost')
})

t.test('a report of a handler that outlives the worker is settled', async t => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const setup = EMBEDDED.replace('closeTimeout: 600_000', 'closeTimeout: 0')
    .replace('await app.ready()', `let context
app.tasks.define('reports', (_data, task) => new Promise(() => { context = task }))
await app.ready()`)
  const calls = `
await app.tasks.enqueue('reports')
while (!context) await turn()
process.kill(${redis.pid}, 'SIGKILL')
while (app.tasks.ready) await turn()
note('report', context.updateState('AFTER'))`
  t.same(await outcomeOf(setup, redis.url, calls), { ends: { report: 'resolved' }, ours: [] })
})
