import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import { inspect } from 'node:util'
import { startRedis, type RunningRedis } from '../../scripts/redis.ts'
import { build, connect, errorOf, latch, logger, randomPrefix, reaches, until } from '../support/helpers.ts'
import { relay } from '../support/relay.ts'
import { ALONE } from '../support/room.ts'

// The tests mostly wait, and each has its own Redis.
t.jobs = 3

/** All that a client of HTTP is told. */
const PUBLIC = 'Redis did not answer in time, or refused the call. Try again later'

/** A server of the test's own, to be stopped and started. */
async function ownRedis (t: Test, options = {}): Promise<RunningRedis> {
  const redis = await startRedis(options)
  t.teardown(() => redis.stop())
  return redis
}

t.test('without Redis at boot the app starts, says so, and answers 503 until it is there', ALONE, async t => {
  const redis = await ownRedis(t)
  await redis.kill()
  const log = logger()
  const app = await build(t, { redis: redis.url, connectTimeout: 100, redisTimeout: 200 }, app => {
    const task = app.tasks.define('x')
    app.post('/x', async (_request, reply) => reply.accepted(await task.enqueue()))
  }, { logger: { stream: log.stream } } as any)
  t.match(log.find('does not answer'), { level: 50 })
  t.equal(app.tasks.ready, false)
  for (const request of [{ method: 'POST', url: '/x' }, { method: 'GET', url: '/tasks/x' }] as const) {
    const reply = await app.inject(request)
    t.match(reply, { statusCode: 503, headers: { 'retry-after': '1' } })
    t.match(reply.json(), { code: 'FST_TASKS_REDIS_UNAVAILABLE', message: PUBLIC })
    const logged = log.lines.findLast(line => line.err)
    t.match(logged.err, { message: /within 200 ms/ }, 'the log says more')
  }
  const warnings: string[] = []
  const onWarning = ({ name }: Error): void => { warnings.push(name) }
  process.on('warning', onWarning)
  const refused = await Promise.all(Array.from({ length: 100 }, () => errorOf(app.tasks.enqueue('x'))))
  for (const error of refused) t.match(error, { code: 'FST_TASKS_REDIS_UNAVAILABLE', sent: false, cause: { message: /Nothing was sent/ } })
  process.off('warning', onWarning)
  t.same(warnings, [], 'many may wait')
  await redis.restart()
  await until('Redis is seen', () => app.tasks.ready)
  t.equal((await app.inject({ method: 'POST', url: '/x' })).statusCode, 202)
})

t.test('what was refused without Redis is not enqueued once it is back', async t => {
  const redis = await ownRedis(t)
  const app = await build(t, { redis: redis.url, redisTimeout: 100 }, app => { app.tasks.define('x') })
  await redis.kill()
  await until('the loss is seen', () => !app.tasks.ready)
  const error = await errorOf(app.tasks.enqueue('x'))
  t.equal(error.code, 'FST_TASKS_REDIS_UNAVAILABLE')
  await redis.restart()
  await until('Redis is seen', () => app.tasks.ready)
  t.equal(await app.tasks.status(error.taskId), null)
})

t.test('a Redis that hangs: the deadline holds, and the error says that it may be there', async t => {
  const redis = await ownRedis(t)
  const app = await build(t, { redis: redis.url, redisTimeout: 200 }, app => { app.tasks.define('x') })
  redis.pause()
  const error = await errorOf(app.tasks.enqueue('x'))
  t.match(error, {
    code: 'FST_TASKS_REDIS_UNAVAILABLE',
    sent: true,
    cause: { message: /may have been enqueued all the same/ },
    taskId: /-/
  })
  t.match(await errorOf(app.tasks.status('x')), { code: 'FST_TASKS_REDIS_UNAVAILABLE' })
  redis.resume()
  const enqueueAgain = (): Promise<any> => app.tasks.enqueue('x', undefined, { id: error.taskId }).catch(() => null)
  const again = await until('it is enqueued', enqueueAgain)
  t.equal(again.id, error.taskId)
  t.equal(await connect(t, redis.url).llen(await waitingKey(connect(t, redis.url))), 1, 'one task, not two')
})

const waitingKey = async (redis: ReturnType<typeof connect>): Promise<string> => (await redis.keys('*:waiting'))[0]!

t.test('a restart without scripts, with AOF: workers go on by themselves', async t => {
  const redis = await ownRedis(t, { aof: true })
  const go = latch()
  const app = await build(t, { redis: redis.url, worker: { concurrency: 5 }, stallInterval: 3_000 }, app => {
    app.tasks.define('running', async (_data, task) => {
      await task.updateState('BEFORE')
      await go.promise
      await task.updateState('AFTER')
      return task.attempt
    })
    app.tasks.define('quick', () => 'quick')
    app.tasks.define('retries', { retries: 1, backoff: { strategy: 'fixed', delay: 1_500 } }, (_data, task) => {
      if (task.attempt === 1) throw new Error('no')
      return 'again'
    })
  })
  const running = await app.tasks.enqueue('running')
  await until('it runs', async () => (await running.status())!.stage === 'BEFORE')
  const retrying = await app.tasks.enqueue('retries')
  await reaches(app, retrying.id, 'retrying')
  const delayed = await app.tasks.enqueue('quick', 1, { delay: 300 })
  const cancelled = await app.tasks.enqueue('quick', 1, { delay: 60_000 })
  await redis.kill()
  await until('the loss is seen', () => !app.tasks.ready)
  go.open() // its outcome comes while Redis is away
  await redis.restart()
  await until('Redis is seen', () => app.tasks.ready)
  t.equal(await (await app.tasks.enqueue('quick')).result({ timeout: 3_000 }), 'quick', 'enqueue and run')
  t.match(await reaches(app, delayed.id, 'succeeded'), { result: 'quick' }, 'delayed')
  t.match(await reaches(app, retrying.id, 'succeeded'), { result: 'again', attempt: 2 }, 'retries')
  t.match(await reaches(app, running.id, 'succeeded'), { result: 1, stage: 'AFTER' }, 'what ran, once')
  t.equal(await cancelled.cancel(), 'cancelled')
})

t.test('the connections of a worker are cut: nothing runs twice', async t => {
  const redis = await ownRedis(t)
  const runs = new Map<string, number>()
  const app = await build(t, { redis: redis.url, worker: { concurrency: 10 } }, app => {
    app.tasks.define('x', async (_data, task) => { runs.set(task.id, (runs.get(task.id) ?? 0) + 1); await sleep(2) })
  })
  const handles = await app.tasks.enqueueMany('x', Array.from({ length: 2_000 }, () => ({})))
  const admin = connect(t, redis.url)
  for (let cut = 0; cut < 40 && runs.size < 2_000; cut++) { // each falls somewhere else into claim and settle
    const before = runs.size
    await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    await until('it goes on', () => runs.size > before || runs.size === 2_000)
  }
  for (const { id } of handles) await reaches(app, id, 'succeeded')
  t.equal(runs.size, 2_000)
  t.same([...runs.values()].filter(n => n !== 1), [])
})

t.test('a claim whose reply was lost is asked for again, and gives the same tasks', async t => {
  const prefix = randomPrefix()
  const way = await relay(t)
  const runs = new Map<string, number>()
  const define = (app: FastifyInstance): void => {
    app.tasks.define('x', (_data, task) => { runs.set(task.id, (runs.get(task.id) ?? 0) + 1) })
  }
  const app = await build(t, { prefix }, define)
  const handles = await app.tasks.enqueueMany('x', Array.from({ length: 100 }, () => ({})))
  let lost = 0
  way.loses = reply => reply.includes('"name":"x"') && lost++ < 3
  await build(t, { prefix, redis: way.url, worker: { concurrency: 20 } }, define)
  for (const { id } of handles) t.equal((await reaches(app, id, 'succeeded')).attempt, 1)
  t.ok(lost >= 3)
  t.same([...runs.values()].filter(n => n !== 1), [], 'each ran once')
})

t.test('a worker waits for Redis, says so, and can be closed meanwhile', async t => {
  const redis = await ownRedis(t)
  await redis.kill()
  const log = logger()
  const app = await build(t, { redis: redis.url, connectTimeout: 50, worker: { closeTimeout: 500 } }, app => {
    app.tasks.define('x', () => 1)
  }, { logger: { stream: log.stream } } as any)
  await until('it says so', () => log.find('redis.awaited'))
  await redis.restart()
  await until('it has started', () => log.find('worker started'))
  t.equal(await (await app.tasks.enqueue('x')).result({ timeout: 60_000 }), 1)
  await redis.kill()
  const other = await build(t, { redis: redis.url, connectTimeout: 50, worker: true }, app => {
    app.tasks.define('x', () => 1)
  })
  await other.close()
  await app.close()
})

t.test('close returns with Redis away in the middle of a task', async t => {
  const redis = await ownRedis(t)
  const hasBegun = latch()
  const app = await build(t, { redis: redis.url, worker: { closeTimeout: 100 } }, app => {
    app.tasks.define('x', async (_data, task) => {
      hasBegun.open()
      await task.updateState('ON')
      await sleep(60_000, undefined, { signal: task.signal })
    })
  })
  await app.tasks.enqueue('x')
  await hasBegun.promise
  await redis.kill()
  await app.close()
})

t.test('what Redis replies is in the log, and not in the answer', async t => {
  const redis = await ownRedis(t)
  const admin = connect(t, redis.url)
  const log = logger()
  const logging = { logger: { stream: log.stream } }
  const app = await build(t, { redis: redis.url, routes: { cancel: true } }, app => {
    const task = app.tasks.define('x')
    app.post('/', async (_request, reply) => reply.accepted(await task.enqueue({ secret: 'hunter2' })))
  }, logging)
  const { id } = await app.tasks.enqueue('x')
  await admin.call('ACL', 'SETUSER', 'default', '-@scripting')
  const requests = [
    ['POST', '/'], ['GET', `/tasks/${id}`], ['GET', `/tasks/${id}/events`], ['DELETE', `/tasks/${id}`]
  ] as const
  for (const [method, url] of requests) {
    const reply = await app.inject({ method, url })
    const body = { statusCode: 503, code: 'FST_TASKS_REDIS_UNAVAILABLE', error: 'Service Unavailable', message: PUBLIC }
    t.same(reply.json(), body, `${method} ${url}`)
    t.match(log.lines.findLast(line => line.err)!.err.message, /NOPERM/, `${method} ${url}`)
  }
  t.notMatch(JSON.stringify(log.lines), /hunter2/, 'the command of the error is not in the log')
  t.notMatch(inspect(await errorOf(app.tasks.enqueue('x', 'hunter2')), { depth: 9 }), /hunter2/)
})

t.test('a Redis that is out of memory: refused, and nothing lost', async t => {
  const redis = await ownRedis(t)
  const admin = connect(t, redis.url)
  let runs = 0
  const log = logger()
  const app = await build(t, { redis: redis.url, prefix: randomPrefix(), worker: { concurrency: 2 } }, app => {
    app.tasks.define('x', () => { runs++ })
  }, { logger: { stream: log.stream } } as any)
  const idle = await app.tasks.startWorker()
  await admin.config('SET', 'maxmemory', '1')
  await idle.close()
  t.notOk(log.find('did not carry out'), 'a close asks for no memory')
  t.match(await errorOf(app.tasks.enqueue('x')), { code: 'FST_TASKS_REDIS_UNAVAILABLE', cause: { message: /OOM/ } })
  await admin.config('SET', 'maxmemory', '0')
  await (await app.tasks.enqueue('x')).result({ timeout: 60_000 })
  t.equal(runs, 1)
})

t.test('the event loop is held for longer than redisTimeout: what Redis stored is answered as stored', async t => {
  const app = await build(t, { redisTimeout: 200 }, app => { app.tasks.define('x') })
  const enqueued = Array.from({ length: 20 }, () => app.tasks.enqueue('x'))
  const many = app.tasks.enqueueMany('x', Array.from({ length: 2_000 }, () => ({})))
  const read = app.tasks.counts()
  await setImmediate() // all is sent
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000)
  t.equal((await Promise.all(enqueued)).length, 20)
  t.equal((await many).length, 2_000)
  t.ok(await read)
  t.equal((await app.tasks.counts()).default!.waiting, 2_020)
})

t.test('an enqueueMany that breaks off midway: the items of its error make each task once', async t => {
  const redis = await ownRedis(t)
  const admin = connect(t, redis.url)
  const app = await build(t, { redis: redis.url }, app => { app.tasks.define('x') })
  await app.tasks.enqueue('x', null, { id: 'first' })
  const used = Number(/used_memory:(\d+)/.exec(await admin.info('memory'))![1])
  await admin.config('SET', 'maxmemory', used + 4_000_000)
  const own = (i: number): object => i === 7 ? { id: 'own' } : {}
  const items = Array.from({ length: 5_000 }, (_, i) => ({ data: `${i}`.padEnd(2_000), ...own(i) }))
  const error = await errorOf(app.tasks.enqueueMany('x', items))
  t.equal(error.code, 'FST_TASKS_REDIS_UNAVAILABLE')
  await admin.config('SET', 'maxmemory', 0)
  const stored = (await app.tasks.counts()).default!.waiting - 1
  t.ok(stored > 0 && stored < 5_000, `${stored} are stored`)
  t.equal(error.enqueued.length, stored)
  t.match(await app.tasks.status(error.enqueued.at(-1)), { state: 'waiting' })
  const handles = await app.tasks.enqueueMany('x', error.items)
  t.equal(handles.length, 5_000)
  t.equal((await app.tasks.counts()).default!.waiting, 5_001, 'each task once')
  t.equal(handles[7]!.id, 'own')
})
