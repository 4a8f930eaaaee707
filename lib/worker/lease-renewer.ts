/**
 * Keeps this worker's lease of one queue:
 *
 * 1. renews it every third of stallInterval. If it had expired, or a cancel was requested, asks the store about the
 *    claims that are held, and passes on what it answers: owned, lost or cancelled;
 * 2. says when the lease is in doubt: then nothing may start before it is confirmed;
 * 3. agrees on the stall interval with the other workers of the queue;
 * 4. warns when a handler holds the event loop so long that the lease is in danger.
 *
 * A store without upkeep has no leases that expire: then only `check` is used.
 */
import type { FastifyBaseLogger } from 'fastify'
import * as errors from '../errors.ts'
import { debugFields } from './debug-log.ts'
import { Repeater } from './repeater.ts'
import { uptime } from '../timers.ts'
import type { PersistentCalls } from './persistent-call.ts'
import type { ClaimRef, ClaimStatus, Queue, StoreConnection } from '../store/contract.ts'

export interface LeaseRenewerOptions {
  queue: Queue
  connection: StoreConnection
  worker: string
  stallInterval: number
  calls: PersistentCalls
  log: FastifyBaseLogger
  /** The claims that are held now. */
  claims: () => ClaimRef[]
  /** The number of the oldest claim that is held or on its way. */
  oldestClaim: () => number
  /** Called with the status of each claim that was looked up. */
  onStatus: (claim: ClaimRef, status: ClaimStatus) => void
  /** What runs, for the warning about a held event loop. */
  running: () => Array<{ task: string, taskId: string }>
}

/** How often the event loop is checked, in ms. */
const LAG_CHECK_MS = 500
/** How often a failed renewal is repeated, in ms. */
const RETRY_MS = 500
/** Bounds one Lua call. */
const CHECK_LIMIT = 200
/** So many ids are remembered whose cancel came before the reply of their claim. */
const MAX_EARLY = 1_000

export class LeaseRenewer {
  readonly #options: LeaseRenewerOptions
  readonly #repeater: Repeater
  /** Renewals fail. In a cluster a single master may be away: the connection does not show it. */
  #failing = false
  #stopped = false
  /** When the last renewal was sent that came through, in ms of a clock that is never set. */
  #renewedAt = 0
  /** How often it was found that the lease had expired, and when last, as `uptime()`. */
  #doubts = 0
  #doubtAt = -1
  /** The last one of these after which the store has said which claims are left. */
  #checked = 0
  /** Named by a message, and not held: perhaps their claim is on its way. The oldest first. */
  readonly #early = new Set<string>()

  constructor (options: LeaseRenewerOptions) {
    this.#options = options
    this.#repeater = new Repeater(options.connection, options.log)
  }

  /**
   * Whether the lease may have expired: renewals did not come through in time, because of an outage, or because
   * something held this process up. A lease lasts three quarters of stallInterval or longer.
   */
  get inDoubt (): boolean {
    const { queue: { upkeep }, stallInterval } = this.#options
    return upkeep !== null && (this.#isUnchecked || uptime() - this.#renewedAt > stallInterval / 2)
  }

  get #isUnchecked (): boolean { return this.#checked < this.#doubts }

  /**
   * A claim has replied. If it found that the lease had expired, it renewed it: the next renewal cannot see that any
   * more. If it was asked for before the lease was found expired, its tasks may be among those that were taken back,
   * and nobody has asked about them.
   */
  onReply ({ kept, askedAt }: { kept: boolean, askedAt: number }): void {
    if (!kept || askedAt <= this.#doubtAt) this.#onExpired()
  }

  #onExpired (): void {
    this.#doubts++
    this.#doubtAt = uptime()
  }

  /** Throws FST_TASKS_STALL_INTERVAL_CLASH. */
  async start (): Promise<void> {
    const { queue: { name, upkeep }, connection, stallInterval, calls } = this.#options
    if (!upkeep) return
    const inForce = await calls.retryUntilClosed('start', () => upkeep.agreeStallInterval(stallInterval))
    if (inForce === undefined || calls.closed) return
    if (inForce !== stallInterval) throw new errors.StallIntervalClash(name, inForce, stallInterval, 2 * inForce)
    connection.on('ready', this.#onReady)
    this.#watchEventLoop()
    this.#repeater.every(stallInterval / 3, () => this.#renewInTurn())
    this.#repeater.every(RETRY_MS, () => this.#failing && this.#renewInTurn(false))
    await this.confirm()
  }

  readonly #onReady = (): void => { void this.#renewInTurn() }

  /** Renews the lease as soon as Redis answers. Resolves when it is known which claims were lost. */
  async confirm (): Promise<void> {
    await this.#options.calls.retryUntilClosed('renewal', () => this.#renew())
  }

  /** @param logged false for the repeated tries: one line for each outage is enough */
  async #renewInTurn (logged = true): Promise<void> {
    await this.#repeater.turn('renewal of the lease', async () => {
      try {
        await this.#agree()
        await this.#renew()
        this.#failing = false
      } catch (error) {
        this.#failing = true
        if (logged) throw error
      }
    })
  }

  async #agree (): Promise<void> {
    const { queue, stallInterval, log } = this.#options
    const inForce = await queue.upkeep!.agreeStallInterval(stallInterval)
    if (inForce === stallInterval) return
    const fields = { event: 'queue.stall_interval_clash', queue: queue.name, stallInterval, inForce }
    log.error(fields, 'workers have different stallIntervals: tasks may run twice. Set one value everywhere')
  }

  async #renew (): Promise<void> {
    const { queue, worker, oldestClaim, claims, log } = this.#options
    if (this.#stopped) return // a lease that has ended must not begin again
    const sentAt = uptime()
    const { kept, cancels } = await queue.renew(worker, oldestClaim())
    if (!kept) this.#onExpired()
    if (this.#isUnchecked || cancels) await this.#checkAll()
    this.#renewedAt = sentAt
    const fields = debugFields(log, () => ({ event: 'claim.renewed', queue: queue.name, count: claims().length, kept }))
    if (fields) log.debug(fields, 'lease renewed')
  }

  /** Another renewal may be sent meanwhile, and finds the lease in force: that does not end this doubt. */
  async #checkAll (): Promise<void> {
    const doubt = this.#doubts
    const held = this.#options.claims()
    for (let i = 0; i < held.length; i += CHECK_LIMIT) await this.#check(held.slice(i, i + CHECK_LIMIT))
    this.#checked = Math.max(this.#checked, doubt)
  }

  async #check (held: ClaimRef[]): Promise<void> {
    const { queue, onStatus } = this.#options
    const statuses = await queue.checkClaims(held)
    held.forEach((claim, i) => onStatus(claim, statuses[i]!))
  }

  /** A message says that a task was cancelled. Anybody may send one, so the store is asked. */
  async check (id: string): Promise<void> {
    const claim = this.#options.claims().find(held => held.id === id)
    if (claim) return await this.#check([claim]).catch(() => {}) // the next renewal finds it
    const [oldest] = this.#early.add(id)
    if (this.#early.size > MAX_EARLY) this.#early.delete(oldest!)
  }

  /** These are held from now on. The message of a cancel may have come before the reply of the claim. */
  onClaimed (claims: ClaimRef[]): void {
    if (this.#early.size === 0) return
    for (const { id } of claims) if (this.#early.delete(id)) void this.check(id)
  }

  /** Messages may have been missed: the renewal finds what was cancelled. */
  onResync (): void { if (this.#options.queue.upkeep && this.#renewedAt > 0) void this.#renewInTurn() }

  /** A handler that holds the event loop holds up renewals too: the lease of this worker may expire. */
  #watchEventLoop (): void {
    const { stallInterval, log, running } = this.#options
    let last = uptime()
    this.#repeater.every(LAG_CHECK_MS, () => {
      const lateMs = Math.round(uptime() - last - LAG_CHECK_MS)
      last = uptime()
      if (lateMs < stallInterval / 6) return
      const fields = { event: 'worker.event_loop_held', lateMs, stallInterval, running: running() }
      log.warn(fields, 'event loop was held up by a task: past stallInterval its claim is lost and it runs twice. ' +
        'Give it a thread: define(name, { thread: file })')
    })
  }

  /** Ends the lease: what this worker did not settle may be taken back at once. */
  stop (): void {
    const { connection, queue, worker } = this.#options
    this.#stopped = true
    connection.off('ready', this.#onReady)
    this.#repeater.stop()
    if (connection.status === 'ready') queue.upkeep?.endLease(worker).catch(() => {}) // otherwise it expires
  }
}
