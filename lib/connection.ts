/**
 * Layer 1: connections to Redis: which one, who closes it, and those of our own beside it.
 */
import { Cluster, Redis, type RedisOptions } from 'ioredis'
import * as errors from './errors.ts'
import { refuseKeyPrefix } from './options.ts'
import type { TasksOptions } from './types.ts'

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
  // A peer that went away without a word leaves a command without a reply for ever. Longer than a wait for work lasts.
  socketTimeout: 10_000,
  retryStrategy,
  reconnectOnError
}

export const isClient = (value: unknown): value is RedisClient =>
  typeof value === 'object' && value !== null && typeof (value as any).evalsha === 'function' && typeof (value as any).duplicate === 'function'

function open (redis: Exclude<TasksOptions['redis'], RedisClient>): Redis {
  const options: RedisOptions = { retryStrategy, reconnectOnError }
  if (typeof redis === 'object') return new Redis({ ...options, ...redis })
  return new Redis(redis ?? process.env.REDIS_URL ?? LOCAL_REDIS, options)
}

/**
 * The connection that applies: the `redis` option, the app's `fastify.redis`, REDIS_URL, localhost.
 * @throws TASKS_OPTION_CLASH for a client with a keyPrefix.
 */
export function connect (redis: TasksOptions['redis'], decorated: unknown): Connection {
  const borrowed = isClient(redis) ? redis : redis === undefined && isClient(decorated) ? decorated : null
  const client = borrowed ?? open(redis as string | RedisOptions | undefined)
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
  if (client instanceof Cluster || !('condition' in client || 'connector' in client)) {
    const nodes = (client as Cluster).nodes?.('master') ?? []
    return `redis cluster ${nodes.map(node => `${node.options.host}:${node.options.port}`).join(', ')}`
  }
  const { host, port, db, path, tls, sentinels, name } = (client as Redis).options
  if (sentinels) return `redis sentinel ${name} (${sentinels.map(one => `${one.host}:${one.port}`).join(', ')})/${db ?? 0}`
  if (path) return path
  return `${tls ? 'rediss' : 'redis'}://${host ?? 'localhost'}:${port ?? 6379}/${db ?? 0}`
}

/** A connection of our own to where `client` goes. */
export function duplicate (client: RedisClient, label: string): RedisClient {
  const options = { ...ownOptions, connectionName: `fastify-tasks:${label}` }
  const made: RedisClient = client instanceof Cluster
    ? client.duplicate([], { redisOptions: options })
    : client.duplicate(options)
  made.on('error', () => {}) // ioredis dials again by itself; without a listener it prints
  return made
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
    const onError = (error: Error): void => {
      if (REFUSED.test(error.message)) end(() => reject(new errors.RedisRefused(address, error.message)))
    }
    const timer = setTimeout(() => end(() => resolve(false)), ms)
    client.on('ready', onReady).on('error', onError).on('end', onEnd)
    signal?.addEventListener('abort', onEnd)
  })
}

/** Closes a connection of ours: politely, but not for longer than `ms`. */
export async function disconnect (client: RedisClient, ms = 500): Promise<void> {
  if (client.status !== 'ready') return client.disconnect()
  const timer = setTimeout(() => client.disconnect(), ms)
  await client.quit().catch(() => {})
  clearTimeout(timer)
  client.disconnect()
}

/**
 * What a user should know of a Redis: null, or that it may drop keys. A user without the right to ask is told nothing.
 * @throws TASKS_REDIS_TOO_OLD below 6.2.
 */
export async function inspectRedis (client: RedisClient, address: string): Promise<string | null> {
  const info = await client.info().catch(() => '')
  const field = (name: string): string => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? ''
  const version = field('redis_version')
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (version && (major < 6 || (major === 6 && minor < 2))) throw new errors.RedisTooOld(address, version)
  const policy = field('maxmemory_policy')
  if (!policy || policy === 'noeviction') return null
  return `Redis at ${address} has maxmemory-policy ${policy}: when its memory is full it drops keys, and with them waiting tasks. Set maxmemory-policy noeviction`
}
