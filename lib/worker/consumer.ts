/**
 * Layer 2: the run loop of one queue: when to claim, and how much.
 *
 * Claims do not block while there is work; only when one comes back with less than was asked for does the loop wait for
 * the queue to have something, on a connection of its own. The outcomes of one batch are on their way to Redis while the
 * next is claimed, and where tasks are quick the next batch is claimed while one runs.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyBaseLogger } from 'fastify'
import { Insist } from './persistent-call.ts'
import { Keeper } from './maintenance.ts'
import { MAX_TIMER } from '../options.ts'
import { Runner } from './runner.ts'
import { together } from '../store/redis/connection.ts'
import type { Claim } from '../store/redis/queue.ts'
import type { Link, Queue } from '../store/contract.ts'
import type { TaskRegistry } from '../tasks/registry.ts'
import type { Runs } from '../records/worker-info.ts'

/** How long a wait for the queue lasts before the loop looks anyway, in seconds. */
const WAIT_SECONDS = 5
/** Bounds one Lua call. */
const MAX_CLAIM = 500

export interface LoopOptions {
  registry: TaskRegistry
  queue: Queue
  /** The worker's connection for commands, and one of the loop's own for waiting. */
  client: Link
  blocker: Link
  workerId: string
  concurrency: number
  log: FastifyBaseLogger
}

export class QueueLoop {
  readonly #options: LoopOptions
  readonly #queue: Queue
  /** The same, over the connection that waits. */
  readonly #waitingQueue: Queue
  readonly #insist: Insist
  readonly #runner: Runner
  readonly #keeper: Keeper
  readonly #ends: Array<() => void> = []
  #sequence = 0
  #stopped = false
  /** Ends the wait: a connection that is being dialled tells nobody that it was given up. */
  #cutWait: () => void = () => {}
  /** False once a claim came back with less than was asked for, until something says otherwise. */
  #mayHaveWork = true
  #pumping: Promise<void> | null = null
  #waiting: Promise<void> | null = null
  #alarm: NodeJS.Timeout | null = null
  #alarmAt = Infinity

  constructor (options: LoopOptions) {
    const { registry, queue, client, blocker, concurrency, log } = options
    this.#options = options
    this.#queue = queue.over(client)
    this.#waitingQueue = queue.over(blocker)
    this.#insist = new Insist(log)
    this.#runner = new Runner(registry, this.#queue, this.#insist, concurrency, log)
    this.#runner.onFree = () => this.#goOn()
    this.#keeper = new Keeper({ queue: this.#queue, client, settings: registry.settings, log, runner: this.#runner, insist: this.#insist, token: () => this.#token(), poke: () => this.poke() })
  }

  /** Resolves once it listens for all that may wake it. Throws TASKS_STALL_INTERVAL_CLASH. */
  async start (): Promise<void> {
    const { subscriber } = this.#options.registry
    await this.#keeper.start()
    if (this.#stopped) return
    this.#ends.push(subscriber.onResync(() => this.poke()))
    await this.#listen(this.#queue.delayedChannel, due => this.#wakeAt(Number(due)))
    await this.#listen(this.#queue.cancelChannel, id => void this.#keeper.check(id))
    this.poke()
  }

  /** Not after the worker was closed: a connection would be opened that nobody closes. */
  async #listen (channel: string, listener: (message: string) => void): Promise<void> {
    if (this.#insist.closed) return
    const end = await this.#options.registry.subscriber.listen(channel, listener)
    if (this.#insist.closed) end()
    else this.#ends.push(end)
  }

  #token (): string { return `${this.#options.workerId}.${++this.#sequence}` }

  /** Something may be waiting. */
  poke (): void {
    this.#mayHaveWork = true
    this.#pump()
  }

  /** Something has ended: a task, a claim or a wait. A claim that is on its way tells whether there is more. */
  #goOn (): void {
    if (this.#pumping) return
    if (!this.#mayHaveWork) this.#waitForWork()
    else if (this.#runner.room > 0) this.#pump()
  }

  #pump (): void {
    if (this.#stopped || this.#pumping) return
    this.#pumping = this.#claimWhileThereIsRoom().finally(() => {
      this.#pumping = null
      this.#goOn()
    })
  }

  async #claimWhileThereIsRoom (): Promise<void> {
    let coming: Promise<Claim | undefined> | null = null
    while (coming || (!this.#stopped && this.#mayHaveWork)) {
      if (!coming) {
        // By then all that ends in this tick has freed its slot, and its outcome goes out ahead of the claim.
        if (!this.#runner.isIdle) await new Promise(resolve => setImmediate(resolve))
        coming = this.#ask()
        if (!coming) return
      }
      const claim: Claim | undefined = await coming
      if (claim) this.#runner.add(claim.jobs, claim.now)
      // Before the handlers run: Redis is at the next claim while they are at this one.
      coming = claim ? this.#ask() : null
      this.#runner.fill()
    }
    // At once, while what runs is waited for: nobody renews these.
    if (this.#stopped) await this.#runner.handBackUnstarted()
  }

  /** Claims as much as there is room for; null where there is none. */
  #ask (): Promise<Claim | undefined> | null {
    const room = Math.min(this.#runner.room, MAX_CLAIM)
    if (room <= 0 || this.#stopped || !this.#mayHaveWork) return null
    this.#mayHaveWork = false // who pokes while the claim is on its way sets it again
    return this.#settleAndClaim(room)
  }

  /** What just ended and what comes next in one write: one round trip a task, where they run one at a time. */
  #settleAndClaim (room: number): Promise<Claim | undefined> {
    let claim!: Promise<Claim | undefined>
    together(this.#options.client, () => {
      this.#runner.flush()
      claim = this.#claim(room)
    })
    return claim
  }

  async #claim (room: number): Promise<Claim | undefined> {
    const token = this.#token()
    const lease = this.#options.registry.settings.stallInterval
    const start = Date.now()
    // Stopped: what a lost reply gave is still asked for, so that it can be handed back; no more is taken.
    const claim = await this.#insist.until('claim', again => this.#queue.claim(this.#stopped ? 0 : room, token, lease, again))
    if (!claim) return undefined
    if (claim.jobs.length >= room) this.#mayHaveWork = true
    if (claim.next !== null) this.#wakeAt(claim.next)
    return this.#stillHeld(claim, Date.now() - start)
  }

  /** Where the reply came late, what it brings may be another worker's by now, or have ended. */
  async #stillHeld (claim: Claim, age: number): Promise<Claim | undefined> {
    const { stallInterval } = this.#options.registry.settings
    if (claim.jobs.length === 0 || age < stallInterval / 2) return claim
    const verdicts = await this.#insist.until('renewal', () => this.#queue.renew(stallInterval, claim.jobs))
    return verdicts && { ...claim, jobs: claim.jobs.filter((_job, i) => verdicts[i] !== 'lost') }
  }

  #waitForWork (): void {
    if (this.#stopped || this.#waiting || this.#runner.room <= 0) return
    this.#waiting = this.#claimNext().then(found => {
      this.#waiting = null
      if (found) this.#mayHaveWork = true
      this.#goOn()
    })
  }

  /** Waits, and claims one task in the same round trip; false where nothing came. Its handler starts before anything else. */
  async #claimNext (): Promise<boolean> {
    const { availability, settings: { stallInterval } } = this.#options.registry
    const token = this.#token()
    const waited = new Promise<Claim | null>((resolve, reject) => {
      this.#cutWait = reject
      this.#waitingQueue.claimNext(WAIT_SECONDS, token, stallInterval).then(resolve, reject)
    })
    const claim = await waited.catch(() => this.#revoke(token))
    if (!claim) return true
    const held = await this.#stillHeld(claim, availability.now() - claim.now) // how long it waited says nothing
    if (!held) return false
    if (held.next !== null) this.#wakeAt(held.next)
    this.#runner.add(held.jobs, held.now)
    this.#runner.fill()
    if (this.#runner.room < 0) this.#runner.giveBack() // a slot was free when the wait began
    if (this.#stopped) await this.#runner.handBackUnstarted()
    return held.jobs.length > 0
  }

  /** It may have been claimed before the connection was cut, and would be after it. */
  async #revoke (token: string): Promise<Claim | undefined> {
    const { stallInterval } = this.#options.registry.settings
    if (!this.#stopped) await sleep(100) // the connection dials again by itself
    return this.#insist.until('claim', () => this.#queue.revoke(token, stallInterval))
  }

  #wakeAt (due: number): void {
    if (this.#stopped || !(due < this.#alarmAt)) return
    const wait = due - this.#options.registry.availability.now()
    if (wait > MAX_TIMER) return // the regular look finds it in time
    if (this.#alarm) clearTimeout(this.#alarm)
    this.#alarmAt = due
    this.#alarm = setTimeout(() => {
      this.#alarmAt = Infinity
      this.poke()
    }, Math.max(1, wait + 1))
  }

  /** What runs, for those who look at this worker from elsewhere. */
  runs (): Runs[] { return this.#runner.runs() }

  /** Claims no more. What runs goes on. */
  stop (): void {
    this.#stopped = true
    this.#runner.stop()
    void this.#runner.handBackUnstarted() // what was claimed ahead; nobody renews it
    if (this.#alarm) clearTimeout(this.#alarm)
    this.#cutWait()
    this.#options.blocker.disconnect() // what it had taken is asked for over the other one
  }

  /** Resolves once it is known what a claim gave, and a wait. */
  async #settled (): Promise<void> {
    await this.#pumping
    await this.#waiting
  }

  /** Resolves once nothing runs. */
  async idle (): Promise<void> {
    await this.#settled()
    await this.#runner.idle()
  }

  /** Aborts what runs, hands back what does not end. Call `close` where it takes too long. */
  async handBack (): Promise<void> {
    this.#runner.abortAll('shutdown')
    await Promise.all([this.#settled(), this.#runner.handBack()])
  }

  close (): void {
    for (const end of this.#ends) end()
    this.#keeper.stop()
    this.#insist.close()
  }
}
