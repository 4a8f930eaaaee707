/**
 * Connections to Redis: the one that the app uses, who closes it, and our own connections beside it.
 */
import type { Socket } from 'node:net'
import { Cluster, Redis, type ClusterOptions, type RedisOptions } from 'ioredis'
import * as errors from '../../errors.ts'
import { eventsOf } from './client-events.ts'
import { checkRedisAddress, checkRedisUrl, LOCAL_REDIS, refuseClientOptions } from '../../options.ts'
import { withDeadline } from './deadline.ts'
import { withoutScript } from '../../log-limit.ts'
import { uptime } from '../../timers.ts'
import type { ClusterConnection, TasksOptions } from '../../types.ts'

export type RedisClient = Redis | Cluster

export interface Connection {
  readonly client: RedisClient
  /** True if we opened it: then we close it. */
  readonly owned: boolean
  /** Without user and password. */
  readonly address: string
}

/** Called with each error of a connection of our own, which connects again without our help. */
type Report = (error: Error) => void

/** How long a connection to a replica is kept before it is given up again, in ms: doubled each time. */
const REPLICA_MIN_MS = 500
const REPLICA_MAX_MS = 5_000

/** What ioredis does after an error: 1 means connect again, 2 means repeat the command as well. */
type Reconnect = 1 | 2

/**
 * After a failover the connection goes to a replica. If the next one leads there again, it is kept, and its callers get
 * the error, until the next try is due.
 */
function makeReconnectOnError (how: Reconnect, report: Report = () => {}): (error: Error) => Reconnect | false {
  let pause = REPLICA_MIN_MS
  let triedAt = -Infinity
  return error => {
    if (!withoutScript(error.message).startsWith('READONLY')) return false
    report(error)
    const age = uptime() - triedAt
    if (age < pause) return false
    pause = age > 4 * REPLICA_MAX_MS ? REPLICA_MIN_MS : Math.min(2 * pause, REPLICA_MAX_MS)
    triedAt = uptime()
    return how
  }
}

const retryStrategy = (times: number): number => Math.min(times * 50, 500)

/**
 * How long a connection may be silent while a command waits for its reply, in ms. If the master's machine stops, or the
 * network splits, no connection is closed: without this limit a command would wait for ever. Longer than a worker waits
 * for work.
 */
const socketTimeout = 10_000

/** How often a server is asked whether it has loaded its data, in ms. This timer of ioredis outlives a disconnect. */
const maxLoadingRetryTime = 500

/**
 * What the connections of a worker need, whatever the options of the app's client are. They reconnect for as long as it
 * takes. A call whose connection broke is rejected at once, so that the caller can repeat it in the right way: ioredis
 * would run it twice (autoResendUnfulfilledCommands), or never settle it (with maxRetriesPerRequest null as well).
 */
const ownOptions: RedisOptions = {
  maxRetriesPerRequest: 0,
  enableOfflineQueue: true,
  enableAutoPipelining: false,
  autoResendUnfulfilledCommands: false,
  commandTimeout: undefined,
  keyPrefix: undefined,
  lazyConnect: false,
  autoResubscribe: false, // ioredis does not handle its rejection, which would end the process
  socketTimeout,
  maxLoadingRetryTime,
  retryStrategy
}

/** The same for a cluster. The connection to a node is opened when the first command goes there. */
export const ownClusterOptions: ClusterOptions = {
  lazyConnect: false,
  enableOfflineQueue: true,
  enableAutoPipelining: false,
  enableReadyCheck: false, // it would open a connection to a random node. A node that is not ready rejects commands
  shardedSubscribers: false,
  scaleReads: 'master',
  retryDelayOnFailover: 0, // otherwise ioredis repeats a call whose connection broke, and a claim takes tasks twice
  clusterRetryStrategy: retryStrategy,
  clusterNodeRetryStrategy: null
}

/** Not `instanceof`: the app may have another copy of ioredis. */
export const isCluster = (client: RedisClient): client is Cluster => client.isCluster

export const isClient = (value: unknown): value is RedisClient =>
  typeof value === 'object' && value !== null &&
  typeof (value as any).evalsha === 'function' && typeof (value as any).duplicate === 'function'

function open (redis: Exclude<TasksOptions['redis'], RedisClient>): RedisClient {
  if (typeof redis === 'object' && 'cluster' in redis) return openCluster(redis)
  const source = redis === undefined ? 'REDIS_URL' : 'redis'
  const address = redis ?? checkRedisUrl('REDIS_URL', process.env.REDIS_URL) ?? LOCAL_REDIS
  checkRedisAddress(address, source)
  const reconnectOnError = makeReconnectOnError(2)
  const options: RedisOptions = { retryStrategy, reconnectOnError, socketTimeout, maxLoadingRetryTime }
  return typeof address === 'object' ? new Redis({ ...options, ...address }) : new Redis(address, options)
}

function openCluster ({ cluster, redisOptions, ...options }: ClusterConnection): Cluster {
  for (const node of cluster) checkRedisAddress(node, 'redis.cluster')
  return new Cluster(cluster, {
    clusterRetryStrategy: retryStrategy,
    ...options,
    redisOptions: { socketTimeout, ...redisOptions }
  })
}

/**
 * Takes the first of: the `redis` option, the app's `fastify.redis`, REDIS_URL, localhost.
 * @param decorated the app's `fastify.redis`, whatever it is
 * @throws FST_TASKS_OPTION_CLASH for a client with a keyPrefix, FST_TASKS_PLUGIN_OPTION_INVALID for a wrong address or
 *   for a client that gives replies in another form
 */
export function connect (redis: TasksOptions['redis'], decorated: unknown): Connection {
  const borrowed = isClient(redis) ? redis : redis === undefined && isClient(decorated) ? decorated : null
  const client = borrowed ?? open(redis as Exclude<TasksOptions['redis'], RedisClient>)
  try {
    refuseClientOptions(client) // a URL may set one too
  } catch (error) {
    if (!borrowed) drop(client)
    throw error
  }
  return { client, owned: !borrowed, address: addressOf(client) }
}

const hostsOf = (nodes: Array<{ host?: string, port?: number }>): string =>
  nodes.map(({ host, port }) => `${shown(host)}:${port}`).join(', ')

/** A host that is a URL, in the options of a client of the app's, may have a password in it. */
const shown = (host = 'localhost'): string => /[/@\s]/.test(host) ? '(not a host name)' : host

/** The database of a client. The app may have selected another than its options name. */
export const databaseOf = (client: Redis): number =>
  (client as unknown as { condition?: { select?: number } }).condition?.select ?? client.options.db ?? 0

/** The address of a client, without user and password. */
export function addressOf (client: RedisClient): string {
  if (isCluster(client)) return `redis cluster ${hostsOf(startupNodes(client))}`
  const { host, port, path, tls, sentinels, name } = client.options
  const db = databaseOf(client)
  if (sentinels) return `redis sentinel ${name} (${hostsOf(sentinels as RedisOptions[])})/${db}`
  if (path) return path.replace(/^.*@/s, '…@')
  return `${tls ? 'rediss' : 'redis'}://${shown(host)}:${port ?? 6379}/${db}`
}

/** The nodes that a cluster client starts with. ioredis keeps them as the app wrote them, in a private field. */
export function startupNodes (cluster: Cluster): RedisOptions[] {
  return (cluster as any).startupNodes.map((node: string | number | RedisOptions) => {
    if (typeof node === 'number') return { host: '127.0.0.1', port: node }
    if (typeof node === 'object') return { ...node, host: node.host ?? '127.0.0.1', port: Number(node.port ?? 6379) }
    const { host, port, username, password, tls } = new Redis(node, { lazyConnect: true }).options
    return { host, port, username, password, tls }
  })
}

export const optionsOf = (label: string, report: Report): RedisOptions => ({
  ...ownOptions,
  connectionName: `fastify-tasks:${label}`,
  reconnectOnError: makeReconnectOnError(1, report)
})

/** Opens a connection of our own to the Redis of `client`. */
export function duplicate (client: RedisClient, label: string, report: Report = () => {}): RedisClient {
  const options = optionsOf(label, report)
  return ours(report, isCluster(client)
    ? client.duplicate([], { ...ownClusterOptions, redisOptions: { ...options, lazyConnect: true } })
    : client.duplicate({ ...options, db: databaseOf(client) }))
}

/**
 * Opens a connection of our own that listens. In a cluster every node gets every message: so it goes to one node, and
 * to another if that one is unavailable. The subscriber that ioredis has for clusters does not say when it missed
 * messages.
 */
export function duplicateSubscriber (client: RedisClient, label: string, report: Report = () => {}): RedisClient {
  if (!isCluster(client)) return duplicate(client, label, report)
  const made: Redis = new Redis({
    ...client.options.redisOptions,
    ...oneNode(client),
    ...optionsOf(label, report),
    retryStrategy (times) {
      Object.assign(made.options, oneNode(client))
      return retryStrategy(times)
    }
  })
  return ours(report, made)
}

/** Any master. If none is known now, any node that the client starts with. */
function oneNode (cluster: Cluster): RedisOptions {
  const addressAndUser = ({ host, port, username, password, tls }: RedisOptions): RedisOptions =>
    ({ host, port, username, password, tls })
  const masters = cluster.nodes('master').map(({ options }) => addressAndUser(options))
  const nodes = masters.length > 0 ? masters : startupNodes(cluster)
  return nodes[Math.floor(Math.random() * nodes.length)]!
}

/** Every role of a worker listens, for every queue. Without a listener for errors ioredis prints them. */
function ours<T extends RedisClient> (report: Report, client: T): T {
  client.setMaxListeners(0)
  client.on('error', report)
  return client
}

const REFUSED = /WRONGPASS|NOAUTH|NOPERM|invalid password|invalid username-password|DB index is out of range/

/**
 * Waits until a client is ready. False if it is not within `ms`, or if the signal was aborted: a client that is
 * disconnected between two tries has no event for it.
 * @param onFailure called with the error of each try that failed
 * @throws FST_TASKS_REDIS_REFUSED if Redis refuses user, password or database: waiting would not help
 */
export async function untilReady (
  client: RedisClient, ms: number, address: string, signal?: AbortSignal, onFailure: (error: Error) => void = () => {}
): Promise<boolean> {
  if (client.status === 'ready') return true
  if (client.status === 'wait') client.connect().catch(() => {}) // lazyConnect: perhaps nobody else connects it
  let stopListening = (): void => {}
  const ready = (): Promise<boolean> => new Promise((resolve, reject) => {
    const onReady = (): void => resolve(true)
    const onEnd = (): void => resolve(false)
    const onError = (error: Error & { lastNodeError?: Error }): void => {
      onFailure(error)
      const { message } = error.lastNodeError ?? error // a cluster client reports that all nodes failed, and not why
      if (REFUSED.test(message)) reject(new errors.RedisRefused(address, message))
    }
    const events = eventsOf(client).on('ready', onReady).on('error', onError).on('end', onEnd)
    signal?.addEventListener('abort', onEnd)
    stopListening = () => {
      events.off('ready', onReady).off('error', onError).off('end', onEnd)
      signal?.removeEventListener('abort', onEnd)
    }
  })
  return withDeadline(ready, ms, () => false).finally(() => stopListening())
}

/** How long a server may take to say whether it is loading, in ms. */
const LOADING_CHECK_MS = 500

/** Whether a server that accepted a connection is loading its data. ioredis asks again and again without an error. */
export async function isLoading (client: RedisClient): Promise<boolean> {
  if (isCluster(client) || client.status !== 'connect') return false
  const info = await withDeadline(() => client.info('persistence'), LOADING_CHECK_MS, () => '').catch(() => '')
  return /^loading:1/m.test(info)
}

/** Closes a connection of ours. Redis gets `ms` to reply to what was sent before. */
export async function disconnect (client: RedisClient, ms = 500): Promise<void> {
  if (client.status === 'end') return // a second disconnect would make a cluster client leave this state
  if (client.status === 'ready') await withDeadline(() => client.quit(), ms, () => 'OK').catch(() => {})
  drop(client)
}

/** Closes a connection of ours at once. */
export function drop (client: RedisClient): void {
  const connections = isCluster(client) ? client.nodes('all') : [client]
  const streams = connections.map(forgetClosedStream)
  client.disconnect()
  // ioredis only half-closes, and waits 2 s for a server that may never answer.
  for (const stream of streams) stream?.destroy()
}

interface WithConnector { connector?: { stream?: Socket | null }, stream?: Socket }

/** Its stream. Null if it is closed: `disconnect` would set a timer of 2 s for it, which nothing clears. */
function forgetClosedStream (connection: Redis): Socket | null {
  const { connector, stream } = connection as unknown as WithConnector
  const current = connector?.stream ?? stream ?? null
  if (!current?.destroyed) return current
  if (connector) connector.stream = null
  return null
}
