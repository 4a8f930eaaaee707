/**
 * What a store is, beside its queues: connections, a clock, messages, calls with a deadline. store/redis and
 * store/memory each have one.
 */
import type { ConsumerQueue, Queue, StoreConnection } from './contract.ts'
import type { SchedulePlaces } from './schedule-contract.ts'

/** Calls for a caller who waits: each is answered within a deadline. */
export interface BoundedCalls {
  /** Whether the store is connected. */
  readonly ready: boolean
  /**
   * @param what names the call in an error
   * @param doubt tells the reader of an error what to do if no reply came
   * @param start when the deadline began, ms since 1970 on the clock of this process. Default: now
   * @throws FST_TASKS_REDIS_UNAVAILABLE
   */
  call<T> (what: string, doubt: string, send: () => Promise<T>, start?: number): Promise<T>
  close (): void
}

/** The store's clock. Times of tasks are its times. */
export interface StoreClock {
  now (): number
  /** Converts a time that the app gave as a Date. Only for a virtual clock it is another. */
  toStoreTime (time: number): number
  synchronise (): Promise<void>
  /**
   * Measures the clock again, if that was more than 100 ms ago. Resolves with how far it was moved since, in ms, 0 if
   * it was not set. Undefined: there is nothing to wait for.
   */
  refresh (): Promise<number> | undefined
}

/** Messages are hints: any client may publish anything, and a message may be lost. A listener reads the record. */
export interface PubSub {
  /** Resolves when the subscription is confirmed, with a function that ends it. */
  listen (channel: string, listener: (message: string) => void): Promise<() => void>
  /** Calls back when messages may have been missed. Returns a function that ends it. */
  onResync (callback: () => void): () => void
  close (): Promise<void>
}

/** What a thread of this process opens to reach the same store. It can be cloned. */
export interface StoreAccess {
  /** The URL of a module that exports `open`: see OpenThreadStore. */
  readonly module: string
  /** What `open` is given. */
  readonly options: unknown
}

/** The store in a thread: enough to give claims back. Calls are rejected if the connection breaks. */
export interface ThreadStore {
  queue (name: string): Pick<ConsumerQueue, 'cancelWait' | 'release'>
  close (): void
}

export type OpenThreadStore = (options: any) => ThreadStore

export interface Store {
  /** The address to show to people. Without user and password. */
  readonly address: string
  readonly calls: BoundedCalls
  readonly clock: StoreClock
  readonly pubSub: PubSub
  readonly schedulePlaces: SchedulePlaces
  queue (name: string): Queue
  /** Opens a connection for a worker. `label` is its name in the store's list of clients. */
  connect (label: string): StoreConnection
  /** False if it is not ready within `ms`, or the signal was aborted. Throws FST_TASKS_REDIS_REFUSED. */
  untilReady (connection: StoreConnection, ms: number, signal: AbortSignal): Promise<boolean>
  /** Null if a thread cannot reach the store. */
  access (): StoreAccess | null
  /** Closes a connection. What was sent over it is still carried out. */
  close (connection: StoreConnection): Promise<void>
}
