/**
 * A task that computes holds the event loop of its worker. The tasks that the worker has claimed and not started, and
 * those of claims that are on their way, start elsewhere meanwhile: a thread gives them back.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import type { FastifyInstance } from 'fastify'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { build, connect, logger, randomPrefix, reaches, REDIS_URL, until } from '../support/helpers.ts'

t.setTimeout(240_000)
t.jobs = 2 // they mostly wait

/** How long the task computes, in ms. */
const COMPUTES_MS = 5_000

interface Scene {
  app: FastifyInstance
  prefix: string
  ids: string[]
  /** Ids of tasks that started, in their order within a process. */
  ran: () => Promise<string[]>
}

/** Two idle workers, each in a process of its own. */
async function scene (t: Test, concurrency: number): Promise<Scene> {
  const prefix = randomPrefix()
  await Promise.all([startWorker(t, prefix, concurrency), startWorker(t, prefix, concurrency)])
  const app = await build(t, { prefix }, app => {
    app.tasks.define('quick')
    app.tasks.define('compute')
  })
  return { app, prefix, ids: [], ran: () => connect(t).lrange(`${prefix}-ran`, 0, -1) }
}

/** It is killed at the end of the test. */
async function startWorker (t: Test, prefix: string, concurrency: number): Promise<ChildProcess> {
  const file = new URL('../fixtures/computing-worker.js', import.meta.url).pathname
  const env = { ...process.env, PREFIX: prefix, CONCURRENCY: String(concurrency) }
  const worker = spawn(process.execPath, [file], { env, stdio: ['pipe', 'pipe', 'inherit'] })
  t.teardown(async () => {
    if (worker.exitCode !== null || worker.signalCode !== null) return
    worker.kill('SIGKILL')
    await once(worker, 'exit')
  })
  await once(worker.stdout!, 'data')
  return worker
}

/** Checks that all quick tasks have ended before the one that computes, and that each task started once. */
async function check (t: Test, { app, ids, ran }: Scene): Promise<void> {
  await until('all quick tasks have ended', async () => (await app.tasks.counts()).default!.succeeded >= ids.length)
  const { finishedAt } = await reaches(app, 'compute', 'succeeded')
  const late: string[] = []
  for (const id of ids) {
    const record = await app.tasks.status(id)
    if (record!.finishedAt! > finishedAt!) late.push(id)
  }
  t.strictSame(late, [], 'no quick task waits for the end of the one that computes')
  await until('all starts are noted', async () => (await ran()).length > ids.length)
  t.strictSame((await ran()).sort(), ['compute', ...ids].sort(), 'each task started once')
}

for (const concurrency of [1, 10]) {
  t.test(`prefetched tasks start elsewhere while one computes, concurrency ${concurrency}`, async t => {
    const s = await scene(t, concurrency)
    const quick = (from: number, to: number): Array<{ id: string }> =>
      Array.from({ length: to - from }, (_, i) => ({ id: `quick-${from + i}` }))
    const [before, after] = [quick(0, 800), quick(800, 1_600)]
    s.ids = [...before, ...after].map(({ id }) => id)
    await s.app.tasks.enqueueMany('quick', before)
    await s.app.tasks.enqueue('compute', { ms: COMPUTES_MS }, { id: 'compute' })
    await s.app.tasks.enqueueMany('quick', after)
    await check(t, s)
  })
}

t.test('a wait that is on its way takes no task from idle workers while a task computes', async t => {
  const s = await scene(t, 10)
  await s.app.tasks.enqueue('compute', { ms: COMPUTES_MS, after: 2_000 }, { id: 'compute' })
  const redis = connect(t)
  await until('it computes', async () => await redis.get(`${s.prefix}-computes`) !== null)
  for (let i = 0; i < 20; i++) {
    await s.app.tasks.enqueue('quick', null, { id: `quick-${i}` })
    s.ids.push(`quick-${i}`)
  }
  await check(t, s)
})

t.test('a worker whose store no thread can reach prefetches nothing, and says so', async t => {
  const redis = new Redis(REDIS_URL, { natMap: () => null })
  t.teardown(() => redis.disconnect())
  const log = logger()
  const server = { logger: { stream: log.stream } } as any
  const app = await build(t, { redis }, app => { app.tasks.define('quick', () => {}) }, server)
  const asked: number[] = []
  const note = (event: unknown): void => void asked.push((event as { asked: number }).asked)
  subscribe('fastify-tasks.claim', note)
  t.teardown(() => unsubscribe('fastify-tasks.claim', note))
  await app.tasks.enqueueMany('quick', Array.from({ length: 300 }, () => ({})))
  await app.tasks.startWorker({ concurrency: 2 })
  await until('all have ended', async () => (await app.tasks.counts()).default!.succeeded === 300)
  t.equal(Math.max(...asked), 2)
  t.match(log.lines.filter(({ event }) => event === 'worker.prefetch_off'), [{ queue: 'default' }])
})

t.test('a process with the guard ends by itself after a close, and by process.exit', async t => {
  for (const how of ['close', 'exit']) {
    const prefix = randomPrefix()
    const worker = await startWorker(t, prefix, 10)
    const app = await build(t, { prefix }, app => { app.tasks.define('compute') })
    await app.tasks.enqueue('compute', { ms: 1_500, after: 50 }, { id: 'compute' })
    await until('it has ended', async () => (await app.tasks.status('compute'))!.state === 'succeeded')
    worker.stdin!.end(how)
    t.strictSame(await once(worker, 'exit'), [0, null], how)
  }
})
