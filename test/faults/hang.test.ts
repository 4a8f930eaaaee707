/** A master that hangs closes no connection: nobody hears that it is not the master any more. */
import t, { type Test } from 'tap'
import { startCluster } from '../../scripts/redis-cluster.ts'
import { startSentinel } from '../../scripts/redis-sentinel.ts'
import type { RunningRedis } from '../../scripts/redis.ts'
import { build, connect, reaches, until } from '../support/helpers.ts'
import type { TasksOptions } from '../../lib/types.ts'

t.setTimeout(120_000) // connections are given up after 10 s of silence
t.jobs = 2

/**
 * @param heir resolves once it has taken over
 * @param connection one that must be there in the end
 */
async function goesOn (
  t: Test, redis: TasksOptions['redis'], master: RunningRedis, heir: () => Promise<RunningRedis>, connection: string
): Promise<void> {
  const app = await build(t, { redis, worker: true }, app => { app.tasks.define('x', () => 'ran') })
  t.teardown(() => master.resume()) // before the app closes: it says good-bye to all
  // Not by result(): what it says last, on the connection that listens, would wait for an answer.
  await reaches(app, (await app.tasks.enqueue('x')).id, 'succeeded')
  master.pause()
  const client = connect(t, (await heir()).url)
  const handle = await until('enqueueing goes on', () => app.tasks.enqueue('x').catch(() => null), 60_000)
  await until('it runs', async () => (await handle.status().catch(() => null))?.state === 'succeeded', 60_000)
  const isThere = async (): Promise<boolean> => String(await client.client('LIST')).includes(connection)
  t.ok(await until(connection, isThere, 60_000), connection)
}

t.test('Sentinel makes a replica master: the app and its worker go there', async t => {
  const servers = await startSentinel()
  t.teardown(() => servers.stop())
  const master = await servers.master()
  // It listens, and would never notice.
  await goesOn(t, servers.options, master, () => servers.failedOver(master), 'fastify-tasks:subscriber')
})

t.test('a replica in a cluster takes over: the app and its worker go there', async t => {
  const cluster = await startCluster({ replicas: 1 })
  t.teardown(() => cluster.stop())
  const master = await cluster.ownerOf('{default}')
  const heir = cluster.servers[cluster.servers.indexOf(master) + 3]!
  const takenOver = async (): Promise<RunningRedis | null> =>
    (await connect(t, heir.url).info('replication')).includes('role:master') ? heir : null
  const afterTakeover = (): Promise<RunningRedis> => until('it has taken over', takenOver, 60_000)
  await goesOn(t, { cluster: cluster.startupNodes }, master, afterTakeover, 'fastify-tasks:wait:default')
})
