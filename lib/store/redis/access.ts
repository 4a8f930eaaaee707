/**
 * What a thread needs to reach the Redis of a client: its options, as far as they can be cloned.
 */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { databaseOf, isCluster, startupNodes, type RedisClient } from './connection.ts'
import type { StoreAccess } from '../store-contract.ts'

export interface ThreadStoreOptions {
  prefix: string
  /** Of a client of one server, or of one that asks sentinels. */
  single?: object
  /** Of a client of a cluster. */
  cluster?: { nodes: object[], options: object }
}

/** Functions of ioredis' options that a thread does without: it has strategies and a look-up of names of its own. */
const REPLACED = new Set([
  'retryStrategy', 'reconnectOnError', 'sentinelRetryStrategy', 'sentinelReconnectStrategy',
  'clusterRetryStrategy', 'clusterNodeRetryStrategy', 'dnsLookup', 'resolveSrv'
])

/**
 * Null if a thread cannot reach it: an option is a function that says where Redis is or who may answer for it, such as
 * `Connector`, `natMap` or `tls.checkServerIdentity`, or something else that cannot be cloned; or a bundler has moved
 * this code away from the thread's.
 */
export function accessTo (client: RedisClient, prefix: string): StoreAccess | null {
  const module = moduleOfThread()
  if (module === null) return null
  try {
    const options: ThreadStoreOptions = isCluster(client)
      ? { prefix, cluster: { nodes: startupNodes(client).map(cloneable), options: cloneable(client.options) } }
      : { prefix, single: { ...cloneable(client.options), db: databaseOf(client) } }
    return { module, options: structuredClone(options) }
  } catch {
    return null
  }
}

/** Without the functions that are replaced, at any depth. Another function stays: it cannot be cloned. */
function cloneable<T extends object> (options: T): T {
  const entries = Object.entries(options)
    .filter(([name, value]) => !(typeof value === 'function' && REPLACED.has(name)))
    .map(([name, value]) => [name, isPlain(value) ? cloneable(value) : value])
  return Object.fromEntries(entries)
}

const isPlain = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && [Object.prototype, null].includes(Object.getPrototypeOf(value))

function moduleOfThread (): string | null {
  try {
    const url = new URL(`./thread-store${import.meta.url.slice(-3)}`, import.meta.url)
    return existsSync(fileURLToPath(url)) ? url.href : null
  } catch {
    return null // a bundle in CommonJS has no import.meta.url
  }
}
