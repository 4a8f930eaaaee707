/** The floor: bare ioredis. LPUSH, a blocking pop, one script that stores a result: no retries, no claims, no status. */
import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import type { Payload } from '../work.ts'
import type { Peer } from './peer.ts'

const LIST = 'floor:waiting'
const store = 'redis.call("HSET", KEYS[1], ARGV[1], ARGV[2]) return 1'

const message = (data: Payload): string => JSON.stringify({ id: randomUUID(), data })

function connect (url: string): Redis {
  const redis = new Redis(url, { scripts: { store: { lua: store, numberOfKeys: 1 } } })
  redis.on('error', () => {}) // the end of the server is the end of the bench
  return redis
}

export const floor: Peer = {
  async producer (url) {
    const redis = connect(url)
    return {
      add: data => redis.lpush(LIST, message(data)),
      addMany: data => redis.lpush(LIST, ...data.map(message))
    }
  },

  /** As many lanes as there may be tasks at once. Their pops queue up on one connection: Redis answers one after the other. */
  async worker (url, { concurrency, handler }) {
    const blocker = connect(url)
    const redis = connect(url) as Redis & { store (key: string, id: string, result: string): Promise<unknown> }
    const closing = new AbortController()

    async function lane (): Promise<void> {
      while (!closing.signal.aborted) {
        const popped = await blocker.brpop(LIST, 0)
        const { id, data } = JSON.parse(popped![1])
        await redis.store('floor:results', id, JSON.stringify(await handler(data)))
      }
    }

    const lanes = Array.from({ length: concurrency }, () => lane().catch(error => { if (!closing.signal.aborted) throw error }))
    return {
      async close () {
        closing.abort()
        blocker.disconnect()
        await Promise.all(lanes)
        redis.disconnect()
      }
    }
  }
}
