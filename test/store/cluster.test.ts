/**
 * The whole path of a task on a Redis Cluster of three masters. What happens when one of them dies:
 * test/faults/cluster-failover.test.ts.
 */
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import fastifyRedis from '@fastify/redis'
import Fastify, { type FastifyInstance } from 'fastify'
import { Cluster } from 'ioredis'
import t, { type Test } from 'tap'
import { addressOf } from '../../lib/store/redis/connection.ts'
import tasks from '../../lib/plugin.ts'
import { runWorker } from '../../lib/standalone.ts'
import { Subscriber } from '../../lib/store/redis/subscriber.ts'
import { startCluster } from '../../scripts/redis-cluster.ts'
import { build, connect, errorOf, latch, randomPrefix, reaches, until } from '../support/helpers.ts'
import { spawnWorker } from '../support/worker-process.ts'
import type { TaskPage, TasksOptions } from '../../lib/types.ts'

t.setTimeout(120_000) // the servers must find each other, on a busy machine

/** Names whose slots are spread over the three masters. */
const QUEUES = ['default', 'a', 'b', 'c', 'd', 'e', 'f']

// Servers that suspect each other drop the messages between them: on a busy machine a second is soon over.
const cluster = await startCluster({ nodeTimeout: 15_000 })
t.teardown(() => cluster.stop())
const redis = { cluster: cluster.startupNodes }

/** A client of the app's own. */
function client (t: Test, options = {}): Cluster {
  const made = new Cluster(cluster.startupNodes, options)
  made.on('error', () => {})
  t.teardown(() => made.disconnect())
  return made
}

type Define = (app: FastifyInstance) => unknown

const onCluster = (t: Test, options: TasksOptions = {}, define?: Define): Promise<FastifyInstance> =>
  build(t, { redis, queues: QUEUES.slice(1), ...options }, define)

/** The names of the connections to all servers. Connections of the tests have no name, and are left out. */
async function connections (t: Test): Promise<string[]> {
  const lists = await Promise.all(cluster.servers.map(server => connect(t, server.url).client('LIST')))
  const lines = lists.join('\n').split('\n')
  return lines.map(line => / name=(\S+) /.exec(line)?.[1]).filter(name => name !== undefined).toSorted()
}

/** Waits longer than `reaches`: a process takes a while to start. */
const starts = (app: FastifyInstance, id: string): Promise<unknown> =>
  until(`${id} is active`, async () => (await app.tasks.status(id))!.state === 'active', 60_000)

t.test('queues are spread over the masters, each with all its keys in one slot', async t => {
  const prefix = randomPrefix()
  const app = await onCluster(t, { prefix }, app => { app.tasks.define('x') })
  for (const queue of QUEUES) {
    await app.tasks.enqueueMany('x', Array.from({ length: 10 }, () => ({ queue })))
    await app.tasks.enqueue('x', 1, { queue, delay: 60_000 })
    await app.tasks.cancel((await app.tasks.enqueue('x', 1, { queue })).id)
  }
  const keys = await Promise.all(cluster.servers.map(server => connect(t, server.url).keys(`${prefix}:*`)))
  t.ok(keys.every(list => list.length > 0), 'every master has some')
  const queueOf = (key: string): string => /\{(.+)\}/.exec(key)![1]!
  const onMaster = keys.flatMap(list => [...new Set(list.map(queueOf))])
  t.same(onMaster.toSorted(), QUEUES.toSorted(), 'each queue is on one master, with all its keys')
  const admin = connect(t, cluster.servers[0]!.url)
  const slotOf = async (key: string): Promise<string> => `${queueOf(key)} ${await admin.cluster('KEYSLOT', key)}`
  const slots = await Promise.all(keys.flat().map(slotOf))
  t.equal(new Set(slots).size, QUEUES.length, 'each queue is in one slot')
  const counts = {
    waiting: 10,
    delayed: 1,
    active: 0,
    succeeded: 0,
    failed: 0,
    cancelled: 1,
    expired: 0,
    paused: false,
    pausedTasks: []
  }
  t.same(await app.tasks.counts(), Object.fromEntries(QUEUES.map(queue => [queue, counts])))
})

t.test('enqueueMany to queues on all masters: every queue is served', async t => {
  const app = await onCluster(t, { worker: { concurrency: 3 } }, app => {
    app.tasks.define('x', (data: unknown, task) => [data, task.queue])
  })
  const items = Array.from({ length: 210 }, (_, i) => ({ data: i, queue: QUEUES[i % 7]! }))
  const handles = await app.tasks.enqueueMany('x', items)
  const results = await Promise.all(handles.map(handle => handle.result({ timeout: 60_000 })))
  t.same(results, Array.from({ length: 210 }, (_, i) => [i, QUEUES[i % 7]]))
})

t.test('tasks are delayed, retried, failed and queued again, and report progress, in every queue', async t => {
  let mended = false
  const app = await onCluster(t, { worker: true }, app => {
    app.tasks.define('delayed', () => 'late')
    app.tasks.define('retries', { retries: 2, backoff: { strategy: 'fixed', delay: 20 } }, (_data, task) => {
      if (task.attempt < 3) throw new Error('no')
      return task.attempt
    })
    app.tasks.define('fails', () => {
      if (!mended) throw new Error('it fails')
      return 'mended'
    })
    app.tasks.define('steps', async (_data, task) => {
      await task.updateState('HALF', { n: 1 })
      return 'done'
    })
  })
  const failed: string[] = []
  await Promise.all(QUEUES.map(async queue => {
    const delayed = await app.tasks.enqueue('delayed', 1, { queue, delay: 200 })
    const retries = await app.tasks.enqueue('retries', 1, { queue })
    const fails = await app.tasks.enqueue('fails', 1, { queue })
    const steps = await app.tasks.enqueue('steps', 1, { queue })
    const late = await app.tasks.enqueue('delayed', 1, { queue, delay: 600_000 })
    t.equal((await late.status())!.state, 'delayed')
    t.equal(await retries.result({ timeout: 60_000 }), 3)
    t.match(await reaches(app, fails.id, 'failed'), { error: { message: 'it fails' }, queue })
    t.match(await reaches(app, steps.id, 'succeeded'), { stage: 'HALF', progress: { n: 1 }, result: 'done' })
    t.equal(await delayed.result({ timeout: 60_000 }), 'late')
    failed.push(fails.id)
  }))
  mended = true
  for (const id of failed) {
    t.equal(await app.tasks.retry(id), 'queued')
    t.match(await reaches(app, id, 'succeeded'), { result: 'mended' })
  }
})

t.test('list, remove, purge', async t => {
  const app = await onCluster(t, {}, app => { app.tasks.define('x') })
  const handles = await app.tasks.enqueueMany('x', QUEUES.flatMap(queue => [{ queue }, { queue }]))
  const listed: string[] = []
  for (let cursor: string | null | undefined; cursor !== null;) {
    const page: TaskPage = await app.tasks.list({ state: 'waiting', limit: 3, cursor })
    listed.push(...page.tasks.map(task => task.id))
    cursor = page.cursor
  }
  t.same(listed.toSorted(), handles.map(handle => handle.id).toSorted())
  for (const { id } of handles.slice(0, 4)) t.equal(await app.tasks.remove(id), 'removed')
  let purged = 0
  for (const queue of QUEUES) purged += await app.tasks.purge(queue)
  t.equal(purged, 10)
  t.ok(Object.values(await app.tasks.counts()).every(counts => counts.waiting === 0))
  t.equal(await app.tasks.status(handles[0]!.id), null)
})

t.test('a cancel reaches a task that is running in another process', async t => {
  const prefix = randomPrefix()
  spawnWorker(t, { prefix, stall: 60_000, redis })
  const app = await build(t, { redis, prefix, stallInterval: 60_000 }, app => { app.tasks.define('hang') })
  const { id } = await app.tasks.enqueue('hang')
  await starts(app, id)
  t.equal(await app.tasks.cancel(id), 'requested')
  // Its claim is renewed every 20 s: only the message can reach its worker so soon.
  await reaches(app, id, 'cancelled')
})

t.test('the task of a worker that was killed runs again', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { redis, prefix, stallInterval: 1_000 }, app => {
    app.tasks.define('hang', () => 'by another')
  })
  const worker = spawnWorker(t, { prefix, stall: 1_000, redis })
  const { id } = await app.tasks.enqueue('hang')
  await starts(app, id)
  worker.kill('SIGKILL')
  await once(worker, 'exit')
  await app.tasks.startWorker()
  t.match(await reaches(app, id, 'succeeded'), { result: 'by another', attempt: 1 })
})

t.test('a long poll and a stream get changes on every master', async t => {
  const go = latch<number>()
  const app = await onCluster(t, { worker: true }, app => { app.tasks.define('x', () => go.promise) })
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  const handles = await Promise.all(QUEUES.map(queue => app.tasks.enqueue('x', 1, { queue })))
  for (const { id } of handles) await reaches(app, id, 'active')
  const get = (id: string, headers = {}): Promise<Response> => fetch(`${address}/tasks/${id}`, { headers })
  const etags = await Promise.all(handles.map(async ({ id }) => (await get(id)).headers.get('etag')!))
  const polls = handles.map(async ({ id }, i): Promise<any> =>
    (await get(id, { prefer: 'wait=20', 'if-none-match': etags[i]! })).json())
  const streams = await Promise.all(handles.map(({ id }) => fetch(`${address}/tasks/${id}/events`)))
  go.open(1)
  t.same((await Promise.all(polls)).map(record => record.state), QUEUES.map(() => 'succeeded'))
  for (const stream of streams) t.match(await stream.text(), /"state":"succeeded"/)
})

t.test('a worker that a script runs', async t => {
  const prefix = randomPrefix()
  async function app (fastify: any): Promise<void> {
    await fastify.register(tasks, { prefix, redis, queues: QUEUES.slice(1) })
    fastify.tasks.define('x', (_data: unknown, task: any) => task.queue)
  }
  const worker = await runWorker({ app, logLevel: 'silent' })
  const nodes = cluster.servers.map(server => `127.0.0.1:${server.port}`).join(', ')
  t.match(worker, { queues: QUEUES, redis: [`redis cluster ${nodes}`] })
  const web = await onCluster(t, { prefix }, app => { app.tasks.define('x') })
  for (const queue of QUEUES) {
    const handle = await web.tasks.enqueue('x', 1, { queue })
    t.equal(await handle.result({ timeout: 10_000 }), queue)
  }
  await worker.close()
})

t.test('at close running tasks are queued again, our connections are closed, the app\'s client stays open', async t => {
  const app = Fastify()
  const own = client(t)
  const prefix = randomPrefix()
  await app.register(tasks, { redis: own, prefix, queues: QUEUES.slice(1), worker: { closeTimeout: 50 } })
  // Runs until it is aborted.
  app.tasks.define('x', async (_data, task) => { await sleep(60_000, undefined, { signal: task.signal }) })
  await app.ready()
  const handles = await Promise.all(QUEUES.map(queue => app.tasks.enqueue('x', 1, { queue })))
  for (const { id } of handles) await reaches(app, id, 'active')
  await until('all have their names', async () => (await connections(t)).length >= QUEUES.length + 4)
  const waits = QUEUES.map(queue => `fastify-tasks:wait:${queue}`)
  const workers = cluster.servers.map(() => 'fastify-tasks:worker')
  const expected = ['fastify-tasks:subscriber', ...waits, ...workers].toSorted()
  t.same(await connections(t), expected, 'one for each queue, one for each master, one that listens')
  await app.close()
  await until('all are closed', async () => (await connections(t)).length === 0)
  t.equal(own.status, 'ready')
  for (const queue of QUEUES) t.equal(await own.llen(`${prefix}:{${queue}}:waiting`), 1, `${queue}: queued again`)
})

t.test('a web process has one connection to each master, and another one while a caller waits', async t => {
  const named = { ...redis, redisOptions: { connectionName: 'web' } }
  const app = await onCluster(t, { redis: named }, app => { app.tasks.define('x') })
  const handles = await app.tasks.enqueueMany('x', QUEUES.map(queue => ({ queue })))
  await Promise.all(handles.map(handle => app.tasks.status(handle.id)))
  t.same(await connections(t), ['web', 'web', 'web'])
  const gone = new AbortController()
  const waits = handles.map(handle => handle.result({ signal: gone.signal }).catch(() => {}))
  await until('the subscriber connects', async () => (await connections(t)).includes('fastify-tasks:subscriber'))
  t.equal((await connections(t)).length, 4)
  gone.abort()
  await Promise.all(waits)
})

t.test('a client of the app works, whatever its options', async t => {
  const options = {
    lazyConnect: true,
    enableOfflineQueue: true,
    enableAutoPipelining: true,
    scaleReads: 'slave',
    shardedSubscribers: true,
    clusterRetryStrategy: () => null,
    redisOptions: { commandTimeout: 2_000, maxRetriesPerRequest: 3, enableAutoPipelining: true }
  }
  const app = await onCluster(t, { redis: client(t, options), worker: true }, app => {
    app.tasks.define('x', (_data, task) => task.queue)
  })
  const handles = await app.tasks.enqueueMany('x', QUEUES.map(queue => ({ queue })))
  t.same(await Promise.all(handles.map(handle => handle.result({ timeout: 10_000 }))), QUEUES)
})

t.test('fastify.redis of @fastify/redis works', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(fastifyRedis, { client: client(t) as any, closeClient: true })
  await app.register(tasks, { prefix: randomPrefix(), worker: true })
  app.tasks.define('x', () => 'ran')
  await app.ready()
  t.equal(await (await app.tasks.enqueue('x')).result({ timeout: 60_000 }), 'ran')
})

t.test('a node may be given as a URL, and an address has no password', async t => {
  const urls = cluster.servers.map(server => server.url)
  const app = await build(t, { redis: { cluster: urls } }, app => { app.tasks.define('x') })
  t.equal((await (await app.tasks.enqueue('x')).status())!.state, 'waiting')
  const lazy = new Cluster(['redis://user:hunter2@h:1', 2, { host: 'h', port: 3 }, {}], { lazyConnect: true })
  t.equal(addressOf(lazy), 'redis cluster h:1, 127.0.0.1:2, h:3, 127.0.0.1:6379')
})

t.test('a user that the cluster does not know is refused at register', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  const refused = { cluster: cluster.startupNodes, redisOptions: { username: 'nobody', password: 'hunter2' } }
  const error = await errorOf(async () => app.register(tasks, { redis: refused }))
  t.match(error, { code: 'FST_TASKS_REDIS_REFUSED', message: /WRONGPASS/ })
  t.notMatch(error.message, /hunter2/)
})

t.test('the subscriber hears every master, and resyncs after its connection was cut', async t => {
  const source = client(t)
  await source.ping()
  const subscriber = new Subscriber(source)
  t.teardown(() => subscriber.close())
  const heard = new Set<string>()
  let resyncs = 0
  subscriber.onResync(() => { resyncs++ })
  await subscriber.listen('news', message => { heard.add(message) })
  const publish = async (round: string): Promise<void> => {
    await Promise.all(cluster.servers.map((server, i) => connect(t, server.url).publish('news', `${round}${i}`)))
    t.ok(await until('all messages arrive', () => [0, 1, 2].every(i => heard.has(`${round}${i}`))), round)
  }
  await publish('first')
  const seen = resyncs
  await Promise.all(cluster.servers.map(server => connect(t, server.url).call('CLIENT', 'KILL', 'TYPE', 'pubsub')))
  await until('it resyncs', () => resyncs > seen)
  await publish('second')
})
