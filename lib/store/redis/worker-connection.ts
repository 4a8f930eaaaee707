/**
 * A connection of a worker to Redis, as the roles see it: without ioredis.
 */
import { disconnect, drop, duplicate, untilReady, type RedisClient } from './connection.ts'
import { pipelined } from './pipelining.ts'
import type { StoreConnection } from '../contract.ts'

export class WorkerConnection implements StoreConnection {
  readonly client: RedisClient

  constructor (source: RedisClient, label: string) {
    this.client = duplicate(source, label)
  }

  get status (): string { return this.client.status }
  on (event: 'ready', callback: () => void): void { this.client.on(event, callback) }
  off (event: 'ready', callback: () => void): void { this.client.off(event, callback) }
  pipelined (send: () => void): void { pipelined(this.client, send) }
  disconnect (): void { drop(this.client) }

  untilReady (ms: number, address: string, signal: AbortSignal): Promise<boolean> {
    return untilReady(this.client, ms, address, signal)
  }

  close (): Promise<void> { return disconnect(this.client) }
}
