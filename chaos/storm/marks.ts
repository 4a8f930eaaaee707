/**
 * What is on the replicas, as far as anyone can know: a mark is written to the slot of a queue, and WAIT says that every
 * follower has it. So they have all that was written to that queue before.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import type { Stage } from './stages.ts'

export interface Mark {
  queue: string
  /** What was acknowledged before this moment is on the replicas. */
  from: number
  /** When that was known. */
  to: number
}

const WAIT_MS = 300
const PAUSE = 10

export class Marks {
  readonly list: Mark[] = []
  readonly #stage: Stage
  readonly #over = new AbortController()
  #loops: Array<Promise<void>> = []

  constructor (stage: Stage) {
    this.#stage = stage
  }

  start (): void { this.#loops = this.#stage.queues.map(queue => this.#loop(queue)) }

  async stop (): Promise<void> {
    this.#over.abort()
    await Promise.all(this.#loops)
  }

  async #loop (queue: string): Promise<void> {
    while (!this.#over.signal.aborted) {
      await this.#markOnOwner(queue).catch(() => {}) // it was killed, or the slot has moved
      await sleep(PAUSE)
    }
  }

  async #markOnOwner (queue: string): Promise<void> {
    const owner = await this.#stage.ownerOf(queue)
    const client = new Redis(owner.url, { retryStrategy: () => null, maxRetriesPerRequest: 0, commandTimeout: 2_000 })
    client.on('error', () => {})
    try {
      while (!this.#over.signal.aborted) {
        await this.#mark(queue, client, this.#stage.heirs(owner))
        await sleep(PAUSE)
      }
    } finally {
      client.disconnect()
    }
  }

  async #mark (queue: string, client: Redis, heirs: number): Promise<void> {
    const from = Date.now()
    await client.incr(`{${queue}}:mark`)
    const followers = Number(/connected_slaves:(\d+)/.exec(await client.info('replication'))![1])
    const needed = Math.max(heirs, followers)
    if (await client.wait(needed, WAIT_MS) >= needed) this.list.push({ queue, from, to: Date.now() })
  }
}
