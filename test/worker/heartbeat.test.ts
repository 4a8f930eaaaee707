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

// They wait for beats, seconds apart.
t.jobs = 6

/** Looks until the workers are as `look` wants them. */
const untilTold = (app: FastifyInstance, look: (workers: WorkerInfo[]) => boolean): Promise<WorkerInfo[]> =>
  until('it is told', async () => {
    const workers = await app.tasks.workers()
    return look(workers) ? workers : null
  }, 20_000)

t.test('a worker tells of itself: where it is, what it serves, what it runs; it leaves when it closes', async t => {
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
  const [told, ...others] = await untilTold(app, ([one]) => one?.active === 2)
  t.same(others, [], 'one entry, for both of its queues')
  t.match(told, { id: worker.id, host: hostname(), pid: process.pid, version, queues: ['default', 'mail'], concurrency: 3, draining: false, active: 2 })
  const { startedAt } = (await slow.status())!
  t.same(told!.running.find(one => one.id === slow.id), { id: slow.id, name: 'slow', queue: 'default', attempt: 1, startedAt }, 'since when, as the record has it')
  t.match(told!.running.find(one => one.id === letter.id), { name: 'letter', queue: 'mail', attempt: 1 })
  t.ok(told!.seenAt >= told!.startedAt)
  const closed = worker.close()
  t.match(await untilTold(app, ([one]) => one?.draining === true), [{ active: 2 }], 'while it waits for what runs')
  go.open()
  await closed
  t.same(await app.tasks.workers(), [], 'at once')
})

t.test('a handler that holds the event loop shows as its lag', async t => {
  const app = await build(t, { worker: true }, app => { app.tasks.define('block', () => { for (const end = Date.now() + 400; Date.now() < end;); }) })
  const [told] = await until('it is told', async () => {
    await (await app.tasks.enqueue('block')).result({ timeout: 10_000 })
    const workers = await app.tasks.workers()
    return workers[0]!.lag.max >= 350 ? workers : null
  }, 20_000)
  t.ok(told!.lag.mean < told!.lag.max)
})

t.test('a worker that is killed leaves the list, and nothing of it stays', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix })
  const child = spawn(process.execPath, [new URL('../fixtures/worker.js', import.meta.url).pathname], { env: { ...process.env, PREFIX: prefix, STALL: '1000' }, stdio: ['pipe', 'inherit', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  t.match(await untilTold(app, all => all.length === 1), [{ pid: child.pid }])
  child.kill('SIGKILL')
  await once(child, 'exit')
  t.equal((await app.tasks.workers()).length, 1, 'nobody knows yet')
  await untilTold(app, all => all.length === 0)
  const redis = connect(t)
  await until('no key is left', async () => (await redis.keys(`${prefix}*`)).every(key => /stall(Interval|Block)$/.test(key)))
})

t.test('what a dead worker told is taken away by the next beat of another', async t => {
  const prefix = randomPrefix()
  const redis = connect(t)
  const queue = new RedisQueue(redis, 'q', prefix)
  await queue.heartbeat('dead', '{}', 1)
  await until('it counts as gone', async () => (await queue.workers(10)).length === 0)
  await queue.heartbeat('dead', '{}', 100) // both keys are there still, and an entry that lapses soon
  await queue.heartbeat('living', '{}', 60_000)
  await until('its time has passed', async () => (await queue.workers(10)).length === 1)
  await queue.heartbeat('living', '{}', 60_000)
  t.same(await redis.hkeys(`${prefix}:{q}:workerInfo`), ['living'])
  t.same(await redis.zrange(`${prefix}:{q}:workers`, 0, '-1'), ['living'])
  t.ok(await redis.pttl(`${prefix}:{q}:workerInfo`) > 0 && await redis.pttl(`${prefix}:{q}:workers`) > 0)
  await queue.heartbeat('living', '', 60_000)
  t.same(await redis.keys(`${prefix}*`), [])
})

t.test('Redis restarts, and is full: the worker works, and is listed again', async t => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const log = logger()
  const app = await build(t, { redis: redis.url, worker: true }, app => { app.tasks.define('x', () => 1) }, { logger: { level: 'debug', stream: log.stream } } as any)
  await untilTold(app, all => all.length === 1)
  await redis.restart() // without AOF it forgets all
  await until('Redis is seen', () => app.tasks.ready)
  await untilTold(app, all => all.length === 1)
  const admin = connect(t, redis.url)
  await admin.config('SET', 'maxmemory', '1')
  await until('a beat was refused', () => log.find('worker.heartbeat_failed'), 20_000)
  t.notOk(log.lines.some(line => line.level > 30 && /tells/.test(line.msg)), 'no alarm: nothing depends on it')
  await admin.config('SET', 'maxmemory', '0')
  t.equal(await (await app.tasks.enqueue('x')).result({ timeout: 5_000 }), 1)
  await untilTold(app, all => all.length === 1)
  await redis.kill()
  t.match(await errorOf(app.tasks.workers()), { code: 'FST_TASKS_REDIS_UNAVAILABLE' })
})

t.test('what others wrote there harms nobody', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix })
  const queue = new RedisQueue(connect(t), 'default', prefix)
  const texts = ['', 'no JSON', 'null', '[]', '"text"', '{}', '{"queues":7,"running":[null,1,{"id":{}}],"lag":[],"startedAt":1e300,"pid":-1}', '['.repeat(100_000),
    '{"__proto__":{"polluted":1},"running":{"length":1e9},"seenAt":"now","active":"many"}']
  for (const [i, text] of texts.entries()) if (text) await queue.heartbeat(`w${i}`, text, 60_000)
  const workers = await app.tasks.workers()
  t.same(workers.map(one => one.id).sort(), ['w3', 'w5', 'w6', 'w8'])
  for (const worker of workers) {
    t.match(worker, { pid: 0, active: 0, queues: [], lag: { mean: 0, max: 0 }, seenAt: /^\d{4,}|^\+/, host: '' })
    for (const one of worker.running) t.match(one, { id: '', name: '', attempt: 0 })
  }
  t.equal(({} as any).polluted, undefined)
})
