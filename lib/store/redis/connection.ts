/**
 * Layer 1: connections to Redis: which one, who closes it, and those of our own beside it.
 */
import { Cluster, Redis, type ClusterOptions, type RedisOptions } from 'ioredis'
import * as errors from '../../errors.ts'
import { refuseKeyPrefix } from '../../options.ts'
import type { ClusterConnection, TasksOptions } from '../../types.ts'

export type RedisClient = Redis | Cluster

export interface Connection {
  readonly client: RedisClient
  /** Whether it is ours to close. */
  readonly owned: boolean
  /** Where it goes to, without user and password. */
  readonly address: string
}

/** Where Redis is, if nobody says where. */
export const LOCAL_REDIS = 'redis://localhost:6379/0'

/** A failover leaves a connection to what is now a replica: dial again, and send the command again. */
const reconnectOnError = (error: Error): 2 | false => error.message.startsWith('READONLY') ? 2 : false

const retryStrategy = (times: number): number => Math.min(times * 50, 500)

/**
 * A peer that went away without a word (a machine that stopped, a network that split) leaves a command without a reply for
 * ever, and the connection with it, whoever is master by now. Longer than a wait for work lasts, in ms.
 */
const socketTimeout = 10_000

/**
 * What a worker's own connections need, whatever the app's client says. They dial for as long as it takes, and a call
 * whose connection broke is rejected at once, so that whoever made it can make it again in the right way: ioredis
 * would run it twice (autoResendUnfulfilledCommands), or, with maxRetriesPerRequest null beside that, never settle it.
 */
const ownOptions: RedisOptions = {
  maxRetriesPerRequest: 0,
  enableOfflineQueue: true,
  enableAutoPipelining: false,
  autoResendUnfulfilledCommands: false,
  commandTimeout: undefined,
  keyPrefix: undefined,
  lazyConnect: false,
  autoResubscribe: false, // nobody hears how that ends: a rejection would end the process
  socketTimeout,
  retryStrategy,
  reconnectOnError
}

/** The same in a cluster, where a connection to a node is opened when the first command goes there. */
const ownClusterOptions: ClusterOptions = {
  lazyConnect: false,
  enableOfflineQueue: true,
  enableAutoPipelining: false,
  enableReadyCheck: false, // it would open a connection to a node of no use; one that is not ready says so itself
  shardedSubscribers: false,
  scaleReads: 'master',
  retryDelayOnFailover: 0, // else ioredis sends a call again whose connection broke: a claim would take tasks twice
  clusterRetryStrategy: retryStrategy,
  clusterNodeRetryStrategy: null
}

/** By ioredis' own mark: the app's copy of ioredis may be another than ours. */
const isCluster = (client: RedisClient): client is Cluster => client.isCluster

export const isClient = (value: unknown): value is RedisClient =>
  typeof value === 'object' && value !== null && typeof (value as any).evalsha === 'function' && typeof (value as any).duplicate === 'function'

function open (redis: Exclude<TasksOptions['redis'], RedisClient>): RedisClient {
  const options: RedisOptions = { retryStrategy, reconnectOnError, socketTimeout }
  if (typeof redis === 'object' && 'cluster' in redis) return openCluster(redis)
  if (typeof redis === 'object') return new Redis({ ...options, ...redis })
  return new Redis(redis ?? process.env.REDIS_URL ?? LOCAL_REDIS, options)
}

const openCluster = ({ cluster, redisOptions, ...options }: ClusterConnection): Cluster =>
  new Cluster(cluster, { clusterRetryStrategy: retryStrategy, ...options, redisOptions: { socketTimeout, ...redisOptions } })

/**
 * The connection that applies: the `redis` option, the app's `fastify.redis`, REDIS_URL, localhost.
 * @throws TASKS_OPTION_CLASH for a client with a keyPrefix.
 */
export function connect (redis: TasksOptions['redis'], decorated: unknown): Connection {
  const borrowed = isClient(redis) ? redis : redis === undefined && isClient(decorated) ? decorated : null
  const client = borrowed ?? open(redis as Exclude<TasksOptions['redis'], RedisClient>)
  try {
    refuseKeyPrefix(client as Redis) // a URL may carry one too
  } catch (error) {
    if (!borrowed) client.disconnect()
    throw error
  }
  return { client, owned: !borrowed, address: addressOf(client) }
}

/** Where a client goes to, without user and password. */
export function addressOf (client: RedisClient): string {
  if (isCluster(client)) return `redis cluster ${startupNodes(client).map(one => `${one.host}:${one.port}`).join(', ')}`
  const { host, port, db, path, tls, sentinels, name } = client.options
  if (sentinels) return `redis sentinel ${name} (${sentinels.map(one => `${one.host}:${one.port}`).join(', ')})/${db ?? 0}`
  if (path) return path
  return `${tls ? 'rediss' : 'redis'}://${host ?? 'localhost'}:${port ?? 6379}/${db ?? 0}`
}

/** The nodes that a cluster is looked for at. ioredis keeps them to itself, as they were written. */
function startupNodes (cluster: Cluster): RedisOptions[] {
  return (cluster as any).startupNodes.map((node: string | number | RedisOptions) => {
    if (typeof node === 'number') return { host: '127.0.0.1', port: node }
    if (typeof node === 'object') return { ...node, host: node.host ?? '127.0.0.1', port: Number(node.port ?? 6379) }
    const { options } = new Redis(node, { lazyConnect: true })
    return { host: options.host, port: options.port, username: options.username, password: options.password, tls: options.tls }
  })
}

/** A connection of our own to where `client` goes. */
export function duplicate (client: RedisClient, label: string): RedisClient {
  const options = { ...ownOptions, connectionName: `fastify-tasks:${label}` }
  return quiet(isCluster(client)
    ? client.duplicate([], { ...ownClusterOptions, redisOptions: { ...options, lazyConnect: true } })
    : client.duplicate(options))
}

/**
 * A connection of our own that hears what is published. In a cluster all nodes hear all of it: so it goes to one, and
 * when that is away to another. ioredis' own subscriber of a cluster does not say when it has missed something.
 */
export function duplicateToListen (client: RedisClient, label: string): RedisClient {
  if (!isCluster(client)) return duplicate(client, label)
  const made: Redis = new Redis({
    ...client.options.redisOptions,
    ...oneNode(client),
    ...ownOptions,
    connectionName: `fastify-tasks:${label}`,
    retryStrategy (times) {
      Object.assign(made.options, oneNode(client))
      return retryStrategy(times)
    }
  })
  return quiet(made)
}

/** Any master, or where none is known now, any node that the cluster is looked for at. */
function oneNode (cluster: Cluster): RedisOptions {
  const masters = cluster.nodes('master').map(({ options: { host, port, username, password, tls } }) => ({ host, port, username, password, tls }))
  const nodes = masters.length > 0 ? masters : startupNodes(cluster)
  return nodes[Math.floor(Math.random() * nodes.length)]!
}

/** ioredis dials again by itself; without a listener it prints. */
function quiet<T extends RedisClient> (client: T): T {
  client.on('error', () => {})
  return client
}

const REFUSED = /WRONGPASS|NOAUTH|NOPERM|invalid password|invalid username-password|DB index is out of range/

/**
 * Waits until a client is ready; false where it is not within `ms`, or the signal was aborted: a client that is
 * disconnected between two tries says nothing.
 * @throws TASKS_REDIS_REFUSED where Redis answers, and refuses user, password or database: waiting would not help.
 */
export function untilReady (client: RedisClient, ms: number, address: string, signal?: AbortSignal): Promise<boolean> {
  if (client.status === 'ready') return Promise.resolve(true)
  if (client.status === 'wait') client.connect().catch(() => {}) // lazyConnect: nobody else may dial
  return new Promise((resolve, reject) => {
    const end = (settle: () => void): void => {
      clearTimeout(timer)
      client.off('ready', onReady).off('error', onError).off('end', onEnd)
      signal?.removeEventListener('abort', onEnd)
      settle()
    }
    const onReady = (): void => end(() => resolve(true))
    const onEnd = (): void => end(() => resolve(false))
    const onError = (error: Error & { lastNodeError?: Error }): void => {
      const { message } = error.lastNodeError ?? error // a cluster's own says that all nodes failed, and not why
      if (REFUSED.test(message)) end(() => reject(new errors.RedisRefused(address, message)))
    }
    const timer = setTimeout(() => end(() => resolve(false)), ms)
    client.on('ready', onReady).on('error', onError).on('end', onEnd)
    signal?.addEventListener('abort', onEnd)
  })
}

/** What is sent inside goes out in one write, and Redis answers in one. */
export function together (client: object, send: () => void): void {
  const { stream } = client as { stream?: { cork (): void, uncork (): void } } // none in a cluster: there are several
  stream?.cork()
  try {
    send()
  } finally {
    stream?.uncork()
  }
}

const gathering = new WeakSet<object>()
/** As it was: with one that a test has put in its place the app's connection would stand still. */
const { setImmediate } = globalThis

/**
 * Sends at once, and in one write at its end what else is sent in this turn of the event loop: each write wakes Redis, and
 * costs more than all else that a small call does.
 */
export function gathered<T> (client: object, send: () => T): T {
  const { stream } = client as { stream?: { cork (): void, uncork (): void } }
  const sent = send()
  if (!stream || gathering.has(stream)) return sent
  gathering.add(stream)
  stream.cork()
  setImmediate(() => {
    gathering.delete(stream)
    stream.uncork()
  })
  return sent
}

/** Closes a connection of ours: politely, but not for longer than `ms`. */
export async function disconnect (client: RedisClient, ms = 500): Promise<void> {
  if (client.status === 'end') return // a cluster client would leave it again
  if (client.status !== 'ready') return client.disconnect()
  const timer = setTimeout(() => client.disconnect(), ms)
  await client.quit().catch(() => {})
  clearTimeout(timer)
  client.disconnect()
}

const mastersOf = (client: RedisClient): Redis[] => isCluster(client) ? client.nodes('master') : [client]

/** Delayed tasks start by the clock of the master that has their queue: from this difference on it is worth a word, in ms. */
const CLOCK_SKEW = 1_000

/**
 * What a user should know of a Redis: that it may drop keys, that the clocks of a cluster differ. A user without the right
 * to ask is told nothing.
 * @throws TASKS_REDIS_TOO_OLD below 6.2.
 */
export async function inspectRedis (client: RedisClient, address: string): Promise<string[]> {
  const masters = mastersOf(client)
  const policies = await Promise.all(masters.map(master => inspectNode(master, address)))
  const skew = masters.length > 1 ? await clockSkew(masters) : 0
  const clocks = `The clocks of ${address} differ by ${skew} ms: delayed tasks start by so much too early or too late. Synchronise them (NTP)`
  return [...new Set(policies.filter(one => one !== null)), ...(skew >= CLOCK_SKEW ? [clocks] : [])]
}

/** By how many ms the clocks of these differ, beyond what the round trips explain. */
async function clockSkew (masters: Redis[]): Promise<number> {
  const start = Date.now()
  const times = await Promise.all(masters.map(master => master.time().then(([seconds, micros]) => Number(seconds) * 1000 + Number(micros) / 1000, () => null)))
  const known = times.filter(time => time !== null)
  return known.length === 0 ? 0 : Math.max(0, Math.round(Math.max(...known) - Math.min(...known) - (Date.now() - start)))
}

async function inspectNode (client: Redis, address: string): Promise<string | null> {
  const info = await client.info().catch(() => '')
  const field = (name: string): string => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? ''
  const version = field('redis_version')
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (version && (major < 6 || (major === 6 && minor < 2))) throw new errors.RedisTooOld(address, version)
  const policy = field('maxmemory_policy')
  if (!policy || policy === 'noeviction') return null
  return `Redis at ${address} has maxmemory-policy ${policy}: when its memory is full it drops keys, and with them waiting tasks. Set maxmemory-policy noeviction`
}
