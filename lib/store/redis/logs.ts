/**
 * The logs of the tasks of one queue in Redis: see log-contract.ts.
 */
import { runQueueScript } from './run-script.ts'
import type { RedisClient } from './connection.ts'
import type { QueueKeys } from './keys.ts'
import type { LogParts, QueueLogs } from '../log-contract.ts'

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

  /** Not in a script: Redis needs twenty times as long to read them in Lua. A part may be dropped meanwhile. */
  async read (id: string, from: number): Promise<LogParts> {
    const { logs, logged } = this.#keys
    const [first = 0, next = 0] = (await this.#client.hget(logged, id) ?? '').split(' ').map(Number)
    const fields = Array.from({ length: Math.max(0, next - Math.max(first, from)) }, (_, i) =>
      `${id} ${Math.max(first, from) + i}`)
    const parts = fields.length > 0 ? await this.#client.hmget(logs, ...fields) : []
    return { parts: parts.filter(part => part !== null), next }
  }
}
