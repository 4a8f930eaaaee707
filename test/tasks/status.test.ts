import t from 'tap'
import {
  build, connect, elsewhere, errorOf, inRedis, keysOf, latch, pass, randomPrefix, reaches, until
} from '../support/helpers.ts'

t.test('the state is true from enqueue to end, seen from another process\' connection', async t => {
  const prefix = randomPrefix()
  const hasBegun = [latch(), latch()]
  const go = [latch(), latch()]
  const app = await build(t, { prefix }, app => {
    app.tasks.define('x', { retries: 1, backoff: { strategy: 'fixed', delay: 1_000 } }, async (_data, task) => {
      const turn = task.attempt - 1
      await task.updateState('WORKING', { turn })
      hasBegun[turn]!.open()
      await go[turn]!.promise
      if (turn === 0) throw Object.assign(new TypeError('not yet'), { code: 'E_NOT_YET' })
      return { done: true }
    })
  })
  const reader = await elsewhere(t, app, prefix)
  const { id } = await app.tasks.enqueue('x', { a: 1 }, { delay: 100 })
  t.match(await reader.tasks.status(id), { state: 'delayed', attempt: 0, attempts: 2, startedAt: null })
  await app.tasks.startWorker()
  await pass(app, 100, { wait: false })
  await hasBegun[0]!.promise
  t.match(await reader.tasks.status(id), {
    state: 'active', stage: 'WORKING', progress: { turn: 0 }, attempt: 1, error: null, finishedAt: null
  })
  go[0]!.open()
  t.match(await reaches(reader, id, 'retrying'), {
    attempt: 1, error: { name: 'TypeError', message: 'not yet', code: 'E_NOT_YET' }
  })
  await pass(app, 1_000, { wait: false })
  await hasBegun[1]!.promise
  t.match(await reader.tasks.status(id), { state: 'active', attempt: 2, progress: { turn: 1 } })
  go[1]!.open()
  const end = await reaches(reader, id, 'succeeded')
  t.match(end, {
    attempt: 2, attempts: 2, result: { done: true }, error: null, stage: 'WORKING', progress: { turn: 1 }
  })
  t.ok(end.enqueuedAt <= end.startedAt! && end.startedAt! <= end.finishedAt!)
})

t.test('waiting, in a long queue too, in one round trip', async t => {
  const app = await build(t, {}, app => { app.tasks.define('x') })
  const handles = await app.tasks.enqueueMany('x', Array.from({ length: 3_000 }, () => ({})))
  t.match(await handles[0]!.status(), { state: 'waiting', attempt: 0, attempts: 1 })
  t.match(await handles[2_999]!.status(), { state: 'waiting' })
})

t.test('failed', async t => {
  const app = await build(t, { worker: true }, app => {
    app.tasks.define('x', () => { throw new RangeError('too far') })
  })
  const handle = await app.tasks.enqueue('x')
  const error = await errorOf(handle.result({ timeout: 60_000 }))
  t.match(error, { code: 'FST_TASKS_FAILED', message: /too far/, record: { error: { name: 'RangeError' } } })
  t.notOk(Object.keys(error).includes('record'), 'a logger that writes the error does not write the record')
  const record = await app.tasks.status(handle.id)
  t.match(record, {
    state: 'failed', result: null, error: { name: 'RangeError', message: 'too far', code: null }, attempt: 1
  })
  t.notOk('stack' in record!.error!, 'no stack leaves the process')
})

t.test('exposeStack', async t => {
  const app = await build(t, { worker: true, exposeStack: true }, app => {
    app.tasks.define('x', () => { throw new Error('outer', { cause: new Error('inner') }) })
  })
  const { id } = await app.tasks.enqueue('x')
  t.match((await reaches(app, id, 'failed')).error!.stack, /status\.test[^]*Caused by: Error: inner/)
})

t.test('ids that are none have no task', async t => {
  const app = await build(t)
  for (const id of ['', 'nobody', '__proto__', '../x', 'x'.repeat(64_000), 'a\0b']) {
    t.equal(await app.tasks.status(id), null)
    t.equal(await app.tasks.cancel(id), 'unknown')
    t.equal(await app.tasks.retry(id), 'unknown')
  }
})

t.test('the result stays for resultTtl, and then nothing of the task is left', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix, resultTtl: 400, worker: { concurrency: 5 } }, app => {
    app.tasks.define('good', async (_data, task) => { await task.reportProgress(50); return 1 })
    app.tasks.define('bad', { retries: 1, backoff: { strategy: 'immediate' } }, () => { throw new Error('no') })
    app.tasks.define('short', { resultTtl: 1 }, () => 1)
    app.tasks.define('none', { resultTtl: 0 }, () => 1)
  })
  const good = await app.tasks.enqueue('good')
  const bad = await app.tasks.enqueue('bad')
  const dropped = await app.tasks.enqueue('good', 1, { delay: 5_000 })
  const late = await app.tasks.enqueue('good', 1, { expires: new Date(Date.now() - 1) })
  await dropped.cancel()
  for (const name of ['short', 'none']) await app.tasks.enqueue(name)
  t.equal(await good.result({ timeout: 60_000 }), 1)
  await reaches(app, bad.id, 'failed')
  await pass(app, 400)
  await until('all are gone', async () => {
    const records = await Promise.all([good, bad, dropped, late].map(one => one.status()))
    return records.every(one => one === null)
  })
  t.same(Object.values((await app.tasks.counts()).default!).filter(count => typeof count === 'number' && count > 0), [])
  // Keys of workers and of waiting callers: they expire when no worker runs.
  const ofWorkers = [
    'stallInterval', 'stallBlock', 'workers', 'workerInfo', 'watched', 'tick', 'tickBlock', 'leases', 'floors',
    'timekeepers', 'lastClaims'
  ].map(key => `${prefix}:{default}:${key}`)
  await until('no key is left', async () => (await keysOf(t, prefix)).every(key => ofWorkers.includes(key)))
  for (const key of await keysOf(t, prefix)) t.ok(await connect(t).pttl(key) !== -1, `${key} has an expiry`)
})

inRedis('a record that cannot be read says so', 'writes to Redis', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix }, app => { app.tasks.define('x') })
  const redis = connect(t)
  await redis.hset(`${prefix}:{default}:jobs`, 'garbage', '{"data":')
  t.match(await app.tasks.status('garbage'), { name: 'unknown', error: { code: 'FST_TASKS_RECORD_INVALID' } })
})
