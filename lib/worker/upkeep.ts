/**
 * What a worker does for its claims and for its queue from time to time: see lease-renewer.ts, sweeper.ts,
 * timekeeper.ts and maintenance.ts.
 */
import { LeaseRenewer } from './lease-renewer.ts'
import { Maintenance } from './maintenance.ts'
import { Sweeper } from './sweeper.ts'
import { Timekeeper } from './timekeeper.ts'
import { FlowSweep } from '../flows/flow-sweep.ts'
import { Ticker } from '../schedules/ticker.ts'
import type { ConsumerContext } from './consumer-context.ts'
import type { PersistentCalls } from './persistent-call.ts'
import type { FlowEngine } from '../flows/engine.ts'
import type { ClaimRef, ClaimStatus, Queue, StoreConnection } from '../store/contract.ts'
import type { ExhaustedTask } from '../store/upkeep-contract.ts'

export interface UpkeepOptions {
  context: ConsumerContext
  queue: Queue
  connection: StoreConnection
  calls: PersistentCalls
  flows: FlowEngine
  /** The claims that are held now. */
  claims: () => ClaimRef[]
  /** The number of the oldest claim that is held or on its way. */
  oldestClaim: () => number
  /** The tasks that run, for people. */
  running: () => Array<{ task: string, taskId: string }>
  onStatus: (claim: ClaimRef, status: ClaimStatus) => void
  onRequeued: (ids: string[]) => void
  onExhausted: (task: ExhaustedTask) => void
}

export class Upkeep {
  readonly #leases: LeaseRenewer
  /** Null if the store needs none. */
  readonly #sweeper: Sweeper | null
  readonly #timekeeper: Timekeeper | null
  readonly #maintenance: Maintenance | null
  #confirmed: Promise<void> | null = null

  constructor ({ context, ...options }: UpkeepOptions) {
    const { queue: { name, upkeep } } = options
    const { settings: { stallInterval }, log, worker, instance } = context
    this.#leases = new LeaseRenewer({ ...options, worker, stallInterval, log })
    this.#sweeper = upkeep && new Sweeper({ ...options, ...context, queue: name, upkeep })
    const { schedules } = options.queue
    const ticker = new Ticker({ queue: name, schedules, log, instance, worker })
    const sweep = new FlowSweep({ engine: options.flows, home: name, quiet: stallInterval, log })
    this.#timekeeper = upkeep && new Timekeeper({ ...options, ...context, upkeep, ticker, sweep })
    this.#maintenance = upkeep && new Maintenance({ ...options, ...context, upkeep })
  }

  /** Throws FST_TASKS_STALL_INTERVAL_CLASH. */
  async start (): Promise<void> {
    await this.#leases.start()
    this.#sweeper?.start()
    this.#timekeeper?.start()
    this.#maintenance?.start()
  }

  /** Whether claims may have been lost. Then nothing may start before `confirmThen` calls back. */
  get inDoubt (): boolean { return this.#leases.inDoubt }

  /** Calls back when it is known which claims were lost. */
  confirmThen (callback: () => void): void {
    this.#confirmed ??= this.#leases.confirm().then(() => {
      this.#confirmed = null
      callback()
    })
  }

  /** The task of a schedule's tick has ended. */
  onTickEnded (): void { this.#timekeeper?.onTickEnded() }

  /** A claim has replied. @param reply whether the lease was in force, and when the claim was asked for */
  onReply (reply: { kept: boolean, askedAt: number }): void { this.#leases.onReply(reply) }

  /** Resolves when it is known which claims were lost. At once if no lease is in doubt. */
  async confirm (): Promise<void> { if (this.inDoubt) await this.#leases.confirm() }

  onClaimed (claims: ClaimRef[]): void { this.#leases.onClaimed(claims) }

  /** Messages may have been missed. */
  onResync (): void { this.#leases.onResync() }

  /** A message says that a task was cancelled. */
  check (id: string): Promise<void> { return this.#leases.check(id) }

  stop (): void {
    this.#sweeper?.stop()
    this.#timekeeper?.stop()
    this.#maintenance?.stop()
    this.#leases.stop()
  }
}
