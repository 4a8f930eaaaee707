/**
 * What a worker does for its claims and for its queue from time to time. See lease-renewer.ts and maintenance.ts.
 */
import { LeaseRenewer } from './lease-renewer.ts'
import { Maintenance } from './maintenance.ts'
import type { ConsumerContext } from './consumer-context.ts'
import type { PersistentCalls } from './persistent-call.ts'
import type { ClaimRef, ClaimStatus, ExhaustedTask, Queue, StoreConnection } from '../store/contract.ts'

export interface UpkeepOptions {
  context: ConsumerContext
  queue: Queue
  connection: StoreConnection
  calls: PersistentCalls
  /** Makes a fresh claim token. */
  token: () => string
  /** The claims that are held now. */
  claims: () => ClaimRef[]
  /** The tasks that run, for people. */
  running: () => Array<{ task: string, taskId: string }>
  onStatus: (claim: ClaimRef, status: ClaimStatus) => void
  onRequeued: () => void
  onExhausted: (task: ExhaustedTask, token: string) => void
}

export class Upkeep {
  readonly #leases: LeaseRenewer
  /** Null if the store needs none. */
  readonly #maintenance: Maintenance | null

  constructor ({ context, ...options }: UpkeepOptions) {
    const { queue: { name, upkeep } } = options
    const { settings: { stallInterval }, log } = context
    this.#leases = new LeaseRenewer({ ...options, stallInterval, log })
    this.#maintenance = upkeep && new Maintenance({ ...options, ...context, queue: name, upkeep, leases: this.#leases })
  }

  /** Throws FST_TASKS_STALL_INTERVAL_CLASH. */
  async start (): Promise<void> {
    await this.#leases.start()
    await this.#maintenance?.start()
  }

  /** A message says that a task was cancelled. */
  check (id: string): Promise<void> { return this.#leases.check(id) }

  stop (): void {
    this.#leases.stop()
    this.#maintenance?.stop()
  }
}
