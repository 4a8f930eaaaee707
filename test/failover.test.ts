import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { findRedis, startRedis } from '../scripts/redis.ts'
import { build, connect, latch, until } from './helpers.ts'

t.test('a failover: the master dies, Sentinel makes the replica master, and all goes on', async t => {
  const master = await startRedis()
  t.teardown(() => master.stop())
  const replica = await startRedis({ config: ['--replicaof', '127.0.0.1', String(master.port)] })
  t.teardown(() => replica.stop())
  const info = connect(t, replica.url)
  await until('the replica has caught up', async () => (await info.info('replication')).includes('master_link_status:up'))

  // A sentinel of its own: a server with a file that it may write.
  const probe = await startRedis()
  const { port } = probe
  await probe.stop()
  const folder = t.testdir()
  const file = join(folder, 'sentinel.conf')
  writeFileSync(file, `port ${port}\nbind 127.0.0.1\ndir ${folder}\nsentinel monitor main 127.0.0.1 ${master.port} 1\nsentinel down-after-milliseconds main 500\nsentinel failover-timeout main 2000\n`)
  const { path, env } = await findRedis()
  const sentinel = spawn(path, [file, '--sentinel'], { env: { ...process.env, ...env }, stdio: 'ignore' })
  t.teardown(async () => { sentinel.kill('SIGKILL'); await once(sentinel, 'exit').catch(() => {}) })
  const ask = connect(t, `redis://127.0.0.1:${port}`)
  await until('the sentinel knows the replica', async () => String(await ask.call('SENTINEL', 'REPLICAS', 'main').catch(() => '')).includes(String(replica.port)))

  const go = latch()
  const redis = { sentinels: [{ host: '127.0.0.1', port }], name: 'main', sentinelRetryStrategy: () => 100 }
  const app = await build(t, { redis, worker: { concurrency: 5 }, stallInterval: 5_000 }, app => {
    app.tasks.define('running', async () => { await go.promise; return 'ran on' })
    app.tasks.define('quick', () => 'quick')
  })
  const running = await app.tasks.enqueue('running')
  await until('it runs', async () => (await running.status())!.state === 'active')
  const delayed = await app.tasks.enqueue('quick', 1, { delay: 500 })
  await connect(t, master.url).call('WAIT', '1', '1000') // what is not replicated is lost in a failover: not ours to promise
  await master.kill()
  await until('the replica is master', async () => (await info.info('replication')).includes('role:master'), 30_000)
  go.open()
  const after = await until('enqueueing goes on', () => app.tasks.enqueue('quick').catch(() => null), 30_000)
  t.equal(await after.result({ timeout: 20_000 }), 'quick')
  t.equal(await delayed.result({ timeout: 20_000 }), 'quick')
  t.equal(await running.result({ timeout: 20_000 }), 'ran on')
})
