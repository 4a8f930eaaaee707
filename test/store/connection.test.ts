/**
 * Connections to Redis: addresses, options, and what a Redis says about itself.
 */
import { setImmediate } from 'node:timers/promises'
import { Cluster, Redis } from 'ioredis'
import t from 'tap'
import { causeOf } from '../../lib/log-limit.ts'
import { accessTo } from '../../lib/store/redis/access.ts'
import { RedisCalls } from '../../lib/store/redis/bounded-calls.ts'
import { RedisClock } from '../../lib/store/redis/clock.ts'
import {
  addressOf, connect, disconnect, duplicate, untilReady, type RedisClient
} from '../../lib/store/redis/connection.ts'
import { inspectRedis } from '../../lib/store/redis/inspect.ts'
import { refusalOf } from '../../lib/store/redis/refusals.ts'
import { connect as client, errorOf, REDIS_URL, until } from '../support/helpers.ts'
import { ALONE } from '../support/room.ts'

const lazy = (options: object): Redis => new Redis({ lazyConnect: true, ...options })

t.test('an address has no user and no password', async t => {
  t.equal(addressOf(lazy({ host: 'h', port: 1, db: 2, username: 'u', password: 'p' })), 'redis://h:1/2')
  t.equal(addressOf(lazy({ host: 'h', tls: {} })), 'rediss://h:6379/0')
  t.equal(addressOf(lazy({ path: '/tmp/s' })), '/tmp/s')
  t.equal(addressOf(lazy({ host: 'redis://:hunter2@h' })), 'redis://(not a host name):6379/0', 'a client of the app\'s')
  t.equal(addressOf(lazy({ path: '/user:hunter2@h' })), '…@h')
  const sentinels = [{ host: 'a', port: 1 }, { host: 'b', port: 2 }]
  t.equal(addressOf(lazy({ sentinels, name: 'main' })), 'redis sentinel main (a:1, b:2)/0')
  t.equal(addressOf(new Cluster([{ host: 'h', port: 1 }], { lazyConnect: true })), 'redis cluster h:1')
})

t.test('our own connections override options that would lose tasks', async t => {
  const app = lazy({
    host: '127.0.0.1',
    port: 1,
    commandTimeout: 1,
    maxRetriesPerRequest: 3,
    enableAutoPipelining: true,
    enableOfflineQueue: false,
    autoResubscribe: true
  })
  const own = duplicate(app, 'test') as Redis
  t.teardown(() => own.disconnect())
  t.match(own.options, {
    commandTimeout: undefined,
    maxRetriesPerRequest: 0,
    enableAutoPipelining: false,
    enableOfflineQueue: true,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    connectionName: 'fastify-tasks:test',
    port: 1
  })
  const cluster = duplicate(new Cluster([{ host: '127.0.0.1', port: 1 }], { lazyConnect: true }), 'test') as Cluster
  cluster.disconnect()
  t.match(cluster.options, {
    retryDelayOnFailover: 0,
    enableOfflineQueue: true,
    scaleReads: 'master',
    redisOptions: { maxRetriesPerRequest: 0, connectionName: 'fastify-tasks:test' }
  })
})

const READONLY = 'READONLY You can\'t write against a read only replica.'
/** What Redis 6.2 says if it is a script that was to write. */
const READONLY_IN_SCRIPT =
  `ERR Error running script (call to f_${'0a'.repeat(20)}): @user_script:40: @user_script: 40: -${READONLY}`

for (const [by, message] of Object.entries({ 'a command': READONLY, 'a script of Redis 6.2': READONLY_IN_SCRIPT })) {
  t.test(`after a failover a connection is made again; the command of the app is repeated: ${by}`, async t => {
    const error = new Error(message)
    const own = duplicate(client(t), 'test') as Redis
    const opened = connect(REDIS_URL, undefined).client as Redis
    t.teardown(() => { for (const one of [own, opened]) one.disconnect() })
    for (const [{ options: { reconnectOnError } }, how] of [[own, 1], [opened, 2]] as const) {
      t.equal(reconnectOnError!(new Error('ERR other')), false)
      t.equal(reconnectOnError!(error), how)
      t.equal(reconnectOnError!(error), false, 'not at once again')
    }
    t.match(refusalOf(error), { reason: 'READONLY', fix: /master/ })
    t.equal(causeOf(error), 'READONLY')
  })
}

t.test('our own connections have the database that the app has selected', async t => {
  const app = client(t)
  await app.select(3)
  const own = duplicate(app, 'test') as Redis
  t.teardown(() => own.disconnect())
  t.match(await own.client('INFO'), / db=3 /)
  t.match(addressOf(app), /\/3$/)
  t.match(accessTo(app, 'x')!.options, { single: { db: 3 } })
  own.disconnect(true)
  await new Promise(resolve => own.once('ready', resolve))
  t.match(await own.client('INFO'), / db=3 /, 'after a reconnect too')
})

t.test('a client that nobody has connected is connected', async t => {
  const app = new Redis(REDIS_URL, { lazyConnect: true })
  t.teardown(() => app.disconnect())
  t.equal(await untilReady(app, 5_000, 'here'), true)
  t.equal(connect(app, undefined).owned, false)
})

t.test('a database that does not exist is refused', async t => {
  const app = new Redis(`${REDIS_URL}/999`, { lazyConnect: true, retryStrategy: () => null })
  t.teardown(() => app.disconnect())
  const refused = { code: 'FST_TASKS_REDIS_REFUSED', message: /redis:\/\/here\/999.*DB index/ }
  t.match(await errorOf(untilReady(app, 5_000, 'redis://here/999')), refused)
})

t.test('disconnect closes a connection that does not answer', async t => {
  const app = client(t)
  await app.ping()
  // A server that has stopped reading: the reply to QUIT does not come.
  const silent = new Proxy(app, {
    get (target, key) {
      if (key === 'quit') return () => new Promise(() => {})
      return key === 'disconnect' ? () => target.disconnect() : Reflect.get(target, key)
    }
  })
  void disconnect(silent, 10)
  await new Promise(resolve => app.once('end', resolve))
})

/** A client that answers so. */
const answering = (replies: object): RedisClient => Object.assign(lazy({}), replies)

const noPermission = async (): Promise<never> => { throw new Error('NOPERM') }

t.test('inspectRedis: memory policy and version', async t => {
  const info = (text: string): RedisClient => answering({ info: async () => text })
  const nothing = { evictionPolicies: [], skewMs: 0 }
  t.same(await inspectRedis(info('redis_version:7.0.15\r\nmaxmemory_policy:noeviction\r\n'), 'here'), nothing)
  t.same(await inspectRedis(info(''), 'here'), nothing)
  t.same(await inspectRedis(answering({ info: noPermission }), 'here'), nothing, 'no warning if the user may not ask')
  const evicting = await inspectRedis(info('redis_version:6.2.0\r\nmaxmemory_policy:allkeys-lru\r\n'), 'here')
  t.same(evicting, { evictionPolicies: ['allkeys-lru'], skewMs: 0 })
  for (const version of ['6.0.20', '5.0.7']) {
    const tooOld = { code: 'FST_TASKS_REDIS_TOO_OLD', message: new RegExp(version) }
    t.match(await errorOf(inspectRedis(info(`redis_version:${version}\r\n`), 'here')), tooOld)
  }
})

/** The reply to TIME of a Redis whose clock is so many ms ahead. */
const timeAhead = (ms: number) => async () => {
  const now = Date.now() + ms
  return [String(Math.floor(now / 1000)), String((now % 1000) * 1000)]
}

t.test('inspectRedis: the masters of a cluster', async t => {
  const cluster = (...nodes: object[]): RedisClient => answering({ isCluster: true, nodes: () => nodes })
  const info = async (): Promise<string> => 'redis_version:7.0.15\r\nmaxmemory_policy:noeviction\r\n'
  const node = { info, time: timeAhead(0) }
  const evicting = { ...node, info: async () => 'redis_version:7.0.15\r\nmaxmemory_policy:allkeys-lru\r\n' }
  const nothing = { evictionPolicies: [], skewMs: 0 }
  t.same(await inspectRedis(cluster(node, node, node), 'here'), nothing)
  const { evictionPolicies } = await inspectRedis(cluster(node, evicting, evicting), 'here')
  t.same(evictionPolicies, ['allkeys-lru'], 'one warning')
  const { skewMs } = await inspectRedis(cluster(node, { ...node, time: timeAhead(-5_000) }, node), 'here')
  t.match(String(skewMs), /^(4[89]|50)\d\d$/)
  t.same(await inspectRedis(cluster(node, { ...node, time: noPermission }), 'here'), nothing)
})

t.test('the clock of Redis counts, if it is another', async t => {
  const difference = async (time: () => Promise<unknown>): Promise<number> => {
    const clock = new RedisClock(answering({ time }))
    await clock.synchronise()
    return clock.now() - Date.now()
  }
  const about = (offset: number, ms: number): void => { t.ok(Math.abs(offset - ms) <= 2, `${offset}, not ${ms}`) }
  about(await difference(timeAhead(0)), 0)
  about(await difference(timeAhead(60_000)), 60_000)
  about(await difference(noPermission), 0)
})

t.test('a clock that is set: that of this process does not count, that of Redis is measured again', ALONE, async t => {
  const { now } = Date
  t.teardown(() => { Date.now = now })
  let ahead = 0
  const clock = new RedisClock(answering({ status: 'ready', time: () => timeAhead(ahead)() }))
  await clock.synchronise()
  const start = clock.now()
  for (const step of [3_600_000, -3_600_000]) {
    Date.now = () => now() + step
    ahead = -step // Redis' own clock stays as it is
    t.ok(Math.abs(clock.now() - start) < 60_000, `this process: ${step} ms`)
    await setImmediate() // it is measured again, as a clock that was set may be a machine that slept
    t.ok(Math.abs(clock.now() - start) < 60_000, `this process: ${step} ms, and measured`)
  }
  Date.now = now
  ahead = 3_600_000
  clock.now()
  await until('the step of Redis is noticed', () => clock.now() - start > 3_000_000)
})

t.test('an error that is not of Redis is not changed', async t => {
  const app = client(t)
  await app.ping()
  const calls = new RedisCalls({ client: app, owned: true, address: 'here' }, 1_000)
  t.teardown(() => calls.close())
  const bug = calls.call('x', 'y', async () => { throw new TypeError('a bug') })
  t.match(await errorOf(bug), { name: 'TypeError', message: 'a bug' })
  const refused = { code: 'FST_TASKS_REDIS_UNAVAILABLE', message: /^Redis did not answer in time/, cause: { message: /Perhaps\. \(.*unknown command/ } }
  t.match(await errorOf(calls.call('a call', 'Perhaps.', () => app.call('NOSUCH'))), refused)
})
