/**
 * What a runner works with.
 */
import type { FastifyBaseLogger } from 'fastify'
import type { AttemptMeter } from './attempt-meter.ts'
import type { PersistentCalls } from './persistent-call.ts'
import type { SettlementBatcher } from './settlement-batcher.ts'
import type { StartNotes } from './start-notes.ts'
import type { Filters, ThreadableAttempt } from '../attempt/thread-attempt.ts'
import type { FlowEngine } from '../flows/engine.ts'
import type { Templates } from '../flows/plan.ts'
import type { Settings } from '../options.ts'
import type { ConsumerQueue, ProducerQueue, Queue } from '../store/contract.ts'
import type { StoreClock } from '../store/store-contract.ts'
import type { Definition } from '../tasks/definition.ts'

export interface RunnerOptions {
  queue: ConsumerQueue & Pick<ProducerQueue, 'readTask'> & Pick<Queue, 'logs'>
  definitions: ReadonlyMap<string, Definition>
  settings: Settings
  clock: StoreClock
  concurrency: number
  calls: PersistentCalls
  settlements: SettlementBatcher
  starts: StartNotes
  flows: FlowEngine
  templates: Templates
  log: FastifyBaseLogger
  instance: string
  worker: string
  /** Runs work in the async context of the app, and of no task. */
  outside: (work: () => void) => void
  /** Null if nothing is counted. */
  meter: AttemptMeter | null
  runInThread: (file: string, attempt: ThreadableAttempt, filters: Filters) => Promise<unknown>
  /** Called when an attempt ended that started at this time (as `uptime()`). Returns how long it ran, in ms. */
  onEnded: (startedAt: number) => number
  /** Called when a handler returned: its slot is free. */
  onSlotFree: () => void
}
