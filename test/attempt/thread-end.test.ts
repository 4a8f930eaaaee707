/**
 * How a task in a thread ends before its time: it is asked, and then the thread is ended, whatever it does.
 */
import { existsSync } from 'node:fs'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { build, connect, logger, randomPrefix, reaches, until } from '../support/helpers.ts'
import type { DefineOptions, TasksOptions } from '../../lib/types.ts'

const thread = new URL('../fixtures/threads/deeds.ts', import.meta.url)

interface Bench { app: FastifyInstance, log: ReturnType<typeof logger>, start: (deed: string, data?: object) => Promise<string> }

/** One thread: whatever holds it is seen. */
async function bench (t: Test, define: DefineOptions = {}, options: TasksOptions = {}): Promise<Bench> {
  const log = logger()
  const app = await build(t, { worker: true, threads: { max: 1 }, ...options }, app => { app.tasks.define('x', { thread, ...define }) }, { logger: { stream: log.stream } })
  const start = async (deed: string, data: object = {}): Promise<string> => {
    const { id } = await app.tasks.enqueue('x', { do: deed, ...data })
    if (deed !== 'echo') await until(`${deed} has begun`, () => log.lines.some(line => line.taskId === id), 30_000)
    return id
  }
  return { app, log, start }
}

/** Of the only thread: it is free, and has begun nothing before where the number is another. */
async function threadOf ({ app }: Bench): Promise<number> {
  const handle = await app.tasks.enqueue('x', { do: 'thread' })
  return await handle.result({ timeout: 30_000 }) as number
}

t.test('a task that computes for three stall intervals runs once: its claim is renewed meanwhile', async t => {
  const b = await bench(t, {}, { stallInterval: 1_000 })
  const id = await b.start('compute', { ms: 3_000 })
  t.match(await reaches(b.app, id, 'succeeded'), { attempt: 1, result: 'computed' })
  t.equal(b.log.lines.filter(line => line.msg === 'computing').length, 1)
  t.notOk(b.log.find('task.stalled'))
  t.notOk(b.log.find('worker.event_loop_held'))
})

t.test('timeout: the signal asks', async t => {
  const b = await bench(t, { timeout: 200 })
  const id = await b.start('wait')
  t.match(await reaches(b.app, id, 'failed'), { error: { code: 'FST_TASKS_TIMEOUT', message: /200 ms/ } })
  t.match(b.log.find('aborted'), { code: 'FST_TASKS_TIMEOUT', text: /200 ms/, isError: true })
})

t.test('timeout: one that computes on is ended, its thread with it, and another takes its place', async t => {
  const b = await bench(t, { timeout: 200, retries: 1, backoff: { strategy: 'immediate' } })
  const id = await b.start('computeOn')
  t.match(await reaches(b.app, id, 'failed'), { attempt: 2, error: { code: 'FST_TASKS_TIMEOUT' } })
  t.type(await threadOf(b), 'number')
})

t.test('timeout: counts from when a thread has the task', async t => {
  const b = await bench(t)
  const first = await b.start('wait')
  const second = await b.app.tasks.enqueue('x', { do: 'echo', value: 1 }, { timeout: 1_000 })
  const { startedAt } = await reaches(b.app, second.id, 'active')
  await until('it has waited for longer than its timeout', () => Date.now() > Date.parse(startedAt!) + 1_500)
  await b.app.tasks.cancel(first)
  t.equal(await second.result({ timeout: 10_000 }), 1)
})

t.test('a loop that never pauses sees an abort in task.signal: its thread stays', async t => {
  const b = await bench(t)
  const before = await threadOf(b)
  const id = await b.start('untilAborted')
  t.equal(await b.app.tasks.cancel(id), 'requested')
  await reaches(b.app, id, 'cancelled')
  t.equal(await threadOf(b), before)
})

t.test('cancel: asked, or ended; one that waits for a thread never begins', async t => {
  const b = await bench(t)
  const asked = await b.start('wait')
  const waiting = await b.app.tasks.enqueue('x', { do: 'compute', ms: 1 })
  await reaches(b.app, waiting.id, 'active')
  t.equal(await waiting.cancel(), 'requested')
  await reaches(b.app, waiting.id, 'cancelled')
  t.equal((await b.app.tasks.status(asked))!.state, 'active')
  await b.app.tasks.cancel(asked)
  await reaches(b.app, asked, 'cancelled')
  t.match(b.log.find('aborted'), { code: 'FST_TASKS_CANCELLED' })
  const deaf = await b.start('computeOn')
  await b.app.tasks.cancel(deaf)
  await reaches(b.app, deaf, 'cancelled')
  t.type(await threadOf(b), 'number')
  t.notOk(b.log.lines.some(line => line.taskId === waiting.id && line.msg === 'computing'))
})

t.test('a thread that cannot be ended keeps its slot until it is gone', async t => {
  const b = await bench(t, {}, { worker: { concurrency: 1 } })
  const file = `${t.testdir()}/file`
  b.app.tasks.define('isThere', () => existsSync(file))
  const id = await b.start('block', { file })
  await b.app.tasks.cancel(id)
  await reaches(b.app, id, 'cancelled')
  const next = await b.app.tasks.enqueue('isThere')
  t.equal(await next.result({ timeout: 30_000 }), true)
})

t.test('the claim is lost: the thread is asked, and what it says does not count', async t => {
  const prefix = randomPrefix()
  const b = await bench(t, {}, { prefix, stallInterval: 1_000 })
  const id = await b.start('wait')
  const redis = connect(t)
  await redis.hset(`${prefix}:{default}:claims`, id, `another.1 ${Date.now()} ${Date.now() + 600_000}`)
  t.match(await until('it was told', () => b.log.find('aborted')), { code: 'FST_TASKS_CLAIM_LOST' })
  await until('the outcome was dropped', () => b.log.find('claim.lost'))
  t.equal((await b.app.tasks.status(id))!.state, 'active')
})

t.test('shutdown: what waits and what computes on is handed back, without spending an attempt', async t => {
  const prefix = randomPrefix()
  const b = await bench(t, {}, { prefix, worker: { closeTimeout: 200 } })
  const deaf = await b.start('computeOn')
  const waiting = await b.app.tasks.enqueue('x', { do: 'echo', value: 1 })
  await reaches(b.app, waiting.id, 'active')
  await b.app.close()
  const web = await build(t, { prefix }, app => { app.tasks.define('x') })
  for (const id of [deaf, waiting.id]) t.match(await web.tasks.status(id), { state: 'waiting', attempt: 0 })
})

t.test('shutdown: what ends in time is kept', async t => {
  const prefix = randomPrefix()
  const b = await bench(t, {}, { prefix })
  const id = await b.start('compute', { ms: 500 })
  await b.app.close()
  const web = await build(t, { prefix }, app => { app.tasks.define('x') })
  t.match(await web.tasks.status(id), { state: 'succeeded', result: 'computed' })
})
