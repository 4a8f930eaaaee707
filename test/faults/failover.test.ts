import { Redis } from 'ioredis'
import t from 'tap'
import { runWithFaults } from '../../chaos/failover/run.ts'
import { sentinelServers } from '../../chaos/failover/servers.ts'
import { startSentinel } from '../../scripts/redis-sentinel.ts'
import type { RunningRedis } from '../../scripts/redis.ts'
import { build, latch, until } from '../support/helpers.ts'

t.setTimeout(120_000) // servers that must find each other, on a machine that is busy
t.jobs = 2

t.test('a failover: the master dies, Sentinel makes the replica master, and all goes on', async t => {
  const servers = await startSentinel()
  t.teardown(() => servers.stop())
  const go = latch()
  const redis = new Redis({ ...servers.options, sentinelRetryStrategy: () => 100 })
  redis.on('error', () => {})
  t.teardown(() => redis.disconnect())
  const app = await build(t, { redis, worker: { concurrency: 5 }, stallInterval: 5_000 }, app => {
    app.tasks.define('running', async () => { await go.promise; return 'ran on' })
    app.tasks.define('quick', () => 'quick')
  })
  const running = await app.tasks.enqueue('running')
  await until('it runs', async () => (await running.status())!.state === 'active')
  const delayed = await app.tasks.enqueue('quick', 1, { delay: 500 })
  // As docs/internals/scaling.md has it: WAIT speaks of what its own connection wrote.
  const [master, replica] = servers.servers as [RunningRedis, RunningRedis]
  replica.pause()
  const doubtful = await app.tasks.enqueue('quick')
  t.equal(await redis.wait(1, 200), 0, 'it is not on the replica')
  replica.resume()
  t.equal(await redis.wait(1, 10_000), 1, 'what is not on the replica is lost in a failover: not ours to promise')
  await doubtful.result({ timeout: 10_000 })
  await master.kill()
  await servers.failedOver(master)
  go.open()
  const after = await until('enqueueing goes on', () => app.tasks.enqueue('quick').catch(() => null), 30_000)
  t.equal(await after.result({ timeout: 60_000 }), 'quick')
  t.equal(await delayed.result({ timeout: 60_000 }), 'quick')
  t.equal(await running.result({ timeout: 60_000 }), 'ran on')
})

t.test('a failover under load: no task that replicas have is lost, none is settled twice, none is stuck', async t => {
  const servers = await sentinelServers()
  t.teardown(() => servers.stop())
  const size = { tasks: 1_200, producers: 1, workers: 2, ms: 5_000, settleWithin: 30_000 }
  const { problems, acknowledged } = await runWithFaults(servers, size, t.testdir(), text => t.comment(text))
  t.equal(acknowledged, 1_200)
  for (const [problem, texts] of Object.entries(problems)) t.same(texts, [], problem)
})
