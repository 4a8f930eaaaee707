/**
 * What the consumers of one worker share.
 */
import type { FastifyBaseLogger } from 'fastify'
import type { Filters, ThreadableAttempt } from '../attempt/thread-attempt.ts'
import type { Templates } from '../flows/plan.ts'
import type { Meter } from '../metrics/meter.ts'
import type { Settings } from '../options.ts'
import type { Queue, StoreConnection } from '../store/contract.ts'
import type { PubSub, StoreAccess, StoreClock } from '../store/store-contract.ts'
import type { Definition } from '../tasks/definition.ts'

export interface ConsumerContext {
  readonly worker: string
  /** See telemetry.ts. */
  readonly instance: string
  /** Counts enqueues and attempts. Null if nobody wants to know. */
  readonly meter: Meter | null
  readonly concurrency: number
  readonly settings: Settings
  readonly definitions: ReadonlyMap<string, Definition>
  readonly clock: StoreClock
  readonly pubSub: PubSub
  /** Null if a thread cannot reach the store. */
  readonly access: StoreAccess | null
  /** Any queue by its name, also one that the app does not know. */
  readonly queueOf: (name: string) => Queue
  /** What checks a task that is added to a flow. */
  readonly templates: Templates
  readonly log: FastifyBaseLogger
  /** See `AppTasks`. */
  readonly outside: <T>(work: () => T) => T
  /** Called when a call to the store failed, which is about to be repeated. */
  readonly onCallFailed: () => void
  readonly runInThread: (file: string, attempt: ThreadableAttempt, filters: Filters) => Promise<unknown>
}

export interface ConsumerOptions {
  context: ConsumerContext
  queue: Queue
  /** The worker's connection for commands, and one of the consumer's own for waiting. */
  connection: StoreConnection
  blockingConnection: StoreConnection
}
