import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { build, connect, elsewhere, memoryMode, inRedis, latch, randomPrefix, reaches, until } from '../support/helpers.ts'
import { relay } from '../support/relay.ts'

t.test('close waits for what runs', async t => {
  const begun = latch()
  const prefix = randomPrefix()
  const app = await build(t, { prefix, worker: true }, app => {
    app.tasks.define('x', async () => { begun.open(); await sleep(200); return 'whole' })
  })
  const { id } = await app.tasks.enqueue('x')
  await begun.promise
  await Promise.all([app.close(), app.close()])
  const reader = await elsewhere(t, app, prefix)
  t.match(await reader.tasks.status(id), { state: 'succeeded', result: 'whole', attempt: 1 })
})

inRedis('after closeTimeout it is aborted, and handed back at once, without spending an attempt', 'two processes', async t => {
  const begun = [latch(), latch()]
  const prefix = randomPrefix()
  let reason: any
  const app = await build(t, { prefix, worker: { closeTimeout: 50, concurrency: 3 } }, app => {
    app.tasks.define('kind', async (_data, task) => { begun[0]!.open(); await sleep(60_000, undefined, { signal: task.signal }).catch(error => { reason = task.signal.reason; throw error }) })
    app.tasks.define('deaf', async () => { begun[1]!.open(); await deaf.promise })
    app.tasks.define('waits', () => {})
  })
  const deaf = latch()
  t.teardown(() => deaf.open())
  const ids = [(await app.tasks.enqueue('kind')).id, (await app.tasks.enqueue('deaf')).id]
  await Promise.all(begun.map(one => one.promise))
  await app.close()
  t.equal(reason.code, 'FST_TASKS_SHUTDOWN')
  const redis = connect(t)
  t.same((await redis.lrange(`${prefix}:{default}:waiting`, 0, -1)).reverse(), ids, 'in their old order')
  t.equal(await redis.llen(`${prefix}:{default}:active`), 0)
  const next = await build(t, { prefix, worker: true }, app => {
    app.tasks.define('kind', (_data, task) => task.attempt)
    app.tasks.define('deaf', (_data, task) => task.attempt)
  })
  for (const id of ids) t.match(await reaches(next, id, 'succeeded'), { result: 1, attempt: 1, attempts: 1 })
})

t.test('one that ends when it is told of the shutdown counts', async t => {
  const begun = latch()
  const prefix = randomPrefix()
  const app = await build(t, { prefix, worker: { closeTimeout: 20 } }, app => {
    app.tasks.define('x', async (_data, task) => {
      begun.open()
      await sleep(60_000, undefined, { signal: task.signal }).catch(() => {})
      return 'saved what there was'
    })
  })
  const { id } = await app.tasks.enqueue('x')
  await begun.promise
  await app.close()
  t.match(await (await elsewhere(t, app, prefix)).tasks.status(id), { state: 'succeeded', result: 'saved what there was' })
})

t.test('1,000 timed closes strand nothing', async t => {
  const prefix = randomPrefix()
  let runs = 0
  const app = await build(t, { prefix }, app => { app.tasks.define('x', () => { runs++ }) })
  let enqueued = 0
  for (let round = 0; round < 100; round++) {
    const workers = await Promise.all(Array.from({ length: 10 }, () => app.tasks.startWorker({ concurrency: 2, closeTimeout: 0 })))
    // Closes fall before, into and after the claims.
    const sends = Array.from({ length: 10 }, () => app.tasks.enqueue('x'))
    for (const [i, worker] of workers.entries()) { if (i % 3 === round % 3) await Promise.resolve(); void worker.close() }
    enqueued += (await Promise.all(sends)).length
    await Promise.all(workers.map(worker => worker.close()))
  }
  const { active, waiting } = (await app.tasks.counts()).default!
  t.equal(active, 0)
  if (!memoryMode) t.equal(await connect(t).hlen(`${prefix}:{default}:claims`), 0)
  t.equal(waiting + runs, enqueued, 'each ran once or waits')
})

inRedis('a wait whose connection was cut strands nothing', 'a connection of its own', async t => {
  const define = (app: FastifyInstance): void => { app.tasks.define('x', () => {}) }
  for (const takes of [true, false]) {
    const prefix = randomPrefix()
    const way = await relay(t)
    const app = await build(t, { prefix }, define)
    const worker = await (await build(t, { prefix, redis: way.url }, define)).tasks.startWorker()
    await until('it waits', way.waits)
    way.cutWait()
    if (!takes) await worker.close()
    const { id } = await app.tasks.enqueue('x')
    await until('Redis has come to what stood behind the wait', async () => !await way.waits())
    if (takes) t.equal((await app.tasks.status(id))!.state, 'active')
    await worker.close()
    t.equal((await app.tasks.status(id))!.state, 'waiting', takes ? 'it is handed back, though the reply did not come' : 'it was revoked')
    t.equal(await connect(t).exists(`${prefix}:{default}:claims`, `${prefix}:{default}:stalls`), 0)
  }
})

inRedis('a close while the connection that waits is dialled again: what runs is handed back in time', 'a connection of its own', async t => {
  const prefix = randomPrefix()
  const way = await relay(t)
  const app = await build(t, { prefix }, app => { app.tasks.define('x', () => {}) })
  const there = await build(t, { prefix, redis: way.url }, app => {
    app.tasks.define('x', (_data, task) => new Promise((_resolve, reject) => { task.signal.addEventListener('abort', () => reject(task.signal.reason)) }))
  })
  const worker = await there.tasks.startWorker({ concurrency: 2, closeTimeout: 100 })
  const { id } = await app.tasks.enqueue('x')
  await reaches(app, id, 'active')
  await until('it waits for another', way.waits)
  way.breakWait()
  await until('it is broken', async () => !await way.waits())
  await worker.close()
  t.match(await app.tasks.status(id), { state: 'waiting', attempt: 0 })
})

inRedis('close returns inside its deadline, and nothing runs after it', 'two processes', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix }, app => { app.tasks.define('x', () => 1) })
  const worker = await app.tasks.startWorker()
  await worker.close()
  await worker.close()
  const { id } = await app.tasks.enqueue('x')
  const other = await build(t, { prefix, worker: true }, app => { app.tasks.define('y', () => 2) })
  // The other worker has looked, and found nothing that it knows; the closed one did not take it.
  await until('it was put back', async () => ['delayed'].includes((await other.tasks.status(id))!.state))
})
