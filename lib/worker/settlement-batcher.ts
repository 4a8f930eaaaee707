/**
 * Writes what became of claimed tasks:
 *
 * 1. outcomes, those of one tick in one call; while Redis is unavailable they are kept, and sent again;
 * 2. a cancel that was asked for meanwhile wins over a retry, a defer and a release;
 * 3. an outcome whose claim was lost is dropped and logged: the task belongs to another worker, or has ended;
 * 4. releases, in the order of the claims.
 */
import type { FastifyBaseLogger } from 'fastify'
import { bareRecord } from '../records/task-record.ts'
import { debugFields } from './debug-log.ts'
import { failWith, finish, settlementOf } from './settlement.ts'
import { endOfBatch } from '../store/batches.ts'
import * as telemetry from '../telemetry.ts'
import { setImmediate } from '../timers.ts'
import type { AttemptResult } from '../attempt/attempt-result.ts'
import type { ClaimedTask } from '../attempt/claimed-task.ts'
import type { ClaimReply, ClaimStatus, ConsumerQueue, SettledAndClaimed, Settlement } from '../store/contract.ts'
import type { PersistentCalls } from './persistent-call.ts'
import type { Definition } from '../tasks/definition.ts'
import type { TerminalState } from '../types.ts'

/** Bounds one Lua call. */
const BATCH = 200

export interface SettlementBatcherOptions {
  definitions: ReadonlyMap<string, Definition>
  queue: ConsumerQueue
  calls: PersistentCalls
  log: FastifyBaseLogger
  instance: string
  worker: string
  /** Called when the outcome of a task is written, or was dropped. */
  onSettled: (task: ClaimedTask, settlement: Settlement, status: ClaimStatus) => void
  /** Whether outcomes that may let other tasks start are to be sent by `flushWith`, and soon. */
  willClaim: () => boolean
  /** How many outcomes `flushWith` sends at most. */
  mostWithClaim: () => number
}

export class SettlementBatcher {
  readonly #options: SettlementBatcherOptions
  #settlements: Settlement[] = []
  /** The task of each settlement. Null if nothing more is to be done for it. */
  #tasks: Array<ClaimedTask | null> = []
  #scheduled = false
  #mayAdmit = false
  #sending = 0
  #waiters: Array<() => void> = []
  readonly #onTickEnd = (): void => {
    if (this.#scheduled && !(this.#mayAdmit && this.#options.willClaim())) this.flush()
  }

  constructor (options: SettlementBatcherOptions) {
    this.#options = options
  }

  /** Whether an outcome that is to be sent may let another task of its lane start. */
  get mayAdmit (): boolean { return this.#mayAdmit }

  /** Writes the result of an attempt. Null if there is nothing to write: the task was released, or its claim lost. */
  settleResult (task: ClaimedTask, result: AttemptResult): Settlement | null {
    const settlement = this.#settlementOf(task, result)
    if (settlement) this.settle(settlement, task)
    return settlement
  }

  /** A result that cannot be written (it is nested too deep for this stack) must not leave the task without an end. */
  #settlementOf (task: ClaimedTask, result: AttemptResult): Settlement | null {
    try {
      return settlementOf(result, task)
    } catch (error) {
      return failWith(error as Error, { ...task, stored: bareRecord(task.stored), state: undefined })
    }
  }

  finish (state: TerminalState, task: ClaimedTask): void { this.settle(finish(state, task), task) }

  settle (settlement: Settlement, task: ClaimedTask | null = null): void {
    const options = task?.stored.options
    if (options?.lane !== undefined) {
      settlement.lane = options.lane
      if (options.ordered) settlement.keepsSlot = true
      this.#mayAdmit = true
    }
    const isRemoved = settlement.ms! <= 0
    if (task && (options!.tags !== undefined || (isRemoved && this.#mayHaveLog(task)))) settlement.hasExtras = true
    this.#settlements.push(settlement)
    this.#tasks.push(task)
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(this.#onTickEnd)
  }

  /** Whether lines of its log may be stored, by this attempt or by one before it, in whatever worker. */
  #mayHaveLog ({ stored: { data: { name } } }: ClaimedTask): boolean {
    const definition = this.#options.definitions.get(name)
    return definition === undefined || definition.options.keepLogs !== undefined
  }

  /** Sends now, together with what the caller is about to send. */
  flush (): void {
    while (this.#settlements.length > 0) void this.#send(...this.#take(BATCH))
  }

  /** Sends the next ones by a call that claims too. If there are more, the caller goes on. */
  flushWith (send: (batch: Settlement[]) => SettledAndClaimed): Promise<ClaimReply> {
    const [settlements, tasks] = this.#take(this.#options.mostWithClaim())
    const { settled, claimed } = send(settlements)
    void this.#send(settlements, tasks, settled)
    return claimed
  }

  #take (most: number): [settlements: Settlement[], tasks: Array<ClaimedTask | null>] {
    const size = endOfBatch(this.#settlements, 0, most, sizeOf)
    if (size < this.#settlements.length) return [this.#settlements.splice(0, size), this.#tasks.splice(0, size)]
    const whole: [Settlement[], Array<ClaimedTask | null>] = [this.#settlements, this.#tasks]
    this.#settlements = []
    this.#tasks = []
    this.#scheduled = false
    this.#mayAdmit = false
    return whole
  }

  /** @param first the first call, if it was made already */
  async #send (
    settlements: Settlement[], tasks: Array<ClaimedTask | null>, first?: Promise<ClaimStatus[]>
  ): Promise<void> {
    const { queue, calls } = this.#options
    this.#sending++
    const settle = (again: boolean): Promise<ClaimStatus[]> => again || !first ? queue.settle(settlements) : first
    const statuses = await calls.retryUntilClosed('settle', settle)
    if (statuses) this.#report(statuses)
    settlements.forEach((settlement, i) => this.#onReply(settlement, tasks[i]!, statuses?.[i] ?? 'lost'))
    this.#sending--
    if (this.#sending === 0 && this.#settlements.length === 0) for (const resolve of this.#waiters.splice(0)) resolve()
  }

  #report (statuses: ClaimStatus[]): void {
    const { queue, log, instance, worker } = this.#options
    const fields = debugFields(log, () => ({ event: 'claim.settled', queue: queue.name, count: statuses.length }))
    if (fields) log.debug(fields, 'outcomes written')
    if (!telemetry.settlements.hasSubscribers) return
    const lost = statuses.filter(status => status === 'lost').length
    telemetry.settlements.publish({ instance, worker, queue: queue.name, count: statuses.length, lost })
  }

  #onReply (settlement: Settlement, task: ClaimedTask | null, status: ClaimStatus): void {
    const { id, outcome } = settlement
    const { calls, log, onSettled } = this.#options
    if (status === 'cancelRequested' && task) return this.finish('cancelled', task)
    if (task) onSettled(task, settlement, status)
    if (status === 'lost' && !calls.closed) logDroppedOutcome(log, { taskId: id, outcome })
  }

  /** Gives tasks back to their queue. They are the next to be claimed, in their order. */
  async release (tasks: ClaimedTask[]): Promise<void> {
    // The last ones first: each call puts its tasks before those of the call before.
    for (let end = tasks.length; end > 0; end -= BATCH) await this.#release(tasks.slice(Math.max(0, end - BATCH), end))
  }

  async #release (tasks: ClaimedTask[]): Promise<void> {
    const { queue, calls } = this.#options
    const claims = tasks.map(({ claim, startedAt, stored: { options: { lane } } }) =>
      startedAt === undefined || lane === undefined ? claim : { ...claim, lane })
    const statuses = await calls.retryUntilClosed('release', () => queue.release(claims))
    statuses?.forEach((status, i) => { if (status === 'cancelRequested') this.finish('cancelled', tasks[i]!) })
  }

  /** Resolves once all outcomes are written. */
  async drained (): Promise<void> {
    this.flush()
    if (this.#sending > 0) await new Promise<void>(resolve => { this.#waiters.push(resolve) })
  }
}

const sizeOf = ({ text = '', event = '' }: Settlement): number => text.length + event.length

export function logDroppedOutcome (log: FastifyBaseLogger, fields: object): void {
  log.warn({ event: 'claim.lost', ...fields },
    'claim lost: the outcome was dropped, the task runs elsewhere or has ended')
}
