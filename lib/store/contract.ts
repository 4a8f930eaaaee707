/**
 * What a store must do for the roles above it. Two stores do it: store/redis, and store/memory for tests.
 * test/store/memory-queue.test.ts calls both at random and compares replies, records and messages.
 *
 * Times are ms since 1970 on the store's clock. Lengths of time are ms too.
 *
 * A caller that got no reply does not know whether its call was carried out. So every call here may be repeated: the
 * second time does no more harm than the first.
 */
import type { QueueFlows } from './flow-contract.ts'
import type { QueueHistory } from './history-contract.ts'
import type { QueueLanes } from './lane-contract.ts'
import type { Level } from './level.ts'
import type { QueueLogs } from './log-contract.ts'
import type { CancelReply, QueueMany, RemoveReply, RetryReply } from './many-contract.ts'
import type { QueueSchedules } from './schedule-contract.ts'
import type { UniqueKey, UniqueReply } from './unique-contract.ts'
import type { QueueUpkeep } from './upkeep-contract.ts'
import type { QueueWalk, RawTask } from './walk-contract.ts'
import type { Tags } from '../records/tags.ts'
import type { QueueCounts, TaskState, TerminalState } from '../types.ts'

export type { CancelReply, RemoveReply, RetryReply } from './many-contract.ts'
export type { RawTask } from './walk-contract.ts'

/** A task that is ready to be stored. */
export interface NewJob {
  id: string
  /** The record, as JSON in the shape that Bee-Queue gives it. */
  text: string
  /** When it is due, if it is delayed. */
  delay?: number
  /** The caller chose the id: it may have been used before. */
  ownId?: boolean
  /** The lane of a task with a limit: see lane-contract.ts. */
  lane?: string
  /** Unless it is normal. */
  level?: Level | undefined
  /** The key of a task that is enqueued once for a key: then `QueueUnique.add` stores it. */
  unique?: UniqueKey
  /** The tags of the task, if it has any. */
  tags?: Tags
}

/**
 * Names one claim of one task. A token is the name of a claim call, "<worker>.<number>": tasks that were claimed
 * together share it.
 */
export interface ClaimRef {
  id: string
  token: string
}

export interface ReleasedClaim extends ClaimRef {
  /** That of a task that has started. If a start needs a token, the next is one more: it is the first of its lane. */
  lane?: string | undefined
}

export interface ClaimedJob extends ClaimRef {
  /** Null if the record was removed while the task was claimed. */
  text: string | null
  /** How often it stalled, if it did: then it is the only one of its claim. */
  stalls?: number
}

export interface ClaimReply {
  jobs: ClaimedJob[]
  now: number
  /** False if the worker's lease had expired, which the claim renewed: other claims may have been taken back. */
  kept: boolean
  /** Whether more tasks wait. */
  more: boolean
}

/** The outcome of one claim. */
export interface Settlement extends ClaimRef {
  /**
   * `retry` and `defer` queue the task again, `retry` with a new record. `limited`: as `retry`, but it is the first of
   * its lane, which admits nothing for `ms`. `drop` removes the claim and nothing else.
   */
  outcome: TerminalState | 'retry' | 'defer' | 'limited' | 'drop'
  /** The record to write. Not for `defer` and `drop`. */
  text?: string
  /** How long a finished record stays (0: it is removed at once), or how long the task waits before its next start. */
  ms?: number
  /** The event for a plain Bee-Queue producer that listens, as JSON. */
  event?: string
  lane?: string
  /** It keeps its slot while it waits for its next attempt. */
  keepsSlot?: boolean
  /** It has tags, or a log. */
  hasExtras?: boolean
}

/**
 * `owned`: the claim is the caller's, and the call was carried out. `lost`: it belongs to another worker, or is gone.
 * `cancelRequested`: it is the caller's, and a cancel was requested: a retry, defer or release was refused.
 */
export type ClaimStatus = 'owned' | 'lost' | 'cancelRequested'

/** Two calls that were sent together. */
export interface SettledAndClaimed {
  settled: Promise<ClaimStatus[]>
  claimed: Promise<ClaimReply>
}

export interface LeaseReply {
  /** False if the lease had expired: claims may have been taken back. */
  kept: boolean
  /** Whether a cancel was requested, of whatever task. */
  cancels: boolean
}

/** Where a purge goes on. */
export interface PurgePosition {
  /** How many waiting tasks are still to be looked at. */
  waitingLeft: number
  /** How many delayed tasks were kept. */
  delayedKept: number
  /** How many tasks that wait for a slot were kept, once those were reached. */
  gatedKept?: number
}

export interface PurgeOptions {
  /** Whether tasks between two attempts are removed too. */
  retrying?: boolean | undefined
  after?: PurgePosition | null | undefined
}

export interface PurgeReply {
  removed: number
  /** What members of flows that were removed say of their flow, as JSON. */
  members: string[]
  /** Null at the end. */
  after: PurgePosition | null
}

/** The last id of a page. Its position is a hint that makes the id quick to find again. */
export interface PagePosition {
  id: string
  place: number
}

export interface Page {
  ids: string[]
  /** The position of each id. */
  places: number[]
}

/**
 * The numbers of a queue, for metrics and the dashboard. Not of one moment: a task that starts while they are read may
 * be counted twice, or not at all.
 */
export interface QueueMeasure {
  counts: QueueCounts
  /** How many workers are alive. */
  workers: number
  /** The end of the record that waits longest, of tasks that were not tried yet. Empty if there is none. */
  oldest: string
  /** The schedules whose ticks are next. */
  ticks: Array<{ id: string, due: number }>
  now: number
}

/** What producers and readers need of a queue. A limit below 1 gives nothing. */
export interface ProducerQueue {
  readonly name: string
  /** Stores a new task. False if its id is taken. */
  add (job: NewJob): Promise<boolean>
  /** Stores new tasks in one step, at most 500. For each: false if its id is taken. */
  addMany (jobs: NewJob[]): Promise<boolean[]>
  /** Null if there is no such task. */
  readTask (id: string): Promise<RawTask | null>
  /** The same of several: of the first ones, and at least of one. How many fit into one reply depends on their size. */
  readTasks (ids: string[]): Promise<Array<RawTask | null>>
  /**
   * Cancels a task that has not finished: at once if no worker runs it, otherwise by a request to its worker.
   * @param before the record as the caller read it
   * @param after the record of the cancelled task, which stays for `ttl`
   */
  cancel (
    id: string, before: string | Buffer, after: string, ttl: number, lane?: string, hasExtras?: boolean
  ): Promise<CancelReply>
  /** Queues a failed task again. `before` and `after` as in `cancel`. */
  retry (id: string, before: string | Buffer, after: string, lane?: string): Promise<RetryReply>
  /** Removes a task that is not running. `before` as in `cancel`; without it, whatever the record is. */
  remove (id: string, before?: string | Buffer, lane?: string, hasExtras?: boolean): Promise<RemoveReply>
  /** Gives a task that waits for a time another one; null: now. False if it waits for none. */
  reschedule (id: string, due: number | null): Promise<boolean>
  /** Looks at up to `limit` waiting and up to `limit` delayed tasks, and removes those that were not started. */
  purge (limit: number, options?: PurgeOptions): Promise<PurgeReply>
  /**
   * One page of the ids of a state: waiting tasks oldest first, active ones by the time of their claim, delayed ones by
   * due time, finished ones newest first. A store need not sort more than 1,000 active tasks.
   * @param after the end of the page before. Without it, or if its id has left the state: the first page
   */
  pageOf (state: TaskState, limit: number, after?: PagePosition): Promise<Page>
  counts (): Promise<QueueCounts>
  /** Counts, workers, the oldest waiting task and up to `ticks` schedules. The cost is bounded, and low. */
  measure (ticks: number): Promise<QueueMeasure>
  /**
   * From now on no worker claims a task of the queue, or of one name in it. False if that was so before.
   * @param name null: all of the queue
   */
  pause (name: string | null): Promise<boolean>
  /** Ends a pause. What waited comes first. False if there was none. */
  resume (name: string | null): Promise<boolean>
  /** Up to `limit` living workers, each with its last report, as JSON. */
  workers (limit: number): Promise<Array<{ id: string, json: string }>>
  /** Asks for messages about the changes of these tasks, for `ms`. */
  watch (ids: string[], ms: number): Promise<void>
  /** The channel of a watched task's changes. A message is the new state, an outcome, or "progress". */
  changeChannel (id: string): string
  close (): Promise<void>
}

/** Tasks that are enqueued once for a key. */
export interface QueueUnique {
  /** Stores new tasks with a key in one step, at most 500, one after the other. */
  add (jobs: NewJob[]): Promise<UniqueReply[]>
}

/** What a worker needs of a queue. */
export interface ConsumerQueue {
  readonly name: string
  /**
   * Claims up to `free` tasks. The token names the worker, whose lease is renewed by it.
   * @param again true after a lost reply: the same token gets the same tasks, and no more. The caller has claimed
   *   nothing else meanwhile, but by a wait
   */
  claim (free: number, token: string, again: boolean): Promise<ClaimReply>
  /**
   * Waits until a task is waiting, at most `seconds`, and claims one task. A store in this process may wait longer. If
   * it rejects, `cancelWait` must follow: the wait may still go on in the store.
   */
  claimNext (seconds: number, token: string): Promise<ClaimReply>
  /** Ends the wait of a token. Returns what the token had claimed. From now on a wait of the token claims nothing. */
  cancelWait (token: string): Promise<ClaimReply>
  /** Writes outcomes. State, record, expiry and messages of each change in one step. */
  settle (batch: Settlement[]): Promise<ClaimStatus[]>
  /** `settle`, then `claim`, in one step: the claim gets the tasks that have waited for the end of others. */
  settleAndClaim (batch: Settlement[], free: number, token: string): SettledAndClaimed
  /**
   * Renews the lease of a worker: see `QueueUpkeep.sweep`.
   * @param oldest the number of its oldest claim that is not settled. Any worker may take back older, forgotten ones
   */
  renew (worker: string, oldest: number): Promise<LeaseReply>
  /** Whose these claims are. Changes nothing. */
  checkClaims (claims: ClaimRef[]): Promise<ClaimStatus[]>
  /** Gives claims back. They are the next to be claimed, in the order of the array. */
  release (claims: ReleasedClaim[]): Promise<ClaimStatus[]>
  /**
   * Stores stage and progress. False if the claim was lost.
   * @param event for a plain Bee-Queue producer that listens, as JSON. Empty or missing: none
   */
  updateProgress (claim: ClaimRef, json: string, event?: string): Promise<boolean>
  /** Stores what a worker reports about itself, for `lifetime`. An empty text removes the worker. */
  heartbeat (worker: string, text: string, lifetime: number): Promise<void>
  /** The channel that names tasks to cancel which this worker runs. */
  cancelChannel (worker: string): string
}

export interface Queue extends ProducerQueue, ConsumerQueue {
  /** The same queue over a worker's connection to the same store. */
  over (connection: StoreConnection): Queue
  /** Null if the store needs no upkeep. Then leases do not expire either. */
  readonly upkeep: QueueUpkeep | null
  readonly schedules: QueueSchedules
  readonly flows: QueueFlows
  readonly history: QueueHistory
  readonly lanes: QueueLanes
  readonly unique: QueueUnique
  readonly walk: QueueWalk
  readonly logs: QueueLogs
  readonly many: QueueMany
}

/** A worker's connection to the store. */
export interface StoreConnection {
  readonly status: string
  on (event: 'ready', callback: () => void): unknown
  off (event: 'ready', callback: () => void): unknown
  /** Everything that is sent inside goes out in one write. */
  pipelined (send: () => void): void
  /** Closes at once. A call that waits for its reply is rejected. */
  disconnect (): void
}
