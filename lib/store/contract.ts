/**
 * Layer 1: where tasks are kept, as the roles above see it: Redis (redis-store.ts), or this process (memory-store.ts).
 *
 * The words are those of the Redis side: what is added there is missing in the other, and does not compile, until it is
 * there too.
 */
import type { Availability } from './redis/bounded-call.ts'
import type { TaskQueue } from './redis/queue.ts'
import type { Subscriber } from './redis/subscriber.ts'

/** A worker's way to the store; a client of ioredis is one as it is. */
export interface Link {
  readonly status: string
  on (event: 'ready', callback: () => void): unknown
  off (event: 'ready', callback: () => void): unknown
  /** At once: what is waited for over it ends. */
  disconnect (): void
}

/** One queue. */
export interface Queue extends Omit<TaskQueue, 'over'> {
  /** The same queue over another link of the same store. */
  over (link: Link): Queue
}

/** Calls for someone who waits, and the one clock of tasks' times. */
export interface Reach extends Omit<Availability, never> {}

/** Says what changes. */
export interface Channels extends Omit<Subscriber, never> {}

export interface Store {
  /** Where it is, for people. */
  readonly address: string
  readonly availability: Reach
  readonly subscriber: Channels
  queue (name: string): Queue
  /** A link of a worker's own. */
  open (label: string): Link
  /** See `untilReady` of connection.ts. */
  untilReady (link: Link, ms: number, signal: AbortSignal): Promise<boolean>
  /** Closes a link: what was sent over it is still carried out. */
  shut (link: Link): Promise<void>
}
