import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { build, connect, errorOf, inRedis, latch, pass, randomPrefix, reaches, until } from '../support/helpers.ts'
import { startRedis } from '../../scripts/redis.ts'
import type { TaskContext } from '../../lib/types.ts'

t.test('what has not started never does', async t => {
  let runs = 0
  const app = await build(t, {}, app => { app.tasks.define('x', () => { runs++ }) })
  const waiting = await app.tasks.enqueue('x')
  const delayed = await app.tasks.enqueue('x', 1, { delay: 50 })
  t.equal(await waiting.cancel(), 'cancelled')
  t.equal(await app.tasks.cancel(delayed.id), 'cancelled')
  t.equal(await waiting.cancel(), 'finished')
  const marker = await app.tasks.enqueue('x', 1, { delay: 100 })
  await app.tasks.startWorker()
  await pass(app, 100)
  await marker.result({ timeout: 60_000 })
  t.equal(runs, 1)
  t.match(await waiting.status(), { state: 'cancelled', attempt: 0, startedAt: null })
})

inRedis('who waits for a task hears at once that it was removed', 'messages', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix }, app => {
    app.tasks.define('x')
    app.tasks.define('one', { limit: { max: 1 } })
  })
  const redis = connect(t)
  const heard: string[] = []
  redis.on('message', (channel: string, change: string) => heard.push(`${channel.split(':').at(-1)} ${change}`))
  const gone: Record<string, (id: string) => Promise<unknown>> = {
    remove: id => app.tasks.remove(id),
    removeMany: () => app.tasks.removeMany({ state: 'waiting' }),
    purge: () => app.tasks.purge('default')
  }
  for (const [how, remove] of Object.entries(gone)) {
    for (const name of ['x', 'one']) {
      const [first, id] = ['first', 'second'].map(nth => `${how}-${name}-${nth}`)
      await app.tasks.enqueue(name, 1, { id: first! })
      const result = errorOf((await app.tasks.enqueue(name, 1, { id: id! })).result())
      await redis.subscribe(`${prefix}:{default}:task:${id}`)
      await until('it is watched', () => redis.zscore(`${prefix}:{default}:watched`, id!))
      await remove(id!)
      await until(`the message: ${how} ${name}`, () => heard.includes(`${id} removed`))
      t.match(await result, { code: 'FST_TASKS_NOT_FOUND' })
      await app.tasks.purge('default')
    }
  }
})

t.test('nor in a queue that is too long to search', async t => {
  let runs = 0
  const app = await build(t, {}, app => { app.tasks.define('x', () => { runs++ }) })
  const handles = await app.tasks.enqueueMany('x', Array.from({ length: 1_200 }, () => ({})))
  t.equal(await handles[600]!.cancel(), 'cancelled')
  await app.tasks.startWorker({ concurrency: 100 })
  await Promise.all(handles.slice(1_100).map(one => one.result({ timeout: 10_000 })))
  await until('all have run', () => runs === 1_199)
  t.match(await handles[600]!.status(), { state: 'cancelled' })
})

inRedis('a running one is aborted through its signal, from another process', 'two processes', async t => {
  const prefix = randomPrefix()
  const hasBegun = latch()
  let reason: any
  const web = await build(t, { prefix }, app => { app.tasks.define('x') })
  await build(t, { prefix, worker: true }, app => {
    app.tasks.define('x', { retries: 3, backoff: { strategy: 'immediate' } }, async (_data, task) => {
      hasBegun.open()
      await sleep(60_000, undefined, { signal: task.signal }).catch(error => {
        reason = task.signal.reason
        throw error
      })
    })
  })
  const handle = await web.tasks.enqueue('x')
  await hasBegun.promise
  t.equal(await handle.cancel(), 'requested')
  t.match(await reaches(web, handle.id, 'cancelled'), { attempt: 1, error: null })
  t.equal(reason.code, 'FST_TASKS_CANCELLED')
  t.equal(await handle.cancel(), 'finished')
})

t.test('one that ignores its signal is cancelled all the same, and keeps its slot', async t => {
  const go = latch()
  let others = 0
  const app = await build(t, { worker: { concurrency: 1 } }, app => {
    app.tasks.define('deaf', () => go.promise)
    app.tasks.define('other', () => { others++ })
  })
  const deaf = await app.tasks.enqueue('deaf')
  await reaches(app, deaf.id, 'active')
  const other = await app.tasks.enqueue('other')
  await deaf.cancel()
  await reaches(app, deaf.id, 'cancelled')
  t.equal((await other.status())!.state, 'waiting')
  t.equal(others, 0)
  go.open()
  await other.result({ timeout: 60_000 })
})

t.test('one between two attempts', async t => {
  let runs = 0
  const app = await build(t, { worker: true }, app => {
    app.tasks.define('x', { retries: 3, backoff: { strategy: 'fixed', delay: 60_000 } }, () => {
      runs++
      throw new Error('no')
    })
  })
  const handle = await app.tasks.enqueue('x')
  await reaches(app, handle.id, 'retrying')
  t.equal(await handle.cancel(), 'cancelled')
  t.match(await handle.status(), { state: 'cancelled', attempt: 1 })
  t.equal(runs, 1)
})

inRedis('a failure that comes between the cancel and its news is not retried', 'a message that is lost', async t => {
  const hasBegun = latch()
  const go = latch()
  const prefix = randomPrefix()
  const app = await build(t, { prefix, worker: true }, app => {
    app.tasks.define('x', { retries: 3, backoff: { strategy: 'immediate' } }, async () => {
      hasBegun.open()
      await go.promise
      throw new Error('no')
    })
  })
  const { id } = await app.tasks.enqueue('x')
  await hasBegun.promise
  // The mark without the message: as where the message was lost.
  await connect(t).sadd(`${prefix}:{default}:cancelling`, id)
  go.open()
  t.match(await reaches(app, id, 'cancelled'), { attempt: 1 })
})

inRedis('a lost message: the cancel arrives with the next renewal of the claim', 'a message that is lost', async t => {
  const hasBegun = latch()
  const prefix = randomPrefix()
  const app = await build(t, { prefix, worker: true, stallInterval: 1_000 }, app => {
    app.tasks.define('x', async (_data, task) => {
      hasBegun.open()
      await sleep(60_000, undefined, { signal: task.signal })
    })
  })
  const { id } = await app.tasks.enqueue('x')
  await hasBegun.promise
  await connect(t).sadd(`${prefix}:{default}:cancelling`, id)
  await reaches(app, id, 'cancelled')
})

const untilCancelled = async (_data: unknown, task: TaskContext): Promise<void> => {
  await sleep(60_000, undefined, { signal: task.signal })
}

inRedis('the message of a cancel comes before the reply of the claim', 'messages', async t => {
  const prefix = randomPrefix()
  const key = (name: string): string => `${prefix}:{default}:${name}`
  // Renewals come every 200 s: only the message can be so quick.
  const app = await build(t, { prefix, worker: true, stallInterval: 600_000 }, app => {
    app.tasks.define('x', untilCancelled)
  })
  const worker = await until('the worker is listed', async () => (await app.tasks.workers())[0])
  const redis = connect(t)
  await app.tasks.enqueue('x', null, { id: 'early', delay: 3_600_000 })
  t.equal(await redis.publish(key(`cancel:${worker.id}`), 'early'), 1)
  const id = 'early'
  await redis.multi().sadd(key('cancelling'), id).zrem(key('delayed'), id).lpush(key('waiting'), id).exec()
  await reaches(app, 'early', 'cancelled')
})

inRedis('the message of a cancel was missed while the connection that listens was away', 'messages', async t => {
  const server = await startRedis() // its connections are cut
  t.teardown(() => server.stop())
  const app = await build(t, { redis: server.url, prefix: 'bq', worker: true, stallInterval: 600_000 }, app => {
    app.tasks.define('x', untilCancelled)
  })
  const { id } = await app.tasks.enqueue('x')
  await reaches(app, id, 'active')
  const redis = connect(t, server.url)
  await redis.sadd('bq:{default}:cancelling', id)
  await redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
  await reaches(app, id, 'cancelled')
})
