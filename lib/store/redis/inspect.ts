/**
 * What a user should know of a Redis when the app starts: its version, its memory policy, its clocks.
 */
import type { Redis } from 'ioredis'
import * as errors from '../../errors.ts'
import { isCluster, type RedisClient } from './connection.ts'

const mastersOf = (client: RedisClient): Redis[] => isCluster(client) ? client.nodes('master') : [client]

/** Delayed tasks start by the clock of the master that has their queue: from this difference on it is worth a word, in ms. */
const CLOCK_SKEW = 1_000

/**
 * What a user should know of a Redis: that it may drop keys, that the clocks of a cluster differ. A user without the right
 * to ask is told nothing.
 * @throws FST_TASKS_REDIS_TOO_OLD below 6.2.
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
