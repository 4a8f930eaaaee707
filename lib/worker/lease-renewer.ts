/**
 * Keeps this worker's claims of one queue:
 *
 * 1. renews their leases every third of stallInterval, and passes on what the store answers: owned, lost or cancelled;
 * 2. agrees on the stall interval with the other workers of the queue;
 * 3. warns when a handler holds the event loop so long that leases are in danger.
 *
 * A store without upkeep has no leases that expire: then only `check` is used.
 */
import type { FastifyBaseLogger } from 'fastify'
import * as errors from '../errors.ts'
import { debugFields } from './debug-log.ts'
import { Repeater } from './repeater.ts'
import { realTime } from '../timers.ts'
import type { PersistentCalls } from './persistent-call.ts'
import type { ClaimRef, ClaimStatus, Queue, StoreConnection } from '../store/contract.ts'

export interface LeaseRenewerOptions {
  queue: Queue
  connection: StoreConnection
  stallInterval: number
  calls: PersistentCalls
  log: FastifyBaseLogger
  /** The claims that are held now. */
  claims: () => ClaimRef[]
  /** Called with the status of each renewed claim. */
  onStatus: (claim: ClaimRef, status: ClaimStatus) => void
  /** What runs, for the warning about a held event loop. */
  running: () => Array<{ task: string, taskId: string }>
}

/** How often the event loop is checked, in ms. */
const LAG_CHECK_MS = 500
/** How often a failed renewal is repeated, in ms. */
const RETRY_MS = 500
/** How long living workers have to renew their leases after an outage, before expired ones are taken back, in ms. */
const RENEWAL_GRACE_MS = 3_000

export class LeaseRenewer {
  readonly #options: LeaseRenewerOptions
  readonly #repeater: Repeater
  /** Renewals fail. In a cluster a single master may be away: the connection does not show it. */
  #failing = false
  /** Ms since 1970, on this process' clock. */
  #renewedAt = 0
  #noRecoveryBefore = 0

  constructor (options: LeaseRenewerOptions) {
    this.#options = options
    this.#repeater = new Repeater(options.connection, options.log)
  }

  /**
   * Whether expired leases may be taken back. Not during an outage, not while this worker is held up itself, and not
   * right after it: all leases may have expired then, and living workers are about to renew theirs.
   */
  get mayRecover (): boolean { return !this.#failing && !this.#isLate && realTime() >= this.#noRecoveryBefore }

  /**
   * Two renewals in a row did not come through in time. What held them up (a machine that slept or is overloaded, a
   * handler that computes) may have held up other workers too.
   */
  get #isLate (): boolean { return realTime() - this.#renewedAt > this.#options.stallInterval * 2 / 3 }

  #delayRecovery (ms: number): void { this.#noRecoveryBefore = Math.max(this.#noRecoveryBefore, realTime() + ms) }

  /** Throws FST_TASKS_STALL_INTERVAL_CLASH. */
  async start (): Promise<void> {
    const { queue: { name, upkeep }, connection, stallInterval, calls } = this.#options
    if (!upkeep) return
    const inForce = await calls.retryUntilClosed('start', () => upkeep.agreeStallInterval(stallInterval))
    if (inForce === undefined || calls.closed) return
    if (inForce !== stallInterval) throw new errors.StallIntervalClash(name, inForce, stallInterval, 2 * inForce)
    connection.on('ready', this.#onReady)
    this.#renewedAt = realTime()
    this.#watchEventLoop()
    this.#repeater.every(stallInterval / 3, () => this.#renewAll())
    this.#repeater.every(RETRY_MS, () => this.#failing && this.#renewAll(false))
  }

  readonly #onReady = (): void => {
    this.#delayRecovery(RENEWAL_GRACE_MS)
    void this.#renewAll()
  }

  /**
   * A failed renewal is repeated soon: when Redis is back, all leases may have expired.
   * @param logged false for the repeated tries: one line for each outage is enough
   */
  async #renewAll (logged = true): Promise<void> {
    await this.#repeater.turn('renewal of claims', async () => {
      try {
        await this.#renew()
      } catch (error) {
        this.#failing = true
        if (logged) throw error
        return
      }
      this.#onRenewed()
    })
  }

  #onRenewed (): void {
    if (this.#failing) this.#delayRecovery(RENEWAL_GRACE_MS)
    else if (this.#isLate) this.#delayRecovery(Math.min(this.#options.stallInterval, RENEWAL_GRACE_MS))
    this.#failing = false
    this.#renewedAt = realTime()
  }

  async #renew (): Promise<void> {
    const { queue, stallInterval, claims, onStatus, log } = this.#options
    const held = claims()
    const inForce = await queue.upkeep!.agreeStallInterval(stallInterval)
    if (inForce !== stallInterval) {
      const fields = { event: 'queue.stall_interval_clash', queue: queue.name, stallInterval, inForce }
      log.error(fields, 'workers have different stallIntervals: tasks may run twice. Set one value everywhere')
    }
    if (held.length === 0) return
    const statuses = await queue.renew(stallInterval, held)
    held.forEach((claim, i) => onStatus(claim, statuses[i]!))
    const fields = debugFields(log, () => ({ event: 'claim.renewed', queue: queue.name, count: held.length }))
    if (fields) log.debug(fields, 'claims renewed')
  }

  /** A message says that a task was cancelled. Anybody may send one, so a renewal asks the store. */
  async check (id: string): Promise<void> {
    const { queue, stallInterval, claims, onStatus } = this.#options
    const claim = claims().find(held => held.id === id)
    if (!claim) return
    const [status] = await queue.renew(stallInterval, [claim]).catch(() => []) // the next renewal finds it
    if (status) onStatus(claim, status)
  }

  /** A handler that holds the event loop holds up renewals too: all leases of this worker may expire. */
  #watchEventLoop (): void {
    const { stallInterval, log, running } = this.#options
    let last = realTime()
    this.#repeater.every(LAG_CHECK_MS, () => {
      const lateMs = realTime() - last - LAG_CHECK_MS
      last = realTime()
      if (lateMs < stallInterval / 6) return
      const fields = { event: 'worker.event_loop_held', lateMs, stallInterval, running: running() }
      log.warn(fields, 'event loop was held up by a task: past stallInterval its claim is lost and it runs twice. ' +
        'Give it a thread: define(name, { thread: file })')
    })
  }

  stop (): void {
    this.#options.connection.off('ready', this.#onReady)
    this.#repeater.stop()
  }
}
