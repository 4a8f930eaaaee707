/**
 * Looks at a Redis from outside: what a user should know when the app starts, and which queues there are.
 */
import type { Redis } from 'ioredis'
import * as errors from '../../errors.ts'
import { msOf } from './clock.ts'
import { isCluster, type RedisClient } from './connection.ts'
import { keyPattern, queueOf } from './keys.ts'
import { uptime } from '../../timers.ts'

/** What deserves a warning. */
export interface RedisInspection {
  /** Policies of masters that drop keys when their memory is full. */
  evictionPolicies: string[]
  /** By how many ms the clocks of the masters differ. 0 if that is too little to matter. */
  skewMs: number
}

const mastersOf = (client: RedisClient): Redis[] => isCluster(client) ? client.nodes('master') : [client]

/** From which difference on the clocks of a cluster are worth a warning, in ms. */
const CLOCK_SKEW_MS = 1_000

/**
 * Finds out if Redis may drop keys, and if the clocks of a cluster differ. Nothing if the user may not ask.
 * @throws FST_TASKS_REDIS_TOO_OLD below 6.2
 */
export async function inspectRedis (client: RedisClient, address: string): Promise<RedisInspection> {
  const masters = mastersOf(client)
  const policies = await Promise.all(masters.map(master => memoryPolicy(master, address)))
  const evictionPolicies = [...new Set(policies)].filter(policy => policy !== 'noeviction')
  const skewMs = masters.length > 1 ? await clockSkew(masters) : 0
  return { evictionPolicies, skewMs: skewMs < CLOCK_SKEW_MS ? 0 : skewMs }
}

/** By how many ms the clocks of these nodes differ, beyond what the round trips explain. */
async function clockSkew (nodes: Redis[]): Promise<number> {
  const start = uptime()
  const times = await Promise.all(nodes.map(node => node.time().then(msOf).catch(() => null)))
  const known = times.filter(time => time !== null)
  if (known.length === 0) return 0
  return Math.max(0, Math.round(Math.max(...known) - Math.min(...known) - (uptime() - start)))
}

/** The maxmemory-policy of a node. "noeviction" if the node does not say. */
async function memoryPolicy (node: Redis, address: string): Promise<string> {
  const info = await node.info().catch(() => '')
  const field = (name: string): string => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? ''
  const version = field('redis_version')
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (version && (major < 6 || (major === 6 && minor < 2))) throw new errors.RedisTooOld(address, version)
  return field('maxmemory_policy') || 'noeviction'
}

/** The queues that have a key under a prefix. Scans all keys of the database, page by page. */
export async function findQueues (client: RedisClient, prefix: string): Promise<string[]> {
  const found = new Set<string>()
  for (const node of mastersOf(client)) {
    for await (const keys of node.scanStream({ match: keyPattern(prefix), count: 1_000 })) {
      for (const key of keys) found.add(queueOf(prefix, key) ?? '')
    }
  }
  found.delete('')
  return [...found].sort()
}

/** A right that the user of Redis lacks. */
export interface MissingRight {
  /** As a rule of an ACL. */
  right: string
  error: Error
}

/** Tries what a user often may not do. New users of Redis 7 have no channel. Nothing is written. */
export async function missingRights (client: RedisClient, prefix: string): Promise<MissingRight[]> {
  const tries: Array<[right: string, call: Promise<unknown>]> = [
    ['+eval +evalsha', client.eval('return 1', 0)],
    [`&${prefix}:* +publish`, client.publish(`${prefix}:rights`, '')]
  ]
  const found = tries.map(([right, call]) => call.then(() => null, (error: Error) => ({ right, error })))
  return (await Promise.all(found)).filter(missing => missing !== null)
    .filter(({ error }) => error.message.startsWith('NOPERM'))
}
