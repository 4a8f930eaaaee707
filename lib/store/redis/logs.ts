/**
 * The logs of the tasks of one queue in Redis: see log-contract.ts.
 */
import { runQueueScript } from './run-script.ts'
import type { RedisClient } from './connection.ts'
import type { QueueKeys } from './keys.ts'
import type { LogParts, QueueLogs } from '../log-contract.ts'

/** How often a log is read that changes meanwhile. */
const MAX_TRIES = 3

export class RedisLogs implements QueueLogs {
  readonly #client: RedisClient
  readonly #keys: QueueKeys

  constructor (client: RedisClient, keys: QueueKeys) {
    this.#client = client
    this.#keys = keys
  }

  async append (id: string, part: string, maxBytes: number): Promise<void> {
    await runQueueScript(this.#client, this.#keys, 'append-log', [id, maxBytes, part])
  }

  /**
   * Not in a script: Redis needs twenty times as long to read them in Lua. If a part is dropped meanwhile, there are
   * newer ones, and it reads again.
   */
  async read (id: string, from: number): Promise<LogParts> {
    const { logs, logged } = this.#keys
    for (let tries = 1; ; tries++) {
      const [first = 0, next = 0] = (await this.#client.hget(logged, id) ?? '').split(' ').map(Number)
      const start = Math.max(first, from)
      const fields = Array.from({ length: Math.max(0, next - start) }, (_, i) => `${id} ${start + i}`)
      const read = fields.length > 0 ? await this.#client.hmget(logs, ...fields) : []
      const parts = read.filter(part => part !== null)
      if (parts.length === fields.length || tries === MAX_TRIES) return { parts, next }
    }
  }
}
