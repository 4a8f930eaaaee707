/**
 * Records which writes are known to be on the replicas. It writes a mark to the slot of a queue, and WAIT confirms that
 * every replica has it. Then every replica has all earlier writes to that queue, too.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import type { ReplicatedServers } from './servers.ts'

export interface Mark {
  queue: string
  /** Tasks that were acknowledged before this moment are on the replicas. */
  from: number
  /** When WAIT confirmed it. */
  to: number
}

const WAIT_MS = 300
const PAUSE_MS = 10

export class Marks {
  readonly list: Mark[] = []
  readonly #servers: ReplicatedServers
  readonly #stopping = new AbortController()
  #loops: Array<Promise<void>> = []

  constructor (servers: ReplicatedServers) {
    this.#servers = servers
  }

  start (): void { this.#loops = this.#servers.queues.map(queue => this.#loop(queue)) }

  async stop (): Promise<void> {
    this.#stopping.abort()
    await Promise.all(this.#loops)
  }

  async #loop (queue: string): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      await this.#markOnMaster(queue).catch(() => {}) // the master was killed, or the slot has moved
      await sleep(PAUSE_MS)
    }
  }

  async #markOnMaster (queue: string): Promise<void> {
    const master = await this.#servers.masterOf(queue)
    const client = new Redis(master.url, { retryStrategy: () => null, maxRetriesPerRequest: 0, commandTimeout: 2_000 })
    client.on('error', () => {})
    try {
      while (!this.#stopping.signal.aborted) {
        await this.#mark(queue, client, this.#servers.electableReplicas(master))
        await sleep(PAUSE_MS)
      }
    } finally {
      client.disconnect()
    }
  }

  async #mark (queue: string, client: Redis, replicas: number): Promise<void> {
    const from = Date.now()
    await client.incr(`{${queue}}:mark`)
    const followers = Number(/connected_slaves:(\d+)/.exec(await client.info('replication'))![1])
    const needed = Math.max(replicas, followers)
    if (await client.wait(needed, WAIT_MS) >= needed) this.list.push({ queue, from, to: Date.now() })
  }
}
