import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import {
  build, connect, elsewhere, memoryMode, inRedis, latch, randomPrefix, reaches, until
} from '../support/helpers.ts'
import { relay } from '../support/relay.ts'
import type { TaskWorker } from '../../lib/types.ts'

t.test('close waits for running tasks', async t => {
  const hasBegun = latch()
  const prefix = randomPrefix()
  const app = await build(t, { prefix, worker: true }, app => {
    app.tasks.define('x', async () => {
      hasBegun.open()
      await sleep(200)
      return 'whole'
    })
  })
  const handle = await app.tasks.enqueue('x')
  await hasBegun.promise
  const result = handle.result()
  await Promise.all([app.close(), app.close()])
  t.equal(await result, 'whole')
  if (memoryMode) return // its tasks have gone with it
  const reader = await elsewhere(t, app, prefix)
  t.match(await reader.tasks.status(handle.id), { state: 'succeeded', result: 'whole', attempt: 1 })
})

inRedis('after closeTimeout a running task is aborted and handed back, no attempt spent', 'two processes', async t => {
  const hasBegun = [latch(), latch()]
  const prefix = randomPrefix()
  let reason: any
  const app = await build(t, { prefix, worker: { closeTimeout: 50, concurrency: 3 } }, app => {
    app.tasks.define('stopsOnAbort', async (_data, task) => {
      hasBegun[0]!.open()
      await sleep(60_000, undefined, { signal: task.signal }).catch(error => {
        reason = task.signal.reason
        throw error
      })
    })
    app.tasks.define('ignoresAbort', async () => {
      hasBegun[1]!.open()
      await gate.promise
    })
    app.tasks.define('unused', () => {})
  })
  const gate = latch()
  t.teardown(() => gate.open())
  // One after the other: a wait and a claim may be on their way at the same time, and one of them gets the second task.
  const ids = [(await app.tasks.enqueue('stopsOnAbort')).id]
  await hasBegun[0]!.promise
  ids.push((await app.tasks.enqueue('ignoresAbort')).id)
  await hasBegun[1]!.promise
  await app.close()
  t.equal(reason.code, 'FST_TASKS_SHUTDOWN')
  const redis = connect(t)
  t.same((await redis.lrange(`${prefix}:{default}:waiting`, 0, -1)).reverse(), ids, 'in their old order')
  t.equal(await redis.llen(`${prefix}:{default}:active`), 0)
  const next = await build(t, { prefix, worker: true }, app => {
    app.tasks.define('stopsOnAbort', (_data, task) => task.attempt)
    app.tasks.define('ignoresAbort', (_data, task) => task.attempt)
  })
  for (const id of ids) t.match(await reaches(next, id, 'succeeded'), { result: 1, attempt: 1, attempts: 1 })
})

t.test('the result of a handler that returns on the shutdown\'s abort is stored', async t => {
  const hasBegun = latch()
  const prefix = randomPrefix()
  const app = await build(t, { prefix, worker: { closeTimeout: 20 } }, app => {
    app.tasks.define('x', async (_data, task) => {
      hasBegun.open()
      await sleep(60_000, undefined, { signal: task.signal }).catch(() => {})
      return 'saved the part so far'
    })
  })
  const handle = await app.tasks.enqueue('x')
  await hasBegun.promise
  const result = handle.result()
  await app.close()
  t.equal(await result, 'saved the part so far')
  if (memoryMode) return
  const reader = await elsewhere(t, app, prefix)
  t.match(await reader.tasks.status(handle.id), { state: 'succeeded', result: 'saved the part so far' })
})

t.test('1,000 closes at different moments strand no task', async t => {
  const prefix = randomPrefix()
  let runs = 0
  const app = await build(t, { prefix }, app => { app.tasks.define('x', () => { runs++ }) })
  let enqueued = 0
  for (let round = 0; round < 100; round++) {
    const startWorker = (): Promise<TaskWorker> => app.tasks.startWorker({ concurrency: 2, closeTimeout: 0 })
    const workers = await Promise.all(Array.from({ length: 10 }, startWorker))
    // Workers close before, during and after the claims.
    const sends = Array.from({ length: 10 }, () => app.tasks.enqueue('x'))
    for (const [i, worker] of workers.entries()) {
      if (i % 3 === round % 3) await Promise.resolve()
      void worker.close()
    }
    enqueued += (await Promise.all(sends)).length
    await Promise.all(workers.map(worker => worker.close()))
  }
  const { active, waiting } = (await app.tasks.counts()).default!
  t.equal(active, 0)
  if (!memoryMode) t.equal(await connect(t).hlen(`${prefix}:{default}:claims`), 0)
  t.equal(waiting + runs, enqueued, 'each task ran once or waits')
})

inRedis('a wait whose connection was cut strands no task', 'a connection of its own', async t => {
  const define = (app: FastifyInstance): void => { app.tasks.define('x', () => {}) }
  for (const claims of [true, false]) {
    const prefix = randomPrefix()
    const way = await relay(t)
    const app = await build(t, { prefix }, define)
    const worker = await (await build(t, { prefix, redis: way.url }, define)).tasks.startWorker()
    await until('the worker waits', way.waits)
    way.cutWait()
    if (!claims) await worker.close()
    const { id } = await app.tasks.enqueue('x')
    await until('Redis has run the claim that was sent behind the wait', async () => !await way.waits())
    if (claims) t.equal((await app.tasks.status(id))!.state, 'active')
    await worker.close()
    const why = claims ? 'handed back, though the reply was lost' : 'the wait was cancelled'
    t.equal((await app.tasks.status(id))!.state, 'waiting', why)
    t.equal(await connect(t).exists(`${prefix}:{default}:claims`, `${prefix}:{default}:stalls`), 0)
  }
})

inRedis('a close while a connection is lost hands running tasks back', 'a connection of its own', async t => {
  const prefix = randomPrefix()
  const way = await relay(t)
  const app = await build(t, { prefix }, app => { app.tasks.define('x', () => {}) })
  const behindRelay = await build(t, { prefix, redis: way.url }, app => {
    app.tasks.define('x', (_data, task) => new Promise((_resolve, reject) => {
      task.signal.addEventListener('abort', () => reject(task.signal.reason))
    }))
  })
  const worker = await behindRelay.tasks.startWorker({ concurrency: 2, closeTimeout: 100 })
  const { id } = await app.tasks.enqueue('x')
  await reaches(app, id, 'active')
  await until('it waits for another task', way.waits)
  way.breakWait()
  await until('the connection is broken', async () => !await way.waits())
  await worker.close()
  t.match(await app.tasks.status(id), { state: 'waiting', attempt: 0 })
})

inRedis('after close a worker claims no task', 'two processes', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix }, app => { app.tasks.define('x', () => 1) })
  const worker = await app.tasks.startWorker()
  await worker.close()
  await worker.close()
  const { id } = await app.tasks.enqueue('x')
  const other = await build(t, { prefix, worker: true }, app => { app.tasks.define('y', () => 2) })
  // The other worker has no handler for it and puts it back with a delay. The closed worker did not claim it.
  await until('the task was put back', async () => (await other.tasks.status(id))!.state === 'delayed')
})
