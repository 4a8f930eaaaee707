/** The bench's own look at Redis, past the proxy. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { queues } from './tasks.ts'

const dialAgain = (): number => 10
const TERMINAL = new Set(['succeeded', 'failed', 'cancelled', 'expired'])

function open (port: number): Redis {
  const client = new Redis({ port, host: '127.0.0.1', retryStrategy: dialAgain, maxRetriesPerRequest: null })
  client.on('error', () => {})
  return client
}

export class RedisProbe {
  /** When the end of a task was heard of: for the time that recovery takes, not for counting. A restart loses some. */
  readonly settledAt: number[] = []
  readonly #client: Redis
  readonly #listener: Redis

  constructor (port: number) {
    this.#client = open(port)
    this.#listener = open(port)
    this.#listener.on('pmessage', (_pattern, _channel, message) => { if (TERMINAL.has(message)) this.settledAt.push(Date.now()) })
  }

  async listen (): Promise<void> { await Promise.all(queues.map(queue => this.#listener.psubscribe(`bq:{${queue}}:task:*`))) }

  /** In bytes; 0 is no limit. */
  async limitMemory (bytes: number): Promise<void> { await this.#client.config('SET', 'maxmemory', String(bytes)) }

  /** How many tasks have not ended. */
  async open (): Promise<number> {
    const counts = await Promise.all(queues.flatMap(queue => [
      this.#client.llen(`bq:{${queue}}:waiting`), this.#client.llen(`bq:{${queue}}:active`), this.#client.zcard(`bq:{${queue}}:delayed`), this.#client.hlen(`bq:{${queue}}:claims`)
    ]))
    return counts.reduce((sum, count) => sum + count, 0)
  }

  /** The time of all records passes now. */
  async expireAll (): Promise<void> {
    const sets = queues.flatMap(queue => [...TERMINAL].map(state => `bq:{${queue}}:done:${state}`))
    await Promise.all(sets.map(key => this.#client.call('ZUNIONSTORE', key, '1', key, 'WEIGHTS', '0')))
  }

  async records (): Promise<number> {
    const counts = await Promise.all(queues.map(queue => this.#client.hlen(`bq:{${queue}}:jobs`)))
    return counts.reduce((sum, count) => sum + count, 0)
  }

  /** Those that do not go by themselves. */
  async keys (): Promise<string[]> {
    const keys = (await this.#client.keys('*')).sort()
    const spans = await Promise.all(keys.map(key => this.#client.pttl(key)))
    return keys.filter((_key, i) => spans[i] === -1)
  }

  /** What a key holds, in short. */
  async show (key: string): Promise<string> {
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

/** Asks until it is so; false where it is not in time. */
export async function until (condition: () => Promise<boolean>, ms: number, signal: AbortSignal): Promise<boolean> {
  const deadline = Date.now() + ms
  while (Date.now() < deadline) {
    if (await condition()) return true
    await sleep(100, undefined, { signal })
  }
  return false
}
