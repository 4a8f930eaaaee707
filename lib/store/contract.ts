/**
 * What a store must do, in the roles' words. Two stores satisfy it: store/redis, and store/memory for tests.
 * test/store/memory-queue.test.ts makes random calls of both queues and compares replies, records and messages.
 *
 * Times are ms since 1970 on the store's clock; spans are ms. A call may be made again if its reply was lost: no call
 * here does more harm the second time than the first.
 */
import type { LiveState } from '../records/task-record.ts'
import type { QueueCounts, RemoveOutcome, TaskState, TerminalState } from '../types.ts'

/** A task that is ready to be stored. */
export interface NewJob {
  id: string
  /** The record, as JSON of Bee-Queue's shape. */
  text: string
  /** When it is due, if it is delayed. */
  delay?: number
}

/** Names one claim of one task. */
export interface ClaimRef {
  id: string
  token: string
}

export interface ClaimedJob extends ClaimRef {
  /** The record. Null if it was removed after its id was queued. */
  text: string | null
}

export interface ClaimReply {
  jobs: ClaimedJob[]
  now: number
  /** When the next delayed task is due. Null if there is none. */
  next: number | null
}

/** The outcome of one claim. */
export interface Settlement extends ClaimRef {
  /** `retry` and `defer` queue the task again, `retry` with a new record. `drop` removes the claim and nothing else. */
  outcome: TerminalState | 'retry' | 'defer' | 'drop'
  /** The record to write. Not for `defer` and `drop`. */
  text?: string
  /** How long a finished record stays, or the wait before the next start. */
  ms?: number
  /** The event for a plain Bee-Queue producer that listens, as JSON. */
  event?: string
}

/**
 * `owned`: the claim is the caller's, and the call was carried out. `lost`: it belongs to another worker, or is gone.
 * `cancelRequested`: it is the caller's, and a cancel was asked for: a retry, defer or release was refused.
 */
export type ClaimStatus = 'owned' | 'lost' | 'cancelRequested'

/** A task past maxStalls, or one whose cancel outlived its worker. It is claimed for the caller, who must settle it. */
export interface ExhaustedTask {
  id: string
  text: string
  stalls: number
}

/** An id and its position on a page. The position is a hint that makes the id quick to find again. */
export interface PagePosition {
  id: string
  place: number
}

/** A task as it is stored. */
export interface RawTask {
  text: string
  /** The record's bytes, for `cancel` and `retry` to compare: any producer may have written them, UTF-8 or not. */
  raw: Buffer
  live: LiveState
}

/** What producers and readers need of a queue. */
export interface ProducerQueue {
  readonly name: string
  /** Stores a new task. False if its id is taken. */
  add (job: NewJob): Promise<boolean>
  /** Stores new tasks in as few steps as possible. For each: false if its id is taken. */
  addMany (jobs: NewJob[]): Promise<boolean[]>
  readTask (id: string): Promise<RawTask | null>
  /**
   * Cancels a task that has not finished: at once if no worker runs it, else by a request that its worker hears of.
   * @param before the record as it was read; `changed` if it is another by now.
   * @param after the record of the cancelled task, kept for `ttl`.
   */
  cancel (id: string, before: string | Buffer, after: string, ttl: number): Promise<'cancelled' | 'requested' | 'changed' | 'unknown'>
  /** Queues a failed task again. `before` and `after` as in `cancel`; `refused` if it has not failed. */
  retry (id: string, before: string | Buffer, after: string): Promise<'queued' | 'changed' | 'refused'>
  /** Removes a task that is not running. */
  remove (id: string): Promise<RemoveOutcome>
  /** Removes up to `limit` waiting and as many delayed tasks. Returns how many, and how many are left. */
  purge (limit: number): Promise<[removed: number, left: number]>
  /** One page of the ids of a state, and the position of the last one. Without `after`: the first page. */
  pageOf (state: TaskState, limit: number, after?: PagePosition): Promise<{ ids: string[], place: number }>
  counts (): Promise<QueueCounts>
  /** Up to `limit` living workers, each with the JSON of its last heartbeat. */
  workers (limit: number): Promise<Array<{ id: string, json: string }>>
  /** Asks for messages about changes of these tasks, for `ms`. */
  watch (ids: string[], ms: number): Promise<void>
  /** The channel of a watched task's changes. */
  changeChannel (id: string): string
  close (): Promise<void>
}

/** What a worker needs of a queue. */
export interface ConsumerQueue {
  readonly name: string
  /**
   * Claims up to `free` tasks for the length of the lease.
   * @param again true after a lost reply: the same token gets the same tasks.
   */
  claim (free: number, token: string, lease: number, again: boolean): Promise<ClaimReply>
  /**
   * Waits until a task is waiting, at most `seconds`, and claims one task. Null if the caller has to claim by itself.
   * If it rejects, `cancelWait` must follow: the wait may still go on in the store.
   */
  claimNext (seconds: number, token: string, lease: number): Promise<ClaimReply | null>
  /** Ends the wait of a token. Returns what it had claimed; from now on it claims nothing. */
  cancelWait (token: string, lease: number): Promise<ClaimReply>
  /** Writes outcomes: state, record, expiry and messages of each change together. */
  settle (batch: Settlement[]): Promise<ClaimStatus[]>
  /** Renews claims for the length of the lease. */
  renew (lease: number, claims: ClaimRef[]): Promise<ClaimStatus[]>
  /** Gives claims back. They are the next to be claimed, in the order of the array. */
  release (claims: ClaimRef[]): Promise<ClaimStatus[]>
  /** Stores stage and progress. False if the claim was lost. */
  updateProgress (claim: ClaimRef, json: string): Promise<boolean>
  /** Stores what a worker reports about itself, for `lifetime`. An empty text removes the worker. */
  heartbeat (worker: string, text: string, lifetime: number): Promise<void>
  /** The channel that names running tasks to cancel. */
  readonly cancelChannel: string
  /** The channel that gets the due time of a delayed task that is due before all others. */
  readonly delayedChannel: string
}

/** What a queue needs from time to time, from any of its workers. Only a store that outlives a process has it. */
export interface QueueUpkeep {
  /** Declares the stall interval of a worker. Returns the interval in force: another one if living workers use another. */
  agreeStallInterval (stallInterval: number): Promise<number>
  /** Takes back tasks whose lease expired: those that wait again, and those past maxStalls, now claimed by `token`. */
  recover (token: string, lease: number, maxStalls: number): Promise<{ requeued: string[], exhausted: ExhaustedTask[] }>
  /** Removes up to `limit` records of each state whose time has passed. Returns how many. */
  prune (limit: number): Promise<number>
  /** Gives an expiry to tasks that plain Bee-Queue workers finished, a page at a time. Returns the next cursor. */
  expireForeign (state: 'succeeded' | 'failed', cursor: string, ttl: number): Promise<string>
}

export interface Queue extends ProducerQueue, ConsumerQueue {
  /** The same queue over a worker's connection to the same store. */
  over (connection: StoreConnection): Queue
  /** Null if the store needs no upkeep: then no lease expires either. */
  readonly upkeep: QueueUpkeep | null
}

/** A worker's connection to the store. */
export interface StoreConnection {
  readonly status: string
  on (event: 'ready', callback: () => void): unknown
  off (event: 'ready', callback: () => void): unknown
  /** What is sent inside goes out in one write. */
  pipelined (send: () => void): void
  /** Closes at once. A call that waits over it is rejected. */
  disconnect (): void
}

/** Calls for a caller who waits: each is answered within a deadline. */
export interface BoundedCalls {
  /** Whether the store is connected. */
  readonly ready: boolean
  /**
   * @param what names the call in an error
   * @param doubt what the caller should do if no reply came
   * @param start when the deadline began, ms since 1970. Default: now
   * @throws FST_TASKS_REDIS_UNAVAILABLE
   */
  call<T> (what: string, doubt: string, send: () => Promise<T>, start?: number): Promise<T>
  close (): void
}

/** The store's clock. Times of tasks are its times. */
export interface StoreClock {
  now (): number
  /** A time that the app gave as a Date, on this clock. Only a virtual clock differs. */
  toStoreTime (time: number): number
  synchronise (): Promise<void>
}

/** Messages are hints: any client may publish anything, and a message may be lost. Listeners read the record. */
export interface PubSub {
  /** Resolves when the subscription is confirmed, with a function that ends it. */
  listen (channel: string, listener: (message: string) => void): Promise<() => void>
  /** Calls back when messages may have been missed. Returns a function that ends it. */
  onResync (callback: () => void): () => void
  close (): Promise<void>
}

export interface Store {
  /** Where it is, for people. Without user and password. */
  readonly address: string
  readonly calls: BoundedCalls
  readonly clock: StoreClock
  readonly pubSub: PubSub
  queue (name: string): Queue
  /** Opens a connection for a worker. `label` names it. */
  connect (label: string): StoreConnection
  /** False if it is not ready within `ms`, or the signal was aborted. Throws FST_TASKS_REDIS_REFUSED. */
  untilReady (connection: StoreConnection, ms: number, signal: AbortSignal): Promise<boolean>
  /** Closes a connection. What was sent over it is still carried out. */
  close (connection: StoreConnection): Promise<void>
}
