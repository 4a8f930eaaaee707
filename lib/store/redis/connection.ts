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
export const isCluster = (client: RedisClient): client is Cluster => client.isCluster

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
 * @throws FST_TASKS_OPTION_CLASH for a client with a keyPrefix.
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
  return ignoreErrors(isCluster(client)
    ? client.duplicate([], { ...ownClusterOptions, redisOptions: { ...options, lazyConnect: true } })
    : client.duplicate(options))
}

/**
 * A connection of our own that hears what is published. In a cluster all nodes hear all of it: so it goes to one, and
 * when that is away to another. ioredis' own subscriber of a cluster does not say when it has missed something.
 */
export function duplicateSubscriber (client: RedisClient, label: string): RedisClient {
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
  return ignoreErrors(made)
}

/** Any master, or where none is known now, any node that the cluster is looked for at. */
function oneNode (cluster: Cluster): RedisOptions {
  const masters = cluster.nodes('master').map(({ options: { host, port, username, password, tls } }) => ({ host, port, username, password, tls }))
  const nodes = masters.length > 0 ? masters : startupNodes(cluster)
  return nodes[Math.floor(Math.random() * nodes.length)]!
}

/** ioredis dials again by itself; without a listener it prints. */
function ignoreErrors<T extends RedisClient> (client: T): T {
  client.on('error', () => {})
  return client
}

const REFUSED = /WRONGPASS|NOAUTH|NOPERM|invalid password|invalid username-password|DB index is out of range/

/**
 * Waits until a client is ready; false where it is not within `ms`, or the signal was aborted: a client that is
 * disconnected between two tries says nothing.
 * @throws FST_TASKS_REDIS_REFUSED where Redis answers, and refuses user, password or database: waiting would not help.
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

/** Closes a connection of ours: politely, but not for longer than `ms`. */
export async function disconnect (client: RedisClient, ms = 500): Promise<void> {
  if (client.status === 'end') return // a cluster client would leave it again
  if (client.status !== 'ready') return client.disconnect()
  const timer = setTimeout(() => client.disconnect(), ms)
  await client.quit().catch(() => {})
  clearTimeout(timer)
  client.disconnect()
}
