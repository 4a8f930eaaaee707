/**
 * A task in a thread that is stopped early: its signal is aborted, and later its thread is terminated.
 */
import { existsSync } from 'node:fs'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { build, connect, logger, randomPrefix, reaches, until } from '../support/helpers.ts'
import type { DefineOptions, TasksOptions } from '../../lib/types.ts'

// The tests mostly wait.
t.jobs = 2

const thread = new URL('../fixtures/threads/deeds.ts', import.meta.url)

interface Bench {
  app: FastifyInstance
  log: ReturnType<typeof logger>
  /** Enqueues a task, waits until it runs, and returns its id. */
  start: (deed: string, data?: object) => Promise<string>
}

/** An app with a single thread: the next task runs only if the thread is free. */
async function bench (t: Test, define: DefineOptions = {}, options: TasksOptions = {}): Promise<Bench> {
  const log = logger()
  const app = await build(t, { worker: true, threads: { max: 1 }, ...options }, app => {
    app.tasks.define('x', { thread, ...define })
  }, { logger: { stream: log.stream } })
  const start = async (deed: string, data: object = {}): Promise<string> => {
    const { id } = await app.tasks.enqueue('x', { do: deed, ...data })
    if (deed !== 'echo') await until(`the task runs: ${deed}`, () => log.lines.some(line => line.taskId === id), 30_000)
    return id
  }
  return { app, log, start }
}

/** The number of the thread, once it is free. A new thread has a new number. */
async function threadOf ({ app }: Bench): Promise<number> {
  const handle = await app.tasks.enqueue('x', { do: 'thread' })
  return await handle.result({ timeout: 30_000 }) as number
}

t.test('a task that computes for three stall intervals runs once: its lease is renewed', async t => {
  const b = await bench(t, {}, { stallInterval: 1_000 })
  const id = await b.start('compute', { ms: 3_000 })
  t.match(await reaches(b.app, id, 'succeeded'), { attempt: 1, result: 'computed' })
  t.equal(b.log.lines.filter(line => line.msg === 'computing').length, 1)
  t.notOk(b.log.find('task.stalled'))
  const held = b.log.lines.filter(line => line.event === 'worker.event_loop_held').map(line => line.lateMs)
  t.ok(held.every(ms => ms < 2_000), `a busy machine may hold the event loop, the task of 3 s does not: ${held}`)
})

t.test('timeout: the signal is aborted', async t => {
  const b = await bench(t, { timeout: 200 })
  const id = await b.start('wait')
  t.match(await reaches(b.app, id, 'failed'), { error: { code: 'FST_TASKS_TIMEOUT', message: /200 ms/ } })
  t.match(b.log.find('aborted'), { code: 'FST_TASKS_TIMEOUT', text: /200 ms/, isError: true })
})

t.test('timeout: if the handler ignores the abort, its thread is terminated and replaced', async t => {
  const b = await bench(t, { timeout: 200, retries: 1, backoff: { strategy: 'immediate' } })
  const id = await b.start('computeOn')
  t.match(await reaches(b.app, id, 'failed'), { attempt: 2, error: { code: 'FST_TASKS_TIMEOUT' } })
  t.type(await threadOf(b), 'number')
})

t.test('timeout: counts from the start in a thread', async t => {
  const b = await bench(t)
  const first = await b.start('wait')
  const second = await b.app.tasks.enqueue('x', { do: 'echo', value: 1 }, { timeout: 1_000 })
  const { startedAt } = await reaches(b.app, second.id, 'active')
  await until('it waited longer than its timeout', () => Date.now() > Date.parse(startedAt!) + 1_500)
  await b.app.tasks.cancel(first)
  t.equal(await second.result({ timeout: 10_000 }), 1)
})

t.test('a loop without a pause sees the abort in task.signal, and its thread stays', async t => {
  const b = await bench(t)
  const before = await threadOf(b)
  const id = await b.start('untilAborted')
  t.equal(await b.app.tasks.cancel(id), 'requested')
  await reaches(b.app, id, 'cancelled')
  t.equal(await threadOf(b), before)
})

t.test('cancel: a running task is aborted, else terminated; a task that waits for a thread never starts', async t => {
  const b = await bench(t)
  const running = await b.start('wait')
  const waiting = await b.app.tasks.enqueue('x', { do: 'compute', ms: 1 })
  await reaches(b.app, waiting.id, 'active')
  t.equal(await waiting.cancel(), 'requested')
  await reaches(b.app, waiting.id, 'cancelled')
  t.equal((await b.app.tasks.status(running))!.state, 'active')
  await b.app.tasks.cancel(running)
  await reaches(b.app, running, 'cancelled')
  t.match(b.log.find('aborted'), { code: 'FST_TASKS_CANCELLED' })
  const ignoring = await b.start('computeOn')
  await b.app.tasks.cancel(ignoring)
  await reaches(b.app, ignoring, 'cancelled')
  t.type(await threadOf(b), 'number')
  t.notOk(b.log.lines.some(line => line.taskId === waiting.id && line.msg === 'computing'))
})

t.test('a thread that cannot be terminated at once keeps its slot until it has ended', async t => {
  const b = await bench(t, {}, { worker: { concurrency: 1 } })
  const file = `${t.testdir()}/file`
  b.app.tasks.define('fileExists', () => existsSync(file))
  const id = await b.start('block', { file })
  await b.app.tasks.cancel(id)
  await reaches(b.app, id, 'cancelled')
  const next = await b.app.tasks.enqueue('fileExists')
  t.equal(await next.result({ timeout: 30_000 }), true)
})

t.test('the claim is lost: the signal is aborted, and the outcome is dropped', async t => {
  const prefix = randomPrefix()
  const b = await bench(t, {}, { prefix, stallInterval: 1_000 })
  const id = await b.start('wait')
  const redis = connect(t)
  await redis.hset(`${prefix}:{default}:claims`, id, `another.1 ${Date.now()}`)
  const leases = `${prefix}:{default}:leases`
  for (const worker of await redis.zrange(leases, 0, '-1')) await redis.zadd(leases, -1_000, worker)
  t.match(await until('the signal is aborted', () => b.log.find('aborted')), { code: 'FST_TASKS_CLAIM_LOST' })
  await until('the outcome was dropped', () => b.log.find('claim.lost'))
  t.equal((await b.app.tasks.status(id))!.state, 'active')
})

t.test('shutdown: running and waiting tasks are handed back, no attempt spent', async t => {
  const prefix = randomPrefix()
  const b = await bench(t, {}, { prefix, worker: { closeTimeout: 200 } })
  const running = await b.start('computeOn')
  const waiting = await b.app.tasks.enqueue('x', { do: 'echo', value: 1 })
  await reaches(b.app, waiting.id, 'active')
  await b.app.close()
  const web = await build(t, { prefix }, app => { app.tasks.define('x') })
  for (const id of [running, waiting.id]) t.match(await web.tasks.status(id), { state: 'waiting', attempt: 0 })
})

t.test('shutdown: the result of a task that completes in time is stored', async t => {
  const prefix = randomPrefix()
  const b = await bench(t, {}, { prefix })
  const id = await b.start('compute', { ms: 500 })
  await b.app.close()
  const web = await build(t, { prefix }, app => { app.tasks.define('x') })
  t.match(await web.tasks.status(id), { state: 'succeeded', result: 'computed' })
})
