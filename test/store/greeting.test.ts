/**
 * The app's connection to Redis: the wait and the check at the start, and how outages are logged and published.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { EventEmitter } from 'node:events'
import Fastify, { type FastifyInstance } from 'fastify'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { startRedis, type RunningRedis } from '../../scripts/redis.ts'
import tasks from '../../lib/plugin.ts'
import { Greeting } from '../../lib/store/redis/greeting.ts'
import { connect, errorOf, logger, randomPrefix, REDIS_URL, until } from '../support/helpers.ts'
import { ALONE } from '../support/room.ts'
import type { OutageEvent } from '../../lib/telemetry.ts'
import type { TasksOptions } from '../../lib/types.ts'

/** The outages that are published from now on, until the test ends. */
function publishedOutages (t: Test): OutageEvent[] {
  const events: OutageEvent[] = []
  const listener = (event: unknown): void => { events.push({ ...event as OutageEvent }) }
  subscribe('fastify-tasks.outage', listener)
  t.teardown(() => unsubscribe('fastify-tasks.outage', listener))
  return events
}

async function ownRedis (t: Test): Promise<RunningRedis> {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  return redis
}

interface Started { app: FastifyInstance, log: ReturnType<typeof logger> }

async function start (t: Test, options: TasksOptions): Promise<Started> {
  const log = logger()
  const app: FastifyInstance = Fastify({ logger: { stream: log.stream } })
  t.teardown(() => app.close())
  await app.register(tasks, { prefix: randomPrefix(), connectTimeout: 500, ...options })
  await app.ready()
  return { app, log }
}

const count = ({ lines }: Started['log'], event: string): number => lines.filter(line => line.event === event).length

t.test('an outage is logged once and published once, and so is its end', ALONE, async t => {
  const redis = await ownRedis(t)
  const outages = publishedOutages(t)
  const { app, log } = await start(t, { redis: redis.url })
  const { instanceId: instance } = app.tasks
  await redis.kill()
  await until('the outage is logged', () => log.find('redis.disconnected'))
  await redis.restart()
  await until('its end is logged', () => log.find('redis.reconnected'))
  t.match(log.find('redis.disconnected'), {
    level: 40, address: `${redis.url}/0`, err: { message: /ECONNREFUSED/ }, msg: 'no connection to Redis, reconnecting'
  })
  t.match(log.find('redis.reconnected'), { level: 30, address: `${redis.url}/0` })
  t.same([count(log, 'redis.disconnected'), count(log, 'redis.reconnected')], [1, 1])
  const expected = ['began', 'ended'].map(state => ({ instance, worker: null, state }))
  t.same(outages, expected)
  await app.close()
  t.same(outages, expected, 'a close is no outage')
})

t.test('a connection that is closed and opened again is an outage too, though no error is logged', ALONE, async t => {
  const redis = await ownRedis(t)
  const outages = publishedOutages(t)
  const { log } = await start(t, { redis: redis.url })
  await connect(t, redis.url).call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
  await until('its end is published', () => outages.length >= 2)
  t.same(outages.map(({ state }) => state), ['began', 'ended'])
  t.equal(count(log, 'redis.disconnected'), 0)
})

t.test('the app\'s own client: outages are published, and the app logs them', ALONE, async t => {
  const redis = await ownRedis(t)
  const outages = publishedOutages(t)
  const client = connect(t, redis.url)
  const before = client.eventNames().map(name => [name, client.listenerCount(name)])
  const { app, log } = await start(t, { redis: client })
  await redis.kill()
  await until('the outage is published', () => outages.length >= 1)
  await redis.restart()
  await until('its end is published', () => outages.length >= 2)
  t.same(outages.map(({ state }) => state), ['began', 'ended'])
  t.equal(count(log, 'redis.disconnected'), 0)
  await app.close()
  t.same(client.eventNames().map(name => [name, client.listenerCount(name)]), before, 'no listener is left')
})

t.test('no Redis at the start: the app starts, logs it, and publishes an outage until it comes', ALONE, async t => {
  const redis = await ownRedis(t)
  await redis.kill()
  const outages = publishedOutages(t)
  const { app, log } = await start(t, { redis: redis.url })
  t.match(log.find('redis.unavailable'), { level: 50, address: `${redis.url}/0`, msg: /starts without it/ })
  t.equal(app.tasks.ready, false)
  t.same(outages.map(({ state }) => state), ['began'])
  await redis.restart()
  await until('Redis is available', () => app.tasks.ready)
  await until('the end is published', () => outages.length >= 2)
  t.same(outages.map(({ state }) => state), ['began', 'ended'])
})

t.test('after a reconnect Redis is checked again: it may be another server, and too old', async t => {
  const log = logger()
  let version = '7.0.0'
  const info = async (): Promise<string> => `redis_version:${version}\r\n`
  const commands = { info, eval: async () => 1, publish: async () => 0 }
  const client = Object.assign(new EventEmitter(), { status: 'ready', isCluster: false, ...commands })
  const greeting = new Greeting({
    connection: { client: client as any, owned: true, address: 'redis://here' },
    clock: { now: Date.now, toStoreTime: time => time, synchronise: async () => {}, refresh: () => undefined },
    connectTimeout: 500,
    prefix: 'bq',
    log: pino({}, log.stream)
  })
  t.equal(await greeting.start('instance'), true)
  version = '5.0.0'
  client.emit('ready')
  await until('the failed check is logged', () => log.find('redis.check_failed'))
  t.match(log.find('redis.check_failed'), {
    level: 50, address: 'redis://here', err: { code: 'FST_TASKS_REDIS_TOO_OLD' }, msg: 'Redis check failed'
  })
  greeting.stop()
  client.emit('ready')
  client.emit('error', new Error('after the stop'))
  t.equal(log.lines.length, 1)
})

t.test('a refused user: register fails, our connection is closed, nothing is published after that', ALONE, async t => {
  const outages = publishedOutages(t)
  const app = Fastify()
  t.teardown(() => app.close())
  const redis = REDIS_URL.replace('//', '//nobody:wrong@')
  t.match(await errorOf(async () => app.register(tasks, { redis })), { code: 'FST_TASKS_REDIS_REFUSED' })
  const published = outages.length
  await app.close()
  t.equal(outages.length, published)
})
