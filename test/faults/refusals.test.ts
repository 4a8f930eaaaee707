/**
 * A Redis that is there and refuses: writes, connections, rights. It is named in the log, at a bounded rate, nothing
 * waits for it for ever, and what was refused goes on when Redis takes it.
 */
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, rmdirSync } from 'node:fs'
import { createConnection, type AddressInfo } from 'node:net'
import { networkInterfaces } from 'node:os'
import { createServer } from 'node:tls'
import Fastify, { type FastifyInstance } from 'fastify'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { startRedis, type RunningRedis } from '../../scripts/redis.ts'
import tasks from '../../lib/plugin.ts'
import { build, connect, errorOf, latch, logger, randomPrefix, until } from '../support/helpers.ts'
import type { TasksOptions } from '../../lib/types.ts'

async function ownRedis (t: Test, options: Parameters<typeof startRedis>[0] = {}): Promise<RunningRedis> {
  const redis = await startRedis(options)
  t.teardown(() => redis.stop())
  return redis
}

type Log = ReturnType<typeof logger>

interface Started { app: FastifyInstance, log: Log }

async function start (
  t: Test, options: TasksOptions, define: (app: FastifyInstance) => void = app => { app.tasks.define('x', () => 1) }
): Promise<Started> {
  const log = logger()
  const server = { logger: { stream: log.stream } } as any
  const app = await build(t, { prefix: randomPrefix(), connectTimeout: 1_000, ...options }, define, server)
  return { app, log }
}

type Change = (admin: Redis, redis: RunningRedis) => Promise<unknown>

/** Whether the last snapshot failed. */
const failedToSave = async (admin: Redis): Promise<boolean> =>
  /rdb_bgsave_in_progress:0/.test(await admin.info('persistence')) &&
  /rdb_last_bgsave_status:err/.test(await admin.info('persistence'))

/** A folder has the name of the snapshot. */
async function breakDisk (admin: Redis, { dir }: RunningRedis): Promise<void> {
  mkdirSync(`${dir}/dump.rdb`, { recursive: true })
  await admin.config('SET', 'save', '3600 1')
  await admin.bgsave()
  await until('the snapshot has failed', () => failedToSave(admin))
}

async function mendDisk (admin: Redis, { dir }: RunningRedis): Promise<void> {
  rmdirSync(`${dir}/dump.rdb`)
  await admin.bgsave()
  await until('the snapshot is saved', async () => !await failedToSave(admin))
}

const refusals: Record<string, [refuse: Change, allow: Change]> = {
  MISCONF: [breakDisk, mendDisk],
  OOM: [admin => admin.config('SET', 'maxmemory', '1'), admin => admin.config('SET', 'maxmemory', '0')],
  READONLY: [admin => admin.replicaof('127.0.0.1', 1), admin => admin.replicaof('NO', 'ONE')],
  NOREPLICAS: [
    admin => admin.config('SET', 'min-replicas-to-write', '1'),
    admin => admin.config('SET', 'min-replicas-to-write', '0')
  ],
  NOPERM: [
    admin => admin.call('ACL', 'SETUSER', 'default', '-eval', '-evalsha'),
    admin => admin.call('ACL', 'SETUSER', 'default', '+eval', '+evalsha')
  ]
}

for (const [reason, [refuse, allow]] of Object.entries(refusals)) {
  t.test(`the app starts while Redis refuses with ${reason}, and its worker begins when it does not`, async t => {
    const redis = await ownRedis(t)
    const admin = connect(t, redis.url)
    await refuse(admin, redis)
    const { app, log } = await start(t, { redis: redis.url, worker: true })
    const failed = await until('the reason is logged', () => log.find('redis.call_failed'))
    t.match(failed, { level: 40, err: { message: new RegExp(`^${reason}`) } })
    t.notOk(log.find('worker.started'))
    await allow(admin, redis)
    await until('the worker has started', () => log.find('worker.started'))
    t.equal(await (await app.tasks.enqueue('x')).result({ timeout: 60_000 }), 1)
    t.ok(log.find('redis.recovered'))
  })
}

t.test('the app starts, and closes, while its Redis answers nothing', async t => {
  const redis = await ownRedis(t)
  const app: FastifyInstance = Fastify({ pluginTimeout: 5_000 })
  t.teardown(() => app.close())
  await app.register(tasks, { redis: redis.url, connectTimeout: 500, worker: true })
  app.tasks.define('x', () => 1)
  redis.pause()
  await app.ready()
  await app.close()
  redis.resume()
})

t.test('a master that becomes a replica: named once for each connection, and few connections are made', async t => {
  const redis = await ownRedis(t)
  const admin = connect(t, redis.url)
  const warnings: string[] = []
  const onWarning = ({ name }: Error): void => { warnings.push(name) }
  process.on('warning', onWarning)
  t.teardown(() => process.off('warning', onWarning))
  const go = latch()
  const define = (app: FastifyInstance): void => { app.tasks.define('x', () => go.promise) }
  const { app, log } = await start(t, { redis: redis.url, worker: true }, define)
  const { id } = await app.tasks.enqueue('x')
  await until('it runs', async () => (await app.tasks.status(id))!.state === 'active')
  const connections = async (): Promise<number> =>
    Number(/total_connections_received:(\d+)/.exec(await admin.info('stats'))![1])
  const before = await connections()
  await admin.replicaof('127.0.0.1', 1)
  go.open() // its outcome cannot be written
  for (let i = 0; i < 200; i++) t.match(await errorOf(app.tasks.enqueue('x')), { cause: { message: /READONLY/ } })
  const readonly = await until('it is named', () => log.lines.filter(({ reason }) => reason === 'READONLY'))
  t.match(readonly, [{ event: 'redis.connection_refused', level: 40, fix: /replica/ }])
  const of = readonly.map(({ connection }) => connection)
  t.equal(new Set(of).size, of.length, 'once for each connection')
  t.ok(await connections() - before < 50, 'not one for each refused call')
  t.ok(log.lines.length < 40, `${log.lines.length} lines`)
  t.same(warnings, [])
  await admin.replicaof('NO', 'ONE')
  const state = async (): Promise<string | undefined> => (await app.tasks.status(id).catch(() => null))?.state
  await until('its outcome is written', async () => await state() === 'succeeded')
})

t.test('more queues than maxclients has connections for: all are worked on, the refused ones are named', async t => {
  const redis = await ownRedis(t)
  const admin = connect(t, redis.url)
  await admin.config('SET', 'maxclients', '12')
  const queues = Array.from({ length: 20 }, (_, i) => `q${i}`)
  const { app, log } = await start(t, { redis: redis.url, queues, worker: true })
  await until('the worker has started', () => log.find('worker.started'))
  const handles = await Promise.all(queues.map(queue => app.tasks.enqueue('x', 1, { queue })))
  for (const handle of handles) {
    await until(`${handle.queue} is worked on`, async () => (await handle.status())!.state === 'succeeded', 60_000)
  }
  const refused = log.lines.filter(({ reason }) => reason === 'MAXCLIENTS')
  t.ok(refused.length >= 9)
  t.match(refused[0], { event: 'redis.connection_refused', level: 40, connection: /^(wait:q|subscriber)/, fix: /maxclients/ })
  t.equal(new Set(refused.map(({ connection }) => connection)).size, refused.length, 'once for each connection')
})

t.test('a server that is loading its data is named', async t => {
  const config = ['--key-load-delay', '200000', '--loading-process-events-interval-bytes', '1024']
  const redis = await ownRedis(t, { aof: true, config })
  const admin = connect(t, redis.url)
  for (let i = 0; i < 20; i++) await admin.set(`key${i}`, randomBytes(2_000).toString('hex'))
  await admin.call('BGREWRITEAOF') // a server takes commands only while it loads this format
  await until('it is written', async () => /aof_rewrite_in_progress:0/.test(await admin.info('persistence')) &&
    /aof_rewrite_scheduled:0/.test(await admin.info('persistence')))
  const up = redis.restart() // 4 s
  const probe = new Redis(redis.url, { enableReadyCheck: false, maxRetriesPerRequest: 0 }).on('error', () => {})
  t.teardown(() => probe.disconnect())
  await until('it is loading', () => probe.ping().then(() => false, ({ message }) => /LOADING/.test(message)))
  const { log } = await start(t, { redis: redis.url, worker: true, connectTimeout: 200 })
  t.match(log.find('redis.unavailable'), { err: { message: /^LOADING/ } })
  await until('the worker names it too', () => log.lines.some(({ reason, connection }) =>
    reason === 'LOADING' && connection === 'worker'))
  await up
  await until('the worker has started', () => log.find('worker.started'), 30_000)
})

const address = Object.values(networkInterfaces()).flat()
  .find(found => found && !found.internal && found.family === 'IPv4')?.address

t.test('a server in protected mode is named', { skip: !address && 'no other address than loopback' }, async t => {
  const redis = await ownRedis(t, { config: ['--bind', '0.0.0.0', '--protected-mode', 'yes'] })
  const url = redis.url.replace('127.0.0.1', address!)
  const { log } = await start(t, { redis: url, worker: true, connectTimeout: 1_500 })
  t.match(log.find('redis.unavailable'), { err: { message: /^DENIED/ } })
  const named = await until('it is named', () => log.lines.find(({ reason }) => reason === 'DENIED'))
  t.match(named, { event: 'redis.connection_refused', connection: 'worker', fix: /protected mode/ })
})

t.test('an unknown certificate authority is named', async t => {
  const redis = await ownRedis(t)
  const [key, cert] = ['key.pem', 'cert.pem'].map(file => `${redis.dir}/${file}`) as [string, string]
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, '-days', '1',
    '-subj', '/CN=localhost'], { stdio: 'ignore' })
  const listening = latch()
  const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, near => {
    const far = createConnection(redis.port, '127.0.0.1')
    near.on('error', () => {}).pipe(far).on('error', () => {}).pipe(near)
  }).on('tlsClientError', () => {}).listen(0, '127.0.0.1', listening.open)
  await listening.promise
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const { log } = await start(t, { redis: `rediss://localhost:${port}`, worker: true, connectTimeout: 1_500 })
  t.match(log.find('redis.unavailable'), { err: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' } })
  const isNamed = (): object => log.lines.find(({ reason }) => reason === 'DEPTH_ZERO_SELF_SIGNED_CERT')
  const named = await until('it is named', isNamed)
  t.match(named, { event: 'redis.connection_refused', connection: 'worker', fix: /not trusted/ })
})
