/** The floor: bare ioredis. LPUSH, a blocking pop, a script that stores a result. No retries, no claims, no status. */
import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import type { Payload } from '../work.ts'
import type { Peer } from './peer.ts'

const LIST = 'floor:waiting'
const store = 'redis.call("HSET", KEYS[1], ARGV[1], ARGV[2]) return 1'

const message = (data: Payload): string => JSON.stringify({ id: randomUUID(), data })

function connect (url: string): Redis {
  const redis = new Redis(url, { scripts: { store: { lua: store, numberOfKeys: 1 } } })
  redis.on('error', () => {}) // the server stops only when the bench ends
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

  /** Runs one loop for each concurrent task. The loops' pops queue up on one connection. */
  async worker (url, { concurrency, handler }) {
    const blockingConnection = connect(url)
    const redis = connect(url) as Redis & { store (key: string, id: string, result: string): Promise<unknown> }
    const closing = new AbortController()

    async function loop (): Promise<void> {
      while (!closing.signal.aborted) {
        const popped = await blockingConnection.brpop(LIST, 0)
        const { id, data } = JSON.parse(popped![1])
        await redis.store('floor:results', id, JSON.stringify(await handler(data)))
      }
    }

    const loops = Array.from({ length: concurrency }, () =>
      loop().catch(error => { if (!closing.signal.aborted) throw error }))
    return {
      async close () {
        closing.abort()
        blockingConnection.disconnect()
        await Promise.all(loops)
        redis.disconnect()
      }
    }
  }
}
