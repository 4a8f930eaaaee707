/**
 * Layer 2: the run loop of one queue: when to claim, and how much.
 *
 * Claims do not block while there is work; only when one comes back with less than was asked for does the loop wait for
 * the queue to have something, on a connection of its own. The outcomes of one batch are on their way to Redis while the
 * next is claimed, and where tasks are quick the next batch is claimed while one runs.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyBaseLogger } from 'fastify'
import { PersistentCalls } from './persistent-call.ts'
import { LeaseRenewer } from './lease-renewer.ts'
import { Maintenance } from './maintenance.ts'
import { MAX_TIMER } from '../options.ts'
import { Runner } from './runner.ts'
import type { TaskRegistry } from '../tasks/registry.ts'
import type { RunningTaskInfo } from '../records/worker-info.ts'
import type { ClaimReply, Queue, StoreConnection } from '../store/contract.ts'

/** How long a wait for the queue lasts before the loop looks anyway, in seconds. */
const WAIT_SECONDS = 5
/** Bounds one Lua call. */
const MAX_CLAIM = 500

export interface ConsumerOptions {
  registry: TaskRegistry
  queue: Queue
  /** The worker's connection for commands, and one of the loop's own for waiting. */
  connection: StoreConnection
  blockingConnection: StoreConnection
  workerId: string
  concurrency: number
  log: FastifyBaseLogger
}

export class QueueConsumer {
  readonly #options: ConsumerOptions
  readonly #queue: Queue
  /** The same, over the connection that waits. */
  readonly #waitingQueue: Queue
  readonly #calls: PersistentCalls
  readonly #runner: Runner
  readonly #leases: LeaseRenewer
  readonly #maintenance: Maintenance | null
  readonly #unsubscribers: Array<() => void> = []
  #sequence = 0
  #stopped = false
  /** Ends the wait: a connection that is being dialled tells nobody that it was given up. */
  #abortWait: () => void = () => {}
  /** False once a claim came back with less than was asked for, until something says otherwise. */
  #mayHaveWork = true
  #claiming: Promise<void> | null = null
  #waiting: Promise<void> | null = null
  #delayedTimer: NodeJS.Timeout | null = null
  #delayedTimerAt = Infinity

  constructor (options: ConsumerOptions) {
    const { registry, queue, connection, blockingConnection, concurrency, log } = options
    this.#options = options
    this.#queue = queue.over(connection)
    this.#waitingQueue = queue.over(blockingConnection)
    this.#calls = new PersistentCalls(log)
    this.#runner = new Runner(registry, this.#queue, this.#calls, concurrency, log)
    this.#runner.onFree = () => this.#next()
    const { settings } = registry
    this.#leases = new LeaseRenewer({
      queue: this.#queue,
      connection,
      stallInterval: settings.stallInterval,
      calls: this.#calls,
      log,
      claims: () => this.#runner.held(),
      onStatus: (claim, status) => this.#runner.renewed(claim, status),
      running: () => this.#runner.running()
    })
    this.#maintenance = this.#queue.upkeep && new Maintenance({
      queue: queue.name,
      upkeep: this.#queue.upkeep,
      connection,
      settings,
      log,
      leases: this.#leases,
      token: () => this.#token(),
      onRequeued: () => this.wake(),
      onExhausted: (task, token) => this.#runner.failStalled(task, token)
    })
  }

  /** Resolves once it listens for all that may wake it. Throws FST_TASKS_STALL_INTERVAL_CLASH. */
  async start (): Promise<void> {
    const { subscriber } = this.#options.registry
    await this.#leases.start()
    if (this.#stopped) return
    await this.#maintenance?.start()
    if (this.#stopped) return
    this.#unsubscribers.push(subscriber.onResync(() => this.wake()))
    await this.#listen(this.#queue.delayedChannel, due => this.#wakeAt(Number(due)))
    await this.#listen(this.#queue.cancelChannel, id => void this.#leases.check(id))
    this.wake()
  }

  /** Not after the worker was closed: a connection would be opened that nobody closes. */
  async #listen (channel: string, listener: (message: string) => void): Promise<void> {
    if (this.#calls.closed) return
    const end = await this.#options.registry.subscriber.listen(channel, listener)
    if (this.#calls.closed) end()
    else this.#unsubscribers.push(end)
  }

  #token (): string { return `${this.#options.workerId}.${++this.#sequence}` }

  /** Something may be waiting. */
  wake (): void {
    this.#mayHaveWork = true
    this.#startClaiming()
  }

  /** Something has ended: a task, a claim or a wait. A claim that is on its way tells whether there is more. */
  #next (): void {
    if (this.#claiming) return
    if (!this.#mayHaveWork) this.#waitForWork()
    else if (this.#runner.room > 0) this.#startClaiming()
  }

  #startClaiming (): void {
    if (this.#stopped || this.#claiming) return
    this.#claiming = this.#claimWhileThereIsRoom().finally(() => {
      this.#claiming = null
      this.#next()
    })
  }

  async #claimWhileThereIsRoom (): Promise<void> {
    let coming: Promise<ClaimReply | undefined> | null = null
    while (coming || (!this.#stopped && this.#mayHaveWork)) {
      if (!coming) {
        // By then all that ends in this tick has freed its slot, and its outcome goes out ahead of the claim.
        if (!this.#runner.isIdle) await new Promise(resolve => setImmediate(resolve))
        coming = this.#claimIfRoom()
        if (!coming) return
      }
      const claim: ClaimReply | undefined = await coming
      if (claim) this.#runner.add(claim.jobs, claim.now)
      // Before the handlers run: Redis is at the next claim while they are at this one.
      coming = claim ? this.#claimIfRoom() : null
      this.#runner.fill()
    }
    // At once, while what runs is waited for: nobody renews these.
    if (this.#stopped) await this.#runner.handBackUnstarted()
  }

  /** Claims as much as there is room for; null where there is none. */
  #claimIfRoom (): Promise<ClaimReply | undefined> | null {
    const room = Math.min(this.#runner.room, MAX_CLAIM)
    if (room <= 0 || this.#stopped || !this.#mayHaveWork) return null
    this.#mayHaveWork = false // who pokes while the claim is on its way sets it again
    return this.#settleAndClaim(room)
  }

  /** What just ended and what comes next in one write: one round trip a task, where they run one at a time. */
  #settleAndClaim (room: number): Promise<ClaimReply | undefined> {
    let claim!: Promise<ClaimReply | undefined>
    this.#options.connection.pipelined(() => {
      this.#runner.flush()
      claim = this.#claim(room)
    })
    return claim
  }

  async #claim (room: number): Promise<ClaimReply | undefined> {
    const token = this.#token()
    const lease = this.#options.registry.settings.stallInterval
    const start = Date.now()
    // Stopped: what a lost reply gave is still asked for, so that it can be handed back; no more is taken.
    const claim = await this.#calls.retryUntilClosed('claim', again => this.#queue.claim(this.#stopped ? 0 : room, token, lease, again))
    if (!claim) return undefined
    if (claim.jobs.length >= room) this.#mayHaveWork = true
    if (claim.next !== null) this.#wakeAt(claim.next)
    return this.#stillHeld(claim, Date.now() - start)
  }

  /** Where the reply came late, what it brings may be another worker's by now, or have ended. */
  async #stillHeld (claim: ClaimReply, age: number): Promise<ClaimReply | undefined> {
    const { stallInterval } = this.#options.registry.settings
    if (claim.jobs.length === 0 || age < stallInterval / 2) return claim
    const statuses = await this.#calls.retryUntilClosed('renewal', () => this.#queue.renew(stallInterval, claim.jobs))
    return statuses && { ...claim, jobs: claim.jobs.filter((_job, i) => statuses[i] !== 'lost') }
  }

  #waitForWork (): void {
    if (this.#stopped || this.#waiting || this.#runner.room <= 0) return
    this.#waiting = this.#claimNext().then(found => {
      this.#waiting = null
      if (found) this.#mayHaveWork = true
      this.#next()
    })
  }

  /** Waits, and claims one task in the same round trip; false where nothing came. Its handler starts before anything else. */
  async #claimNext (): Promise<boolean> {
    const { clock, settings: { stallInterval } } = this.#options.registry
    const token = this.#token()
    const waited = new Promise<ClaimReply | null>((resolve, reject) => {
      this.#abortWait = reject
      this.#waitingQueue.claimNext(WAIT_SECONDS, token, stallInterval).then(resolve, reject)
    })
    const claim = await waited.catch(() => this.#cancelWait(token))
    if (!claim) return true
    const held = await this.#stillHeld(claim, clock.now() - claim.now) // how long it waited says nothing
    if (!held) return false
    if (held.next !== null) this.#wakeAt(held.next)
    this.#runner.add(held.jobs, held.now)
    this.#runner.fill()
    if (this.#runner.room < 0) this.#runner.releasePrefetched() // a slot was free when the wait began
    if (this.#stopped) await this.#runner.handBackUnstarted()
    return held.jobs.length > 0
  }

  /** It may have been claimed before the connection was cut, and would be after it. */
  async #cancelWait (token: string): Promise<ClaimReply | undefined> {
    const { stallInterval } = this.#options.registry.settings
    if (!this.#stopped) await sleep(100) // the connection dials again by itself
    return this.#calls.retryUntilClosed('claim', () => this.#queue.cancelWait(token, stallInterval))
  }

  #wakeAt (due: number): void {
    if (this.#stopped || !(due < this.#delayedTimerAt)) return
    const wait = due - this.#options.registry.clock.now()
    if (wait > MAX_TIMER) return // the regular look finds it in time
    if (this.#delayedTimer) clearTimeout(this.#delayedTimer)
    this.#delayedTimerAt = due
    this.#delayedTimer = setTimeout(() => {
      this.#delayedTimerAt = Infinity
      this.wake()
    }, Math.max(1, wait + 1))
  }

  /** What runs, for those who look at this worker from elsewhere. */
  runningTasks (): RunningTaskInfo[] { return this.#runner.runningTasks() }

  /** Claims no more. What runs goes on. */
  stop (): void {
    this.#stopped = true
    this.#runner.stop()
    void this.#runner.handBackUnstarted() // what was claimed ahead; nobody renews it
    if (this.#delayedTimer) clearTimeout(this.#delayedTimer)
    this.#abortWait()
    this.#options.blockingConnection.disconnect() // what it had taken is asked for over the other one
  }

  /** Resolves once it is known what a claim gave, and a wait. */
  async #claimsSettled (): Promise<void> {
    await this.#claiming
    await this.#waiting
  }

  /** Resolves once nothing runs. */
  async idle (): Promise<void> {
    await this.#claimsSettled()
    await this.#runner.idle()
  }

  /** Aborts what runs, hands back what does not end. Call `close` where it takes too long. */
  async handBack (): Promise<void> {
    this.#runner.abortAll('shutdown')
    await Promise.all([this.#claimsSettled(), this.#runner.handBack()])
  }

  close (): void {
    for (const end of this.#unsubscribers) end()
    this.#leases.stop()
    this.#maintenance?.stop()
    this.#calls.close()
  }
}
