/**
 * Tasks kept in Redis: queues, calls, clock and messages over the app's connection, and connections for workers.
 */
import type { FastifyBaseLogger } from 'fastify'
import { accessTo } from './access.ts'
import { RedisCalls } from './bounded-calls.ts'
import { RedisClock } from './clock.ts'
import { ConnectionLog } from './connection-log.ts'
import { RedisQueue } from './queue.ts'
import { RedisSchedulePlaces } from './schedules.ts'
import { Subscriber } from './subscriber.ts'
import { WorkerConnection } from './worker-connection.ts'
import type { Connection } from './connection.ts'
import type { Settings } from '../../options.ts'
import type { StoreConnection } from '../contract.ts'
import type { Store, StoreAccess } from '../store-contract.ts'

export class RedisStore implements Store {
  readonly calls: RedisCalls
  readonly clock: RedisClock
  readonly pubSub: Subscriber
  readonly schedulePlaces: RedisSchedulePlaces
  readonly #connection: Connection
  readonly #prefix: string
  readonly #log: ConnectionLog

  constructor (connection: Connection, { redisTimeout, prefix }: Settings, log: FastifyBaseLogger) {
    this.#log = new ConnectionLog(log, connection.address)
    this.calls = new RedisCalls(connection, redisTimeout)
    this.clock = new RedisClock(connection.client)
    this.pubSub = new Subscriber(connection.client, (error, client) => this.#log.report('subscriber', error, client))
    this.schedulePlaces = new RedisSchedulePlaces(connection.client, prefix)
    this.#connection = connection
    this.#prefix = prefix
  }

  get address (): string { return this.#connection.address }

  queue (name: string): RedisQueue { return new RedisQueue(this.#connection.client, name, this.#prefix) }

  connect (label: string): WorkerConnection { return new WorkerConnection(this.#connection.client, label, this.#log) }

  access (): StoreAccess | null { return accessTo(this.#connection.client, this.#prefix) }

  // Every connection that a role hands back was made by `connect`.
  untilReady (connection: StoreConnection, ms: number, signal: AbortSignal): Promise<boolean> {
    return (connection as WorkerConnection).untilReady(ms, this.address, signal)
  }

  close (connection: StoreConnection): Promise<void> { return (connection as WorkerConnection).close() }
}
