import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { hostname } from 'node:os'
import t from 'tap'
import { RedisQueue } from '../../lib/store/redis/queue.ts'
import { version } from '../../lib/version.ts'
import { startRedis } from '../../scripts/redis.ts'
import { build, connect, errorOf, latch, logger, randomPrefix, reaches, until } from '../support/helpers.ts'
import type { FastifyInstance } from 'fastify'
import type { WorkerInfo } from '../../lib/types.ts'

// The tests wait for heartbeats, which are seconds apart.
t.jobs = 6

/** The workers, once `look` is true for them. */
const untilWorkers = (app: FastifyInstance, look: (workers: WorkerInfo[]) => boolean): Promise<WorkerInfo[]> =>
  until('the workers are as expected', async () => {
    const workers = await app.tasks.workers()
    return look(workers) ? workers : null
  }, 20_000)

t.test('a worker is listed with its host, its queues and its running tasks, until it closes', async t => {
  const go = latch()
  const app = await build(t, { queues: ['mail'] }, app => {
    app.tasks.define('slow', { retries: 1 }, () => go.promise)
    app.tasks.define('letter', { queue: 'mail' }, () => go.promise)
  })
  t.same(await app.tasks.workers(), [])
  const worker = await app.tasks.startWorker({ queues: ['default', 'mail'], concurrency: 3 })
  const slow = await app.tasks.enqueue('slow')
  const letter = await app.tasks.enqueue('letter')
  await reaches(app, slow.id, 'active')
  const [info, ...others] = await untilWorkers(app, ([first]) => first?.active === 2)
  t.same(others, [], 'one entry, for both of its queues')
  t.match(info, { id: worker.id, host: hostname(), pid: process.pid, version })
  t.match(info, { queues: ['default', 'mail'], concurrency: 3, draining: false, active: 2 })
  const { startedAt } = (await slow.status())!
  const runningSlow = { id: slow.id, name: 'slow', queue: 'default', attempt: 1, startedAt, overdue: false }
  t.same(info!.running.find(({ id }) => id === slow.id), runningSlow, 'with the start from the record')
  t.match(info!.running.find(({ id }) => id === letter.id), { name: 'letter', queue: 'mail', attempt: 1 })
  t.ok(info!.seenAt >= info!.startedAt)
  const closed = worker.close()
  t.match(await untilWorkers(app, ([first]) => first?.draining === true), [{ active: 2 }], 'while its tasks run')
  go.open()
  await closed
  t.same(await app.tasks.workers(), [], 'not listed any more, at once')
})

t.test('handlers that go on after their timeout are listed, counted and logged', async t => {
  const gate = latch()
  const log = logger()
  const app = await build(t, { worker: { concurrency: 2 } }, app => {
    app.tasks.define('deaf', { timeout: 30 }, () => gate.promise)
    app.tasks.define('waits', () => {})
  }, { logger: { stream: log.stream } } as any)
  const handles = await app.tasks.enqueueMany('deaf', [{}, {}])
  for (const { id } of handles) await reaches(app, id, 'failed')
  const ids = handles.map(({ id }) => id).toSorted()
  const lines = await until('both are logged', () => {
    const found = log.lines.filter(({ event }) => event === 'task.slot_held')
    return found.length === 2 ? found : null
  })
  t.same(lines.map(({ taskId }) => taskId).toSorted(), ids)
  t.match(lines, [{ level: 40, task: 'deaf', queue: 'default', held: 1, concurrency: 2 }, { held: 2 }])
  const [info] = await untilWorkers(app, ([first]) => first?.running.filter(({ overdue }) => overdue).length === 2)
  t.same(info!.running.map(({ id }) => id).toSorted(), ids)
  t.equal(info!.active, 2)
  const { id } = await app.tasks.enqueue('waits')
  gate.open()
  await reaches(app, id, 'succeeded')
  t.match(await untilWorkers(app, ([first]) => first?.active === 0), [{ running: [] }])
})

t.test('a handler that blocks the event loop is seen as lag', async t => {
  const app = await build(t, { worker: true }, app => {
    app.tasks.define('block', () => { for (const end = Date.now() + 400; Date.now() < end;); })
  })
  const [info] = await until('the lag is stored', async () => {
    await (await app.tasks.enqueue('block')).result({ timeout: 10_000 })
    const workers = await app.tasks.workers()
    return workers[0]!.lag.max >= 350 ? workers : null
  }, 20_000)
  t.ok(info!.lag.mean < info!.lag.max)
})

t.test('a killed worker leaves the list, and none of its data stays in Redis', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix })
  const script = new URL('../fixtures/worker.js', import.meta.url).pathname
  const env = { ...process.env, PREFIX: prefix, STALL: '1000' }
  const child = spawn(process.execPath, [script], { env, stdio: ['pipe', 'inherit', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  t.match(await untilWorkers(app, all => all.length === 1), [{ pid: child.pid }])
  child.kill('SIGKILL')
  await once(child, 'exit')
  t.equal((await app.tasks.workers()).length, 1, 'its entry has not expired yet')
  await untilWorkers(app, all => all.length === 0)
  const redis = connect(t)
  await until('no key is left', async () => {
    const keys = await redis.keys(`${prefix}*`)
    return keys.every(key => /(stallInterval|stallBlock|tick|tickBlock|leases|floors|timekeepers|lastClaims)$/.test(key))
  })
})

t.test('a heartbeat removes the expired entries of other workers', async t => {
  const prefix = randomPrefix()
  const redis = connect(t)
  const queue = new RedisQueue(redis, 'q', prefix)
  await queue.heartbeat('dead', '{}', 1)
  await until('the entry has expired', async () => (await queue.workers(10)).length === 0)
  await queue.heartbeat('dead', '{}', 1_000) // both keys still exist, with an entry that expires soon
  await queue.heartbeat('living', '{}', 60_000)
  await until('the entry of the dead worker has expired', async () => (await queue.workers(10)).length === 1)
  await queue.heartbeat('living', '{}', 60_000)
  t.same(await redis.hkeys(`${prefix}:{q}:workerInfo`), ['living'])
  t.same(await redis.zrange(`${prefix}:{q}:workers`, 0, '-1'), ['living'])
  t.ok(await redis.pttl(`${prefix}:{q}:workerInfo`) > 0 && await redis.pttl(`${prefix}:{q}:workers`) > 0)
  await queue.heartbeat('living', '', 60_000)
  t.same(await redis.keys(`${prefix}*`), [])
})

t.test('Redis restarts, then is out of memory: the worker continues, and is listed again', async t => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const log = logger()
  const define = (app: FastifyInstance): void => { app.tasks.define('x', () => 1) }
  const server = { logger: { level: 'debug', stream: log.stream } } as any
  const app = await build(t, { redis: redis.url, worker: true }, define, server)
  await untilWorkers(app, all => all.length === 1)
  await redis.restart() // without AOF it loses all data
  await until('Redis is connected', () => app.tasks.ready)
  await untilWorkers(app, all => all.length === 1)
  const admin = connect(t, redis.url)
  await admin.config('SET', 'maxmemory', '1')
  await until('a heartbeat was refused', () => log.find('worker.heartbeat_failed'), 20_000)
  t.notOk(log.lines.some(line => line.level > 30 && /heartbeat/.test(line.msg)), 'no warning: no task depends on it')
  await admin.config('SET', 'maxmemory', '0')
  t.equal(await (await app.tasks.enqueue('x')).result({ timeout: 60_000 }), 1)
  await untilWorkers(app, all => all.length === 1)
  await redis.kill()
  t.match(await errorOf(app.tasks.workers()), { code: 'FST_TASKS_REDIS_UNAVAILABLE' })
})

t.test('entries that another program wrote do no harm', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix })
  const queue = new RedisQueue(connect(t), 'default', prefix)
  const texts = [
    '', 'no JSON', 'null', '[]', '"text"', '{}',
    '{"queues":7,"running":[null,1,{"id":{}}],"lag":[],"startedAt":1e300,"pid":-1}',
    '['.repeat(100_000),
    '{"__proto__":{"polluted":1},"running":{"length":1e9},"seenAt":"now","active":"many"}'
  ]
  for (const [i, text] of texts.entries()) if (text) await queue.heartbeat(`w${i}`, text, 60_000)
  const workers = await app.tasks.workers()
  t.same(workers.map(({ id }) => id).sort(), ['w3', 'w5', 'w6', 'w8'])
  for (const worker of workers) {
    t.match(worker, { pid: 0, active: 0, queues: [], lag: { mean: 0, max: 0 }, seenAt: /^\d{4,}|^\+/, host: '' })
    for (const task of worker.running) t.match(task, { id: '', name: '', attempt: 0 })
  }
  t.equal(({} as any).polluted, undefined)
})

t.test('the clock of Redis was set back: a worker of before is not listed until then', async t => {
  const redis = connect(t)
  const prefix = randomPrefix()
  const queue = new RedisQueue(redis as any, 'q', prefix)
  await queue.heartbeat('dead', '{}', 60_000)
  await redis.zadd(`${prefix}:{q}:workers`, Date.now() + 3_600_000, 'dead')
  await queue.heartbeat('living', '{}', 60_000)
  t.same((await queue.workers(9)).map(({ id }) => id), ['living'])
})
