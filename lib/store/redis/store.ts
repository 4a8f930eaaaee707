/**
 * Layer 1: tasks kept in Redis: the queues, calls and channels over one connection, and links of the workers' own.
 */
import { Availability } from './bounded-call.ts'
import { disconnect, duplicate, untilReady, type Connection, type RedisClient } from './connection.ts'
import { TaskQueue } from './queue.ts'
import { Subscriber } from './subscriber.ts'
import type { Settings } from '../../options.ts'
import type { Link, Store } from '../contract.ts'

export class RedisStore implements Store {
  readonly availability: Availability
  readonly subscriber: Subscriber
  readonly #connection: Connection
  readonly #prefix: string

  constructor (connection: Connection, { enqueueTimeout, prefix }: Settings) {
    this.availability = new Availability(connection, enqueueTimeout)
    this.subscriber = new Subscriber(connection.client)
    this.#connection = connection
    this.#prefix = prefix
  }

  get address (): string { return this.#connection.address }

  queue (name: string): TaskQueue { return new TaskQueue(this.#connection.client, name, this.#prefix) }

  // Its links are clients: `open` made them.
  open (label: string): Link { return duplicate(this.#connection.client, label) }
  untilReady (link: Link, ms: number, signal: AbortSignal): Promise<boolean> { return untilReady(link as RedisClient, ms, this.address, signal) }
  shut (link: Link): Promise<void> { return disconnect(link as RedisClient) }
}
