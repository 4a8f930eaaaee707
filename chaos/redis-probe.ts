/** Reads the state of Redis over connections of its own, without a proxy. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { TERMINAL_STATES } from '../lib/records/states.ts'
import { queues } from './tasks.ts'

const RETRY_MS = 10
const TERMINAL = new Set<string>(TERMINAL_STATES)

function open (port: number): Redis {
  const client = new Redis({ port, host: '127.0.0.1', retryStrategy: () => RETRY_MS, maxRetriesPerRequest: null })
  client.on('error', () => {})
  return client
}

export class RedisProbe {
  /** When messages about finished tasks arrived. They measure recovery, and are no count: a restart loses some. */
  readonly settledAt: number[] = []
  readonly #client: Redis
  readonly #listener: Redis

  constructor (port: number) {
    this.#client = open(port)
    this.#listener = open(port)
    this.#listener.on('pmessage', (_pattern, _channel, message) => {
      if (TERMINAL.has(message)) this.settledAt.push(Date.now())
    })
  }

  async listen (): Promise<void> {
    await Promise.all(queues.map(queue => this.#listener.psubscribe(`bq:{${queue}}:task:*`)))
  }

  /** Sets Redis' memory limit. @param bytes 0 for no limit */
  async limitMemory (bytes: number): Promise<void> { await this.#client.config('SET', 'maxmemory', String(bytes)) }

  /** Number of tasks that are waiting, delayed or active. */
  async unfinished (): Promise<number> {
    const counts = await Promise.all(queues.flatMap(queue => [
      this.#client.llen(`bq:{${queue}}:waiting`),
      this.#client.llen(`bq:{${queue}}:active`),
      this.#client.zcard(`bq:{${queue}}:delayed`),
      this.#client.hlen(`bq:{${queue}}:claims`)
    ]))
    return counts.reduce((sum, count) => sum + count, 0)
  }

  /** Makes all finished records expire now. */
  async expireAll (): Promise<void> {
    const sets = queues.flatMap(queue => [...TERMINAL].map(state => `bq:{${queue}}:done:${state}`))
    await Promise.all(sets.map(key => this.#client.call('ZUNIONSTORE', key, '1', key, 'WEIGHTS', '0')))
  }

  async recordCount (): Promise<number> {
    const counts = await Promise.all(queues.map(queue => this.#client.hlen(`bq:{${queue}}:jobs`)))
    return counts.reduce((sum, count) => sum + count, 0)
  }

  /** Keys without an expiry. */
  async lastingKeys (): Promise<string[]> {
    const keys = (await this.#client.keys('*')).sort()
    const ttls = await Promise.all(keys.map(key => this.#client.pttl(key)))
    return keys.filter((_key, i) => ttls[i] === -1)
  }

  /** The type and the first entries of a key. */
  async describeKey (key: string): Promise<string> {
    const type = await this.#client.type(key)
    const read: Record<string, () => Promise<unknown>> = {
      string: () => this.#client.get(key),
      list: () => this.#client.lrange(key, 0, 4),
      set: () => this.#client.smembers(key),
      zset: () => this.#client.zrange(key, '0', '4'),
      hash: async () => Object.entries(await this.#client.hgetall(key)).slice(0, 5)
    }
    return `${key} (${type}) ${JSON.stringify(await read[type]?.()).slice(0, 400)}`
  }

  close (): void {
    this.#client.disconnect()
    this.#listener.disconnect()
  }
}

/** Waits for a condition. Returns false if it does not hold within `ms`. */
export async function waitUntil (condition: () => Promise<boolean>, ms: number, signal: AbortSignal): Promise<boolean> {
  const deadline = Date.now() + ms
  while (Date.now() < deadline) {
    if (await condition()) return true
    await sleep(100, undefined, { signal })
  }
  return false
}
