/**
 * Our workers and producers beside plain Bee-Queues, on the same queue.
 */
import { once } from 'node:events'
import BeeQueue from 'bee-queue'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import type { TaskHandle } from '../../lib/types.ts'
import { build, connect, latch, randomPrefix, reaches, REDIS_URL, until } from '../support/helpers.ts'

/** A plain Bee-Queue with its own node_redis client. */
function plainQueue (t: Test, prefix: string, settings = {}): any {
  const queue: any = new BeeQueue('{default}', { prefix, redis: REDIS_URL as any, ...settings })
  queue.on('error', () => {})
  t.teardown(() => queue.close(200).catch(() => {}))
  return queue
}

t.test('a plain consumer runs our tasks', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix, resultTtl: 500 }, app => { app.tasks.define('add') })
  const retries = { retries: 1, backoff: { strategy: 'fixed', delay: 50 } } as const
  const { id } = await app.tasks.enqueue('add', { a: 1, b: 2 }, retries)
  const delayed = await app.tasks.enqueue('add', { a: 3, b: 4 }, { delay: 100 })
  const queue = plainQueue(t, prefix, { activateDelayedJobs: true, delayedDebounce: 20 })
  const seen: Array<{ data: any, state: string }> = []
  queue.process(async (job: any) => {
    seen.push({ data: job.data, state: (await app.tasks.status(job.id))!.state })
    if (seen.length === 1) throw new Error('first')
  })
  t.match(await reaches(app, id, 'succeeded'), { attempt: 2, attempts: 2, name: 'add' })
  await reaches(app, delayed.id, 'succeeded')
  t.same(seen.map(one => one.state), ['active', 'active', 'active'])
  const data = seen.map(one => one.data).sort((a, b) => a.data.a - b.data.a) // retry and delayed task come in any order
  t.same(data, [[1, 2], [1, 2], [3, 4]].map(([a, b]) => ({ name: 'add', data: { a, b } })))
  t.match(await queue.checkHealth(), { waiting: 0, active: 0, succeeded: 2, failed: 0, delayed: 0 })
})

t.test('our workers run the jobs of a plain producer, which gets their outcomes', async t => {
  const prefix = randomPrefix()
  await build(t, { prefix, worker: true }, app => {
    app.tasks.define('good', (data: any) => ({ got: data }))
    app.tasks.define('bad', () => { throw new Error('no good') })
  })
  const queue = plainQueue(t, prefix, { isWorker: false })
  await queue.ready()
  const good = queue.createJob({ name: 'good', data: { a: 1 } })
  const succeeded = once(good, 'succeeded')
  await good.save()
  t.same(await succeeded, [{ got: { a: 1 } }])
  const bad = queue.createJob({ name: 'bad' }).retries(1).backoff('fixed', 50)
  const retrying = once(bad, 'retrying')
  const failed = once(bad, 'failed')
  await bad.save()
  t.match((await retrying)[0], { message: 'no good' })
  t.match((await failed)[0], { message: 'no good' })
  const late = queue.createJob({ name: 'good', data: 2 }).delayUntil(Date.now() + 200)
  const finished = once(late, 'succeeded')
  await late.save()
  t.same(await finished, [{ got: 2 }])
  t.equal((await queue.getJob(good.id)).status, 'succeeded')
  t.match(await queue.checkHealth(), { waiting: 0, active: 0, succeeded: 2, failed: 1, delayed: 0 })
})

t.test('a plain job that has no { name, data } fails with its code', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix, worker: true }, app => { app.tasks.define('x', () => 1) })
  const queue = plainQueue(t, prefix, { isWorker: false, getEvents: false })
  const job = await queue.createJob({ to: 'somebody' }).save()
  const error = { code: 'FST_TASKS_RECORD_INVALID', message: /\{ name, data \}/ }
  t.match(await reaches(app, job.id, 'failed'), { error })
})

t.test('the stall check of a plain worker does not take a task that our worker runs', async t => {
  const prefix = randomPrefix()
  const finish = latch()
  let runs = 0
  const app = await build(t, { prefix, worker: { concurrency: 1 }, stallInterval: 1_000 }, app => {
    app.tasks.define('long', async () => {
      runs++
      await finish.promise
      return 'ours'
    })
  })
  const { id } = await app.tasks.enqueue('long')
  await reaches(app, id, 'active')
  const queue = plainQueue(t, prefix, { stallInterval: 1_000 })
  const stalled: string[] = []
  queue.on('stalled', (id: string) => stalled.push(id))
  queue.process(() => {
    runs++
    return 'theirs'
  })
  let checks = 0
  queue.checkStalledJobs(500, () => { checks++ })
  await until('two intervals of checks pass', () => checks > 4)
  finish.open()
  t.match(await reaches(app, id, 'succeeded'), { result: 'ours' })
  t.same([runs, stalled], [1, []])
})

t.test('a task of a plain worker that died runs again, by the rule of Bee-Queue', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix, stallInterval: 1_000 }, app => { app.tasks.define('x', () => 'ours') })
  const { id } = await app.tasks.enqueue('x')
  const redis = connect(t)
  // What a plain worker does to take a task.
  t.equal(await redis.rpoplpush(`${prefix}:{default}:waiting`, `${prefix}:{default}:active`), id)
  t.match(await app.tasks.status(id), { state: 'active' })
  await app.tasks.startWorker()
  t.match(await reaches(app, id, 'succeeded'), { result: 'ours' })
})

t.test('the record of a task that a plain worker finished is removed after resultTtl', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix, resultTtl: 400, worker: true }, app => { app.tasks.define('x', () => 1) })
  const redis = connect(t)
  const key = (name: string): string => `${prefix}:{default}:${name}`
  const options = { timestamp: 1, stacktraces: [] }
  const record = JSON.stringify({ data: { name: 'x' }, options, status: 'succeeded', progress: 0 })
  await redis.multi().hset(key('jobs'), 'theirs', record).sadd(key('succeeded'), 'theirs').exec()
  t.match(await app.tasks.status('theirs'), { state: 'succeeded' })
  await until('it is removed', async () => await app.tasks.status('theirs') === null)
  t.equal(await redis.scard(key('succeeded')), 0)
})

t.test('what a plain worker finished is removed also if a look at limits fails', async t => {
  const prefix = randomPrefix()
  const key = (name: string): string => `${prefix}:{default}:${name}`
  const redis = connect(t)
  const record = JSON.stringify({ data: { name: 'x' }, options: {}, status: 'succeeded', progress: 0 })
  await redis.multi().hset(key('jobs'), 'theirs', record).sadd(key('succeeded'), 'theirs')
    .set(key('lanes'), 'overwritten').exec()
  const app = await build(t, { prefix, resultTtl: 400, worker: true }, app => { app.tasks.define('x', () => 1) })
  await until('it is removed', async () => await app.tasks.status('theirs') === null)
  t.equal(await redis.scard(key('succeeded')), 0)
})

t.test('the stall check of a plain Bee-Queue with a short interval does not touch what our workers run', async t => {
  const prefix = randomPrefix()
  const mayEnd = latch()
  let runs = 0
  const app = await build(t, { prefix, worker: true }, app => {
    app.tasks.define('long', async () => {
      runs++
      await mayEnd.promise
      return 'done'
    })
  })
  const { id } = await app.tasks.enqueue('long')
  await reaches(app, id, 'active')
  const queue = plainQueue(t, prefix, { stallInterval: 100 })
  let taken = 0
  queue.process(async () => { taken++ })
  const redis = connect(t)
  for (let check = 0; check < 5; check++) {
    await redis.del(`${prefix}:{default}:stallBlock`) // the next check is due
    t.equal(await queue.checkStalledJobs(), 0)
  }
  mayEnd.open()
  await reaches(app, id, 'succeeded')
  t.same([runs, taken], [1, 0])
})

t.test('our counts are right after removeJob and retry of a plain Bee-Queue', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix }, app => {
    app.tasks.define('bad', () => { throw new Error('no') })
    app.tasks.define('good', () => 1)
  })
  const worker = await app.tasks.startWorker()
  const [bad, removed] = await app.tasks.enqueueMany('bad', [{}, {}]) as [TaskHandle, TaskHandle]
  const good = await app.tasks.enqueue('good')
  for (const { id } of [bad, removed]) await reaches(app, id, 'failed')
  await reaches(app, good.id, 'succeeded')
  await worker.close()
  const queue = plainQueue(t, prefix, { isWorker: false, getEvents: false })
  await queue.removeJob(good.id)
  await queue.removeJob(removed.id)
  t.match((await app.tasks.counts()).default, { succeeded: 0, failed: 1, waiting: 0 })
  await (await queue.getJob(bad.id)).retry()
  t.match((await app.tasks.counts()).default, { succeeded: 0, failed: 0, waiting: 1 })
})

t.test('an exponential wait doubles with each attempt, whether plain workers or ours make it', async t => {
  const prefix = randomPrefix()
  const redis = connect(t)
  const key = (name: string): string => `${prefix}:{default}:${name}`
  const define = (app: FastifyInstance): void => {
    app.tasks.define('x', () => { throw new Error('again') })
  }
  const HOUR = 3_600_000
  const app = await build(t, { prefix }, define)
  const { id } = await app.tasks.enqueue('x', null, { retries: 9, backoff: { strategy: 'exponential', delay: HOUR } })
  const attempts = { plain: plainAttempt, ours: ourAttempt }

  async function plainAttempt (): Promise<void> {
    const queue = plainQueue(t, prefix)
    const retrying = once(queue, 'retrying')
    queue.process(async () => { throw new Error('again') })
    await retrying
    await queue.close()
  }

  async function ourAttempt (): Promise<void> {
    const worker = await build(t, { prefix, worker: true }, define)
    await until('the task waits for its next attempt', () => redis.zscore(key('delayed'), id))
    await worker.close()
  }

  const waits: number[] = []
  for (const kind of ['plain', 'ours', 'plain', 'ours', 'ours', 'plain'] as const) {
    await attempts[kind]()
    waits.push(Math.round((Number(await redis.zscore(key('delayed'), id)) - Date.now()) / HOUR))
    await redis.multi().zrem(key('delayed'), id).lpush(key('waiting'), id).exec() // it is due now
  }
  t.same(waits, [1, 2, 4, 8, 16, 32])
})

t.test('a plain producer hears the progress of a task that our worker runs, in its process or in a thread', async t => {
  const prefix = randomPrefix()
  const threadFile = new URL('../fixtures/threads/deeds.ts', import.meta.url)
  const app = await build(t, { prefix, worker: true }, app => {
    app.tasks.define('here', async (_data, task) => {
      await task.updateState('loaded') // no progress: Bee-Queue has no stages
      await task.reportProgress({ done: 'ü"' })
      await task.updateState('half', 50)
    })
    app.tasks.define('apart', { thread: threadFile })
  })
  const redis = connect(t)
  const heard: string[] = []
  await redis.subscribe(`${prefix}:{default}:events`)
  redis.on('message', (_channel, message) => heard.push(JSON.parse(message).id))
  const own = await app.tasks.enqueue('here')
  await reaches(app, own.id, 'succeeded')

  const queue = plainQueue(t, prefix, { isWorker: false })
  await queue.ready()
  const progressOf = async (name: string): Promise<unknown[]> => {
    const seen: unknown[] = []
    const job = queue.createJob({ name, data: { do: 'progress' } })
    job.on('progress', (progress: unknown) => seen.push(progress))
    const succeeded = once(job, 'succeeded')
    await job.save()
    await succeeded
    return seen
  }
  t.same(await progressOf('here'), [{ done: 'ü"' }, 50])
  t.same(await progressOf('apart'), [{ step: 1 }, { step: 2 }, { step: 2 }])
  t.ok(heard.length > 0)
  t.notOk(heard.includes(own.id), 'nothing is published of our own tasks')
})
