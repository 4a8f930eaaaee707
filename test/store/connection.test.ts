import { Cluster, Redis } from 'ioredis'
import t from 'tap'
import { RedisCalls } from '../../lib/store/redis/bounded-calls.ts'
import { RedisClock } from '../../lib/store/redis/clock.ts'
import { inspectRedis } from '../../lib/store/redis/inspect.ts'
import { addressOf, connect, disconnect, duplicate, untilReady, type RedisClient } from '../../lib/store/redis/connection.ts'
import { connect as client, errorOf, REDIS_URL } from '../support/helpers.ts'

const lazy = (options: object): Redis => new Redis({ lazyConnect: true, ...options })

t.test('an address has no user and no password', async t => {
  t.equal(addressOf(lazy({ host: 'h', port: 1, db: 2, username: 'u', password: 'p' })), 'redis://h:1/2')
  t.equal(addressOf(lazy({ host: 'h', tls: {} })), 'rediss://h:6379/0')
  t.equal(addressOf(lazy({ path: '/tmp/s' })), '/tmp/s')
  t.equal(addressOf(lazy({ sentinels: [{ host: 'a', port: 1 }, { host: 'b', port: 2 }], name: 'main' })), 'redis sentinel main (a:1, b:2)/0')
  t.equal(addressOf(new Cluster([{ host: 'h', port: 1 }], { lazyConnect: true })), 'redis cluster h:1')
})

t.test('a connection of our own overrides what would lose tasks', async t => {
  const app = lazy({ host: '127.0.0.1', port: 1, commandTimeout: 1, maxRetriesPerRequest: 3, enableAutoPipelining: true, enableOfflineQueue: false, autoResubscribe: true })
  const own = duplicate(app, 'test') as Redis
  t.teardown(() => own.disconnect())
  t.match(own.options, { commandTimeout: undefined, maxRetriesPerRequest: 0, enableAutoPipelining: false, enableOfflineQueue: true, autoResendUnfulfilledCommands: false, autoResubscribe: false, connectionName: 'fastify-tasks:test', port: 1 })
  const cluster = duplicate(new Cluster([{ host: '127.0.0.1', port: 1 }], { lazyConnect: true }), 'test') as Cluster
  cluster.disconnect()
  t.match(cluster.options, { retryDelayOnFailover: 0, enableOfflineQueue: true, scaleReads: 'master', redisOptions: { maxRetriesPerRequest: 0, connectionName: 'fastify-tasks:test' } })
})

t.test('a failover: the command is sent again on a new connection', async t => {
  const own = duplicate(client(t), 'test') as Redis
  t.teardown(() => own.disconnect())
  t.equal(own.options.reconnectOnError!(new Error('READONLY You can\'t write against a read only replica.')), 2)
  t.equal(own.options.reconnectOnError!(new Error('ERR other')), false)
})

t.test('a client that nobody has connected is dialled', async t => {
  const one = new Redis(REDIS_URL, { lazyConnect: true })
  t.teardown(() => one.disconnect())
  t.equal(await untilReady(one, 5_000, 'here'), true)
  const { owned } = connect(one, undefined)
  t.equal(owned, false)
})

t.test('a database that is none is refused', async t => {
  const one = new Redis(`${REDIS_URL}/999`, { lazyConnect: true, retryStrategy: () => null })
  t.teardown(() => one.disconnect())
  t.match(await errorOf(untilReady(one, 5_000, 'redis://here/999')), { code: 'FST_TASKS_REDIS_REFUSED', message: /redis:\/\/here\/999.*DB index/ })
})

t.test('disconnect ends a connection that does not answer', async t => {
  const one = client(t)
  await one.ping()
  // As a server that has stopped reading: the reply to QUIT does not come.
  const silent = new Proxy(one, { get: (target, key) => key === 'quit' ? () => new Promise(() => {}) : key === 'disconnect' ? () => target.disconnect() : Reflect.get(target, key) })
  void disconnect(silent, 10)
  await new Promise(resolve => one.once('end', resolve))
})

const talking = (replies: object): RedisClient => Object.assign(lazy({}), replies)

t.test('what Redis says of itself', async t => {
  const info = (text: string): RedisClient => talking({ info: async () => text })
  t.same(await inspectRedis(info('redis_version:7.0.15\r\nmaxmemory_policy:noeviction\r\n'), 'here'), [])
  t.same(await inspectRedis(info(''), 'here'), [])
  t.same(await inspectRedis(talking({ info: async () => { throw new Error('NOPERM') } }), 'here'), [], 'who may not ask is told nothing')
  t.match(await inspectRedis(info('redis_version:6.2.0\r\nmaxmemory_policy:allkeys-lru\r\n'), 'here'), [{ fields: { event: 'redis.eviction_enabled', redis: 'here', policy: 'allkeys-lru' } }])
  for (const version of ['6.0.20', '5.0.7']) t.match(await errorOf(inspectRedis(info(`redis_version:${version}\r\n`), 'here')), { code: 'FST_TASKS_REDIS_TOO_OLD', message: new RegExp(version) })
})

t.test('what the masters of a cluster say of themselves', async t => {
  const clock = (ahead: number) => async () => [String(Math.floor((Date.now() + ahead) / 1000)), String(((Date.now() + ahead) % 1000) * 1000)]
  const cluster = (...nodes: object[]): RedisClient => talking({ isCluster: true, nodes: () => nodes })
  const node = { info: async () => 'redis_version:7.0.15\r\nmaxmemory_policy:noeviction\r\n', time: clock(0) }
  const evicting = { ...node, info: async () => 'redis_version:7.0.15\r\nmaxmemory_policy:allkeys-lru\r\n' }
  t.same(await inspectRedis(cluster(node, node, node), 'here'), [])
  t.match(await inspectRedis(cluster(node, evicting, evicting), 'here'), [{ fields: { policy: 'allkeys-lru' } }], 'one warning')
  const [skewed] = await inspectRedis(cluster(node, { ...node, time: clock(-5_000) }, node), 'here')
  t.match(skewed, { fields: { event: 'redis.clocks_skewed', redis: 'here', skewMs: Number } })
  t.match(String(skewed!.fields.skewMs), /^(4[89]|50)\d\d$/)
  t.same(await inspectRedis(cluster(node, { ...node, time: async () => { throw new Error('NOPERM') } }), 'here'), [])
})

t.test('Redis\' clock counts, where it is another', async t => {
  const clock = async (time: () => Promise<unknown>): Promise<number> => {
    const clock = new RedisClock(talking({ time }))
    await clock.synchronise()
    return clock.now() - Date.now()
  }
  const ahead = (ms: number) => async () => [String(Math.floor((Date.now() + ms) / 1000)), String(((Date.now() + ms) % 1000) * 1000)]
  t.equal(await clock(ahead(0)), 0, 'noise is none')
  const offset = await clock(ahead(60_000))
  t.ok(Math.abs(offset - 60_000) <= 2, String(offset))
  t.equal(await clock(async () => { throw new Error('NOPERM') }), 0)
})

t.test('an error that is not Redis\' goes through as it is', async t => {
  const one = client(t)
  await one.ping()
  const calls = new RedisCalls({ client: one, owned: true, address: 'here' }, 1_000)
  t.teardown(() => calls.close())
  t.match(await errorOf(calls.call('x', 'y', async () => { throw new TypeError('a bug') })), { name: 'TypeError', message: 'a bug' })
  t.match(await errorOf(calls.call('a call', 'Perhaps.', () => one.call('NOSUCH'))), { code: 'FST_TASKS_REDIS_UNAVAILABLE', message: /Perhaps\. \(.*unknown command/ })
})
