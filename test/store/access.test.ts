/**
 * What a thread is given to reach the Redis of the app: options that can be cloned.
 */
import { execFileSync } from 'node:child_process'
import { lookup } from 'node:dns'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createConnection, type AddressInfo } from 'node:net'
import { createServer } from 'node:tls'
import { Cluster, Redis, type ClusterOptions, type RedisOptions } from 'ioredis'
import t, { type Test } from 'tap'
import { startRedis, type RunningRedis } from '../../scripts/redis.ts'
import { accessTo } from '../../lib/store/redis/access.ts'
import { RedisQueue } from '../../lib/store/redis/queue.ts'
import { connect, randomPrefix, REDIS_URL } from '../support/helpers.ts'
import type { OpenThreadStore, StoreAccess } from '../../lib/store/store-contract.ts'

const single = (options: object): StoreAccess | null =>
  accessTo(new Redis({ ...options, lazyConnect: true } as RedisOptions), 'p')
const cluster = (options: object): StoreAccess | null =>
  accessTo(new Cluster([{ host: 'a', port: 1 }, 'redis://:secret@b:2'], { ...options, lazyConnect: true }), 'p')

t.test('the options of a client, without functions that a thread replaces', async t => {
  const given = { host: 'there', port: 1, password: 'secret', db: 2, tls: { ca: Buffer.from('x'), servername: 'y' } }
  const access = single({ ...given, retryStrategy: () => 1, reconnectOnError: () => 1 })
  t.match(access!.options, { prefix: 'p', single: { ...given, tls: { servername: 'y' } } })
  t.strictSame(structuredClone(access), access)
  t.match(access!.module, /\/thread-store\.[jt]s$/)
  const sentinels = { sentinels: [{ host: 's', port: 3 }], name: 'main', sentinelPassword: 'x', natMap: { a: 'b' } }
  t.match(single({ ...sentinels, sentinelRetryStrategy: () => 1 })!.options, { single: sentinels })
})

t.test('the nodes of a cluster', async t => {
  const redisOptions = { password: 'secret', reconnectOnError: () => 1 as const }
  const options: ClusterOptions = { redisOptions, dnsLookup: lookup, clusterRetryStrategy: () => 1 }
  t.match(cluster(options)!.options, {
    cluster: {
      nodes: [{ host: 'a', port: 1 }, { host: 'b', port: 2, password: 'secret' }],
      options: { redisOptions: { password: 'secret' } }
    }
  })
})

t.test('null if a function says where Redis is, or who may answer for it', async t => {
  t.equal(single({ Connector: class {} }), null)
  t.equal(single({ tls: { checkServerIdentity: () => {} } }), null)
  t.equal(single({ sentinels: [{ host: 's' }], name: 'main', natMap: () => null }), null)
  t.equal(cluster({ natMap: () => null }), null)
  t.equal(cluster({ redisOptions: { tls: { checkServerIdentity: () => {} } } }), null)
})

/** A store as a thread opens it. */
async function opened (t: Test, prefix: string): Promise<ReturnType<OpenThreadStore>> {
  const { module, options } = accessTo(connect(t, REDIS_URL), prefix)!
  const { open } = await import(module) as { open: OpenThreadStore }
  const store = open(structuredClone(options))
  t.teardown(() => store.close())
  return store
}

t.test('it gives claims back, and ends waits', async t => {
  const prefix = randomPrefix()
  const queue = new RedisQueue(connect(t), 'default', prefix)
  const record = JSON.stringify({ data: { name: 'x' }, options: {}, status: 'created' })
  await queue.addMany([{ id: 'a', text: record }, { id: 'b', text: record }, { id: 'c', text: record }])
  await queue.claim(2, 'w.1', false)
  await queue.claim(1, 'w.2', false)
  const inThread = (await opened(t, prefix)).queue('default')
  const { jobs } = await inThread.cancelWait('w.2')
  t.match(jobs, [{ id: 'c', token: 'w.2' }])
  t.strictSame(await inThread.release([{ id: 'b', token: 'w.1' }, ...jobs]), ['owned', 'owned'])
  t.strictSame(await inThread.release([{ id: 'b', token: 'w.1' }, { id: 'a', token: 'w.9' }]), ['lost', 'lost'])
  t.strictSame((await queue.pageOf('waiting', 10)).ids, ['b', 'c'])
  t.equal((await queue.claimNext(1, 'w.2')).jobs.length, 0, 'a wait that was ended claims nothing')
  t.match((await queue.claim(3, 'v.1', false)).jobs, [{ id: 'b' }, { id: 'c' }])
})

/** Puts TLS in front of a Redis, and returns the certificate of its authority. */
async function withTls (t: Test, redis: RunningRedis): Promise<{ port: number, ca: Buffer }> {
  const [key, cert] = ['key.pem', 'cert.pem'].map(file => `${redis.dir}/${file}`) as [string, string]
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, '-days', '1',
    '-subj', '/CN=localhost'], { stdio: 'ignore' })
  const ca = readFileSync(cert)
  const server = createServer({ key: readFileSync(key), cert: ca }, near => {
    const far = createConnection(redis.port, '127.0.0.1')
    near.on('error', () => {}).pipe(far).on('error', () => {}).pipe(near)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return { port: (server.address() as AddressInfo).port, ca }
}

t.test('a thread reaches Redis as the app does: by a user, a Unix socket, TLS', async t => {
  const password = 'p%w/#@'
  const redis = await startRedis({ password, unixSocket: true })
  t.teardown(() => redis.stop())
  const { port, ca } = await withTls(t, redis)
  const admin = new Redis({ port: redis.port, password })
  t.teardown(() => admin.disconnect())
  await admin.call('ACL', 'SETUSER', 'app', 'on', '>secret', '~*', '&*', '+@all')
  const tls = { ca, servername: 'localhost' }
  const clients: Record<string, Redis> = {
    'a URL with a password': new Redis(`redis://:${encodeURIComponent(password)}@127.0.0.1:${redis.port}/3`),
    'a URL with a user': new Redis(`redis://app:secret@127.0.0.1:${redis.port}`),
    'options with a user': new Redis({ port: redis.port, username: 'app', password: 'secret' }),
    'a Unix socket': new Redis(redis.socket!, { password }),
    TLS: new Redis({ host: '127.0.0.1', port, password, tls }),
    'TLS by a URL': new Redis(`rediss://app:secret@localhost:${port}`, { tls })
  }
  for (const [name, client] of Object.entries(clients)) {
    t.teardown(() => client.disconnect())
    const { module, options } = accessTo(client, 'p')!
    const { open } = await import(module) as { open: OpenThreadStore }
    const store = open(structuredClone(options))
    t.teardown(() => store.close())
    t.match(await store.queue('default').cancelWait('w.1'), { jobs: [] }, name)
  }
})
