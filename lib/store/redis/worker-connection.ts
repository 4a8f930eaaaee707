/**
 * A connection of a worker to Redis, as the roles see it: without ioredis.
 */
import { disconnect, drop, duplicate, isLoading, untilReady, type RedisClient } from './connection.ts'
import { pipelined } from './pipelining.ts'
import type { StoreConnection } from '../contract.ts'
import type { ConnectionLog } from './connection-log.ts'

export class WorkerConnection implements StoreConnection {
  readonly client: RedisClient
  readonly #report: (error: Error) => void

  constructor (source: RedisClient, label: string, log: ConnectionLog) {
    this.#report = error => log.report(label, error, this.client)
    this.client = duplicate(source, label, this.#report)
  }

  get status (): string { return this.client.status }
  on (event: 'ready', callback: () => void): void { this.client.on(event, callback) }
  off (event: 'ready', callback: () => void): void { this.client.off(event, callback) }
  pipelined (send: () => void): void { pipelined(this.client, send) }
  disconnect (): void { drop(this.client) }

  async untilReady (ms: number, address: string, signal: AbortSignal): Promise<boolean> {
    const isReady = await untilReady(this.client, ms, address, signal)
    if (!isReady && await isLoading(this.client)) this.#report(new Error('LOADING the server is loading its data'))
    return isReady
  }

  close (): Promise<void> { return disconnect(this.client) }
}
