/** What happens when masters of a Redis Cluster go, come back, give slots away, and are followed by their replicas. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { startCluster, type RunningCluster } from '../../scripts/redis-cluster.ts'
import type { RunningRedis } from '../../scripts/redis.ts'
import { build, connect, errorOf, latch, randomPrefix, reaches, ticks, until } from '../support/helpers.ts'

t.setTimeout(120_000) // servers that must find each other, on a machine that is busy

const STALL = 1_000
const QUEUES = ['default', 'a', 'b', 'c', 'd', 'e', 'f']

const cluster = await startCluster({ aof: true })
t.teardown(() => cluster.stop())

const onCluster = (t: Test, options: object, define: (app: FastifyInstance) => unknown): Promise<FastifyInstance> =>
  build(t, { redis: { cluster: cluster.startupNodes }, queues: QUEUES.slice(1), ...options }, define)

/** A queue that is not on this master. */
async function elsewhere ({ ownerOf }: RunningCluster, master: RunningRedis): Promise<string> {
  for (const queue of QUEUES) if (await ownerOf(`{${queue}}`) !== master) return queue
  throw new Error('all queues are on one master')
}

t.test('without one master the queues of the others go on; once it is back all do, none runs twice', async t => {
  const prefix = randomPrefix()
  const go = latch()
  let runs = 0
  const define = (app: FastifyInstance): void => {
    app.tasks.define('held', async () => { runs++; await go.promise; return 'once' })
    app.tasks.define('quick', () => 'quick')
  }
  const app = await onCluster(t, { prefix, worker: true, stallInterval: STALL, redisTimeout: 20_000 }, define)
  // Each of them would recover the held task if its lease had expired.
  for (let i = 0; i < 3; i++) await onCluster(t, { prefix, worker: true, stallInterval: STALL }, define)
  const held = await app.tasks.enqueue('held')
  const delayed = await app.tasks.enqueue('quick', 1, { delay: 500 })
  await reaches(app, held.id, 'active')
  const master = await cluster.ownerOf('{default}')
  const other = await elsewhere(cluster, master)
  await master.kill()
  const killedAt = Date.now()

  const there = await app.tasks.enqueue('quick', 1, { queue: other })
  t.equal(await there.result({ timeout: 10_000 }), 'quick', 'a queue of another master')
  t.match(await app.tasks.status(there.id), { state: 'succeeded' }, 'its status does not wait for the lost master')
  // ioredis gives up before the deadline, in its own words.
  const refused = await errorOf(app.tasks.enqueue('quick'))
  t.match(refused, { code: 'FST_TASKS_REDIS_UNAVAILABLE', statusCode: 503, cause: { message: /redirections/ } })
  t.match(await errorOf(app.tasks.status('unknown')), { code: 'FST_TASKS_REDIS_UNAVAILABLE' }, 'it may be there')
  await until('all leases have expired', () => Date.now() > killedAt + STALL)
  await master.restart()
  const enqueueAgain = (): Promise<any> => app.tasks.enqueue('quick', 1, { id: refused.taskId }).catch(() => null)
  const again = await until('it is enqueued', enqueueAgain, 20_000)
  t.equal(await again.result({ timeout: 60_000 }), 'quick')
  t.equal(await delayed.result({ timeout: 60_000 }), 'quick')
  await ticks(connect(t, master.url), prefix, 7) // more than a lease lasts
  go.open()
  t.equal(await held.result({ timeout: 60_000 }), 'once')
  t.equal(runs, 1)
})

t.test('the connections to every master are cut: nothing runs twice', async t => {
  const runs = new Map<string, number>()
  const app = await onCluster(t, { worker: { concurrency: 10 } }, app => {
    app.tasks.define('x', async (_data, task) => { runs.set(task.id, (runs.get(task.id) ?? 0) + 1); await sleep(2) })
  })
  const count = 1_400
  const handles = await app.tasks.enqueueMany('x', Array.from({ length: count }, (_, i) => ({ queue: QUEUES[i % 7]! })))
  const admins = cluster.servers.map(server => connect(t, server.url))
  for (let cut = 0; cut < 40 && runs.size < count; cut++) { // each falls somewhere else into claim and settle
    const before = runs.size
    await Promise.all(admins.map(admin => admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')))
    await until('it goes on', () => runs.size > before || runs.size === count)
  }
  for (const { id } of handles) await reaches(app, id, 'succeeded')
  t.equal(runs.size, count)
  t.same([...runs.values()].filter(n => n !== 1), [])
})

t.test('slots move from master to master under load: nothing is lost, nothing runs twice', async t => {
  const runs = new Map<string, number>()
  const app = await onCluster(t, { worker: { concurrency: 10 } }, app => {
    app.tasks.define('x', async (_data, task) => { runs.set(task.id, (runs.get(task.id) ?? 0) + 1); await sleep(2) })
  })
  const ids: string[] = []
  const load = new AbortController()
  const producing = (async () => {
    for (let i = 0; !load.signal.aborted; i++) {
      const queue = QUEUES[i % 7]!
      const id = `move-${i}`
      ids.push(id)
      await until('it is enqueued', () => app.tasks.enqueue('x', i, { id, queue }).catch(error => {
        if (error.code !== 'FST_TASKS_REDIS_UNAVAILABLE') throw error
      }))
    }
  })()
  for (let round = 1; round <= 3; round++) {
    for (const queue of ['default', 'a', 'b']) {
      const from = cluster.servers.indexOf(await cluster.ownerOf(`{${queue}}`))
      const before = ids.length
      await cluster.moveSlotOf(`{${queue}}`, cluster.servers[(from + 1) % 3]!)
      await until('more is enqueued', () => ids.length > before + 20)
    }
  }
  load.abort()
  await producing
  for (const id of ids) await reaches(app, id, 'succeeded')
  t.same(ids.filter(id => runs.get(id) !== 1), [])
})

t.test('all masters are killed and come back: 503 until then, and all goes on by itself', async t => {
  const go = latch()
  let runs = 0
  const app = await onCluster(t, { worker: true, stallInterval: 2_000, redisTimeout: 500 }, app => {
    app.tasks.define('held', async (_data, task) => {
      runs++
      await task.updateState('BEFORE')
      await go.promise
      await task.updateState('AFTER')
      return 'once'
    })
    app.tasks.define('quick', (_data, task) => task.queue)
  })
  const held = await app.tasks.enqueue('held')
  const delayed = await app.tasks.enqueueMany('quick', QUEUES.map(queue => ({ queue, delay: 500 })))
  await until('it runs', async () => (await held.status())!.stage === 'BEFORE')
  await Promise.all(cluster.servers.map(server => server.kill()))
  const ended = until('the client says so', () => !app.tasks.ready)
  for (const queue of QUEUES) {
    t.match(await errorOf(app.tasks.enqueue('quick', 1, { queue })), { code: 'FST_TASKS_REDIS_UNAVAILABLE' })
  }
  await ended
  t.match(await errorOf(app.tasks.enqueue('quick')), { code: 'FST_TASKS_REDIS_UNAVAILABLE', sent: false })
  go.open() // its outcome comes while nobody is there
  await Promise.all(cluster.servers.map(server => server.restart()))
  const quick = await Promise.all(QUEUES.map(queue =>
    until('enqueueing goes on', () => app.tasks.enqueue('quick', 1, { queue }).catch(() => null), 30_000)))
  for (const handle of [held, ...delayed, ...quick]) {
    const record = await until('it has ended', async () => {
      const found = await handle.status().catch(() => null)
      return found?.finishedAt && found
    }, 30_000)
    t.match(record, { state: 'succeeded', result: handle === held ? 'once' : handle.queue })
  }
  t.equal(runs, 1)
})
