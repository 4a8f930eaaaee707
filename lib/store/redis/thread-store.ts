/**
 * The store in a thread: gives claims back over a connection of its own. Loaded by its path, in threads only.
 */
import { Cluster, Redis } from 'ioredis'
import { callOfClaim, releaseArguments, toClaimReply, toClaimStatuses } from './codec.ts'
import { drop, optionsOf, ownClusterOptions, type RedisClient } from './connection.ts'
import { QueueKeys } from './keys.ts'
import { runQueueScript } from './run-script.ts'
import type { ThreadStoreOptions } from './access.ts'
import type { ClaimRef, ClaimReply, ClaimStatus } from '../contract.ts'
import type { ThreadStore } from '../store-contract.ts'

/** Makes the same calls as RedisQueue, which would load Bee-Queue too: the thread must start quickly. */
class ThreadQueue {
  readonly #client: RedisClient
  readonly #keys: QueueKeys

  constructor (client: RedisClient, name: string, prefix: string) {
    this.#client = client
    this.#keys = new QueueKeys(prefix, name)
  }

  async cancelWait (token: string): Promise<ClaimReply> {
    const args = callOfClaim(this.#keys.prefix, 0, token, 'cancel-wait')
    return toClaimReply(await runQueueScript(this.#client, this.#keys, 'claim', args), token)
  }

  /** Tasks that have not started. */
  async release (claims: ClaimRef[]): Promise<ClaimStatus[]> {
    const args = releaseArguments(this.#keys.prefix, claims, () => 0)
    return toClaimStatuses(await runQueueScript(this.#client, this.#keys, 'release', args))
  }
}

/** Connects at once. */
export function open ({ prefix, single, cluster }: ThreadStoreOptions): ThreadStore {
  const options = optionsOf('guard', () => {})
  const client: RedisClient = cluster
    ? new Cluster(cluster.nodes, {
      ...cluster.options,
      ...ownClusterOptions,
      dnsLookup: (address, callback) => callback(null, address),
      redisOptions: { ...(cluster.options as any).redisOptions, ...options, lazyConnect: true }
    })
    : new Redis({ ...single, ...options })
  client.on('error', () => {}) // the calls are rejected
  return { queue: name => new ThreadQueue(client, name, prefix), close: () => drop(client) }
}
