/**
 * What a consumer has to do with flows: it moves them on over the connection of its worker, and tells them how the
 * tasks ended that it settled.
 */
import { tryOr } from '../describe.ts'
import { FlowEngine } from '../flows/engine.ts'
import { MemberEnds } from '../flows/member-ends.ts'
import { isTerminal } from '../records/task-record.ts'
import type { ClaimedTask } from '../attempt/claimed-task.ts'
import type { Queue, Settlement, StoreConnection } from '../store/contract.ts'
import type { ConsumerContext } from './consumer-context.ts'
import type { PersistentCalls } from './persistent-call.ts'

export class ConsumerFlows {
  readonly engine: FlowEngine
  readonly #ends: MemberEnds

  constructor (context: ConsumerContext, connection: StoreConnection, calls: PersistentCalls) {
    const { clock, settings: { mode, stallInterval } } = context
    const queues = new Map<string, Queue>()
    this.engine = new FlowEngine({
      queueOf (name) {
        const queue = queues.get(name) ?? context.queueOf(name).over(connection)
        queues.set(name, queue)
        return queue
      },
      call: (what, send) => calls.retryUntilClosed(what, send),
      now: () => clock.now(),
      lookAfter: mode === 'memory' ? null : stallInterval
    })
    this.#ends = new MemberEnds(this.engine)
  }

  /** A member of a flow was settled. */
  tell ({ stored }: ClaimedTask, { outcome, text }: Settlement): void {
    if (!isTerminal(outcome)) return
    const message = outcome === 'failed' ? tryOr(() => JSON.parse(text!).error.message, undefined) : undefined
    this.#ends.add(stored, outcome, message)
  }

  /** Resolves once all is told. */
  drained (): Promise<void> { return this.#ends.drained() }
}
