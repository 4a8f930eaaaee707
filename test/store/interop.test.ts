import { once } from 'node:events'
import BeeQueue from 'bee-queue'
import t, { type Test } from 'tap'
import { build, connect, randomPrefix, reaches, REDIS_URL, until } from '../support/helpers.ts'

/** A plain Bee-Queue on its own node_redis client. */
function bee (t: Test, prefix: string, settings = {}): any {
  const queue: any = new BeeQueue('{default}', { prefix, redis: REDIS_URL as any, ...settings })
  queue.on('error', () => {})
  t.teardown(() => queue.close(200).catch(() => {}))
  return queue
}

t.test('a plain consumer works on our tasks', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix, resultTtl: 500 }, app => { app.tasks.define('add') })
  const { id } = await app.tasks.enqueue('add', { a: 1, b: 2 }, { retries: 1, backoff: { strategy: 'fixed', delay: 50 } })
  const delayed = await app.tasks.enqueue('add', { a: 3, b: 4 }, { delay: 100 })
  const queue = bee(t, prefix, { activateDelayedJobs: true, delayedDebounce: 20 })
  const got: any[] = []
  queue.process(async (job: any) => {
    got.push(job.data)
    const record = await app.tasks.status(job.id)
    got.push(record!.state)
    if (got.length === 2) throw new Error('first')
  })
  t.match(await reaches(app, id, 'succeeded'), { attempt: 2, attempts: 2, name: 'add' })
  await reaches(app, delayed.id, 'succeeded')
  t.same(got.filter(one => one === 'active').length, 3)
  const data = got.filter(one => one !== 'active').sort((a, b) => a.data.a - b.data.a) // the retry and the delayed one come in either order
  t.same(data, [{ name: 'add', data: { a: 1, b: 2 } }, { name: 'add', data: { a: 1, b: 2 } }, { name: 'add', data: { a: 3, b: 4 } }])
  const health = await queue.checkHealth()
  t.match(health, { waiting: 0, active: 0, succeeded: 2, failed: 0, delayed: 0 })
})

t.test('a plain producer\'s tasks run here, and it hears of their end', async t => {
  const prefix = randomPrefix()
  await build(t, { prefix, worker: true }, app => {
    app.tasks.define('good', (data: any) => ({ got: data }))
    app.tasks.define('bad', () => { throw new Error('no good') })
  })
  const queue = bee(t, prefix, { isWorker: false })
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
  const ended = once(late, 'succeeded')
  await late.save()
  t.same(await ended, [{ got: 2 }])
  t.equal((await queue.getJob(good.id)).status, 'succeeded')
  t.match(await queue.checkHealth(), { waiting: 0, active: 0, succeeded: 2, failed: 1, delayed: 0 })
})

t.test('a plain job without our envelope fails with its code', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix, worker: true }, app => { app.tasks.define('x', () => 1) })
  const queue = bee(t, prefix, { isWorker: false, getEvents: false })
  const job = await queue.createJob({ to: 'somebody' }).save()
  t.match(await reaches(app, job.id, 'failed'), { error: { code: 'FST_TASKS_RECORD_INVALID', message: /\{ name, data \}/ } })
})

t.test('ours and theirs side by side: a plain worker\'s stall check does not take what ours holds', async t => {
  const prefix = randomPrefix()
  let runs = 0
  const app = await build(t, { prefix, worker: { concurrency: 1 }, stallInterval: 1_000 }, app => {
    app.tasks.define('long', async () => { runs++; await new Promise(resolve => setTimeout(resolve, 2_500)); return 'ours' })
  })
  const { id } = await app.tasks.enqueue('long')
  await reaches(app, id, 'active')
  const queue = bee(t, prefix, { stallInterval: 1_000 })
  const stalled: string[] = []
  queue.on('stalled', (one: string) => stalled.push(one))
  queue.process(() => { runs++; return 'theirs' })
  queue.checkStalledJobs(500)
  t.match(await reaches(app, id, 'succeeded'), { result: 'ours' })
  t.same([runs, stalled], [1, []])
})

t.test('a task that a plain worker left behind runs again by Bee-Queue\'s own rule', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix, stallInterval: 1_000 }, app => { app.tasks.define('x', () => 'ours') })
  const { id } = await app.tasks.enqueue('x')
  const redis = connect(t)
  // As a plain worker takes it, before it dies.
  t.equal(await redis.rpoplpush(`${prefix}:{default}:waiting`, `${prefix}:{default}:active`), id)
  t.match(await app.tasks.status(id), { state: 'active' })
  await app.tasks.startWorker()
  t.match(await reaches(app, id, 'succeeded'), { result: 'ours' })
})

t.test('what a plain worker ended goes after resultTtl too', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix, resultTtl: 400, worker: true }, app => { app.tasks.define('x', () => 1) })
  const redis = connect(t)
  const key = (name: string): string => `${prefix}:{default}:${name}`
  const record = JSON.stringify({ data: { name: 'x' }, options: { timestamp: 1, stacktraces: [] }, status: 'succeeded', progress: 0 })
  await redis.multi().hset(key('jobs'), 'theirs', record).sadd(key('succeeded'), 'theirs').exec()
  t.match(await app.tasks.status('theirs'), { state: 'succeeded' })
  await until('it is gone', async () => await app.tasks.status('theirs') === null)
  t.equal(await redis.scard(key('succeeded')), 0)
})
