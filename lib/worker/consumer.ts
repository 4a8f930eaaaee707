/**
 * The consumer of one queue decides when to claim, and how much:
 *
 *     idle ──wake──▶ claiming ──got some──▶ running ──slot free, may have work──▶ claiming
 *                       │                      │
 *                       └──no more tasks wait──┴─▶ waiting (blocks in Redis, claims one task) ──▶ claiming
 *     any ──stop──▶ stopping: no claim, what runs goes on, the rest is released
 *
 * Claims do not block while there is work. The outcomes of one batch are on their way to Redis while the next is
 * claimed, and quick tasks are prefetched. Only when no more tasks wait does the consumer wait for the queue, on a
 * connection of its own.
 */
import { AttemptMeter } from './attempt-meter.ts'
import { Claimer, type GuardedReply } from './claimer.ts'
import { ConsumerFlows } from './consumer-flows.ts'
import { collectLastClaims } from './last-claims.ts'
import { PersistentCalls } from './persistent-call.ts'
import { GivenBack } from './given-back.ts'
import { guardClaims, mayPrefetch, type GuardedClaims } from './prefetch-guard.ts'
import { PrefetchBuffer, PrefetchWindow, type PrefetchedJob } from './prefetch.ts'
import { Runner } from './runner.ts'
import { SettlementBatcher } from './settlement-batcher.ts'
import { StartNotes } from './start-notes.ts'
import { solitude } from './solitude.ts'
import { Subscriptions } from './subscriptions.ts'
import { Suspects } from './suspects.ts'
import { Upkeep } from './upkeep.ts'
import { setImmediate } from '../timers.ts'
import type { ClaimedTask } from '../attempt/claimed-task.ts'
import type { RunningTaskInfo } from '../records/worker-info.ts'
import type { ClaimRef, ClaimStatus, Queue, Settlement } from '../store/contract.ts'
import type { ConsumerContext, ConsumerOptions } from './consumer-context.ts'

export class QueueConsumer {
  readonly #options: ConsumerOptions
  readonly #context: ConsumerContext
  readonly #queue: Queue
  readonly #calls: PersistentCalls
  readonly #claimer: Claimer
  readonly #guard: GuardedClaims | null
  readonly #givenBack: GivenBack
  readonly #prefetchWindow: PrefetchWindow
  readonly #prefetched: PrefetchBuffer
  readonly #flows: ConsumerFlows
  readonly #settlements: SettlementBatcher
  readonly #runner: Runner
  readonly #upkeep: Upkeep
  readonly #suspects: Suspects
  readonly #subscriptions: Subscriptions
  #stopped = false
  /** False after a claim that left no task waiting, until something says otherwise. */
  #mayHaveWork = true
  /** Whether the last claim left tasks waiting. Then no worker waits for those that an outcome may let start. */
  #moreWait = false
  #claiming: Promise<void> | null = null
  #waiting: Promise<void> | null = null
  /** Set by a stop: it is known what the last claims gave, or they were given up. */
  #collected: Promise<void> | null = null

  constructor (options: ConsumerOptions) {
    const { context, queue, connection, blockingConnection } = options
    this.#options = options
    this.#context = context
    this.#queue = queue.over(connection)
    this.#calls = new PersistentCalls(context.log, context)
    const isBusy = (): boolean => this.#runner.slots > 0 || this.#prefetched.length > 0
    this.#guard = guardClaims({ context, queue, isBusy })
    this.#givenBack = new GivenBack({ log: context.log, queue: queue.name, runner: () => this.#runner })
    const guarded = { guard: this.#guard, onGivenBack: (jobs: PrefetchedJob[]) => this.#givenBack.add(jobs) }
    this.#prefetchWindow = new PrefetchWindow(context.concurrency, () => mayPrefetch(queue, this.#guard))
    this.#prefetched = new PrefetchBuffer({ ...guarded, onOverdue: () => this.#releasePrefetched() })
    this.#flows = new ConsumerFlows(context, connection, this.#calls)
    const willClaim = (): boolean => this.#claiming !== null && !this.#moreWait && !this.#claimer.isRetrying
    const parts = { context, connection, queue: this.#queue, calls: this.#calls }
    const events = { onSettled: this.#onSettled.bind(this), willClaim }
    const mostWithClaim = (): number => this.#prefetchWindow.batch()
    const settlements = this.#settlements = new SettlementBatcher({ ...context, ...parts, ...events, mostWithClaim })
    this.#claimer = new Claimer({ ...parts, ...guarded, waitingQueue: queue.over(blockingConnection), settlements })
    const runner = this.#runner = this.#makeRunner()
    const upkeep = this.#upkeep = this.#makeUpkeep()
    const onResume = (): void => this.#onSlotFree()
    this.#suspects = new Suspects({ ...context, queue: queue.name, runner, settlements, upkeep, onResume })
    this.#subscriptions = new Subscriptions(context.pubSub, this.#calls)
  }

  #makeRunner (): Runner {
    return new Runner({
      ...this.#context,
      meter: this.#context.meter && new AttemptMeter(this.#context.meter, this.#queue.name),
      queue: this.#queue,
      calls: this.#calls,
      settlements: this.#settlements,
      starts: new StartNotes(this.#queue, this.#calls),
      flows: this.#flows.engine,
      onEnded: startedAt => this.#prefetchWindow.taskEnded(startedAt),
      onSlotFree: () => this.#onSlotFree()
    })
  }

  #onSettled (task: ClaimedTask, settlement: Settlement, status: ClaimStatus): void {
    this.#runner.onSettled(task, settlement, status)
    if (task.stored.options.flow && status === 'owned') this.#flows.tell(task, settlement)
    if (task.stored.options.schedule) this.#upkeep.onTickEnded()
  }

  #onSlotFree (): void {
    this.#fillSlots()
    this.#next()
  }

  #makeUpkeep (): Upkeep {
    return new Upkeep({
      context: this.#context,
      queue: this.#queue,
      connection: this.#options.connection,
      calls: this.#calls,
      flows: this.#flows.engine,
      claims: () => this.#claims(),
      oldestClaim: () => this.#claimer.oldestWith(this.#claims()),
      running: () => this.#runner.running(),
      onStatus: (claim, status) => this.#onClaimStatus(claim, status),
      onRequeued: ids => {
        this.wake()
        void this.#runner.onRequeued(ids)
      },
      onExhausted: task => this.#runner.failStalled(task)
    })
  }

  #claims (): ClaimRef[] {
    const unstarted = [this.#prefetched, this.#suspects, this.#givenBack]
    return [...this.#runner.claims(), ...unstarted.flatMap(part => part.claims())]
  }

  /** Resolves once it listens for all that may wake it. Throws FST_TASKS_STALL_INTERVAL_CLASH. */
  async start (): Promise<void> {
    await this.#upkeep.start()
    if (this.#stopped) return
    this.#subscriptions.onResync(() => { this.#upkeep.onResync(); this.wake() })
    const channel = this.#queue.cancelChannel(this.#context.worker)
    await this.#subscriptions.listen(channel, id => void this.#upkeep.check(id))
    this.wake()
  }

  // Claim

  /** Tasks may be waiting. */
  wake (): void {
    this.#mayHaveWork = true
    this.#startClaiming()
  }

  /** Called when a task, claim or wait ends: claims again, or waits. No-op while a claim is in flight. */
  #next (): void {
    if (this.#claiming) return
    if (!this.#mayClaim) this.#waitForWork()
    else if (this.#room > 0) this.#startClaiming()
  }

  #startClaiming (): void {
    if (this.#stopped || this.#claiming) return
    this.#claiming = this.#claimWhileThereIsRoom().finally(() => {
      this.#claiming = null
      this.#next()
      if (!this.#claiming && this.#settlements.mayAdmit) this.#settlements.flush() // there was no room for a claim
    })
  }

  /** The end of a task may let another one of its lane start. */
  get #mayClaim (): boolean { return this.#mayHaveWork || this.#settlements.mayAdmit }

  /** How many tasks may be claimed now. */
  get #room (): number {
    return solitude.closed ? 0 : this.#prefetchWindow.room(this.#runner.slots, this.#prefetched.length)
  }

  async #claimWhileThereIsRoom (): Promise<void> {
    let nextClaim: Promise<GuardedReply | undefined> | null = null
    while (nextClaim || (!this.#stopped && this.#mayClaim)) {
      if (!nextClaim) {
        // Then all that ends in this tick has freed its slot, and its outcome goes out ahead of the claim.
        if (!this.#runner.isIdle) await new Promise(resolve => setImmediate(resolve))
        nextClaim = this.#claimIfRoom()
        if (!nextClaim) return
      }
      const reply: GuardedReply | undefined = await nextClaim
      if (reply) this.#prefetch(reply)
      // Before the handlers run: Redis is at the next claim while they are at this one.
      nextClaim = reply ? this.#claimIfRoom() : null
      this.#fillSlots()
    }
    // At once, while what runs is waited for: nobody renews these.
    if (this.#stopped) await this.#runner.releaseUnstarted()
  }

  #claimIfRoom (): Promise<GuardedReply | undefined> | null {
    const room = this.#room
    if (room <= 0 || this.#stopped || !this.#mayClaim) return null
    this.#mayHaveWork = false // a wake while the claim is in flight sets it again
    return this.#claimer.claim(room, { slots: this.#runner.slots, prefetched: this.#prefetched.length })
  }

  // Prefetch

  #prefetch (reply: GuardedReply): void {
    this.#moreWait = reply.more
    if (reply.more) this.#mayHaveWork = true
    this.#upkeep.onReply(reply)
    this.#prefetched.add(this.#suspects.takeFrom(reply), reply.now, reply.hold)
    this.#upkeep.onClaimed(reply.jobs)
    if (this.#stopped) this.#takePrefetched()
  }

  /** Starts claimed tasks while there are slots. Not while the lease is in doubt: another worker may run them. */
  #fillSlots (): void {
    // If all of them were lost, no task ends that would make room for a claim.
    if (this.#prefetched.length > 0 && this.#upkeep.inDoubt) return this.#upkeep.confirmThen(() => this.#onSlotFree())
    while (this.#prefetched.length > 0 && this.#runner.hasFreeSlot && !solitude.closed) {
      const next = this.#prefetched.shift()
      this.#guard?.beforeStart(this.#prefetched.length > 0)
      if (next) this.#runner.take(next)
    }
    this.#prefetched.watch()
  }

  /** After a stop: the runner sorts out what is to be settled and what to be released. */
  #takePrefetched (): void {
    this.#prefetched.stop()
    for (const job of [...this.#prefetched.takeAll(), ...this.#suspects.takeAll()]) this.#runner.take(job)
    this.#givenBack.stop()
  }

  #releasePrefetched (): void { void this.#runner.release(this.#prefetched.takeAll()) }

  #onClaimStatus (claim: ClaimRef, status: ClaimStatus): void {
    if (this.#runner.onClaimStatus(claim, status) || status === 'owned') return
    this.#suspects.onClaimStatus(claim, status)
    const job = this.#prefetched.take(claim)
    if (job && status === 'cancelRequested') this.#settlements.finish('cancelled', this.#runner.toTask(job))
  }

  // Wait

  #waitForWork (): void {
    if (this.#stopped || this.#waiting || this.#room <= 0) return
    this.#waiting = this.#claimNext().then(() => {
      this.#waiting = null
      this.#next()
    })
  }

  /** Waits, and claims one task in the same round trip. Its handler starts before anything else. */
  async #claimNext (): Promise<void> {
    const reply = await this.#claimer.wait()
    if (!reply) this.#mayHaveWork = true
    if (!reply) return
    this.#prefetch(reply)
    this.#fillSlots()
    if (this.#room < 0) this.#releasePrefetched() // a slot was free when the wait began
    if (this.#stopped) await this.#runner.releaseUnstarted()
  }

  runningTasks (): RunningTaskInfo[] { return this.#runner.runningTasks() }

  // Close

  /** Claims no more. What runs goes on. */
  stop (): void {
    this.#stopped = true
    this.#runner.stop()
    this.#takePrefetched()
    void this.#runner.releaseUnstarted() // nobody renews them
    this.#claimer.stop()
    this.#options.blockingConnection.disconnect() // what it had claimed is collected over the other connection
    this.#collected = collectLastClaims(Promise.all([this.#claiming, this.#waiting]), this.#options.connection)
  }

  /** Resolves once nothing runs. */
  async idle (): Promise<void> {
    await this.#collected
    await this.#runner.idle()
    await this.#flows.drained()
  }

  /** Aborts what runs, and releases what does not finish. Call `close` if it takes too long. */
  async handBack (): Promise<void> {
    this.#runner.abortAll('shutdown')
    await Promise.all([this.#collected, this.#runner.handBack()])
    await this.#flows.drained()
  }

  async close (): Promise<void> {
    this.#subscriptions.end()
    this.#suspects.close()
    this.#upkeep.stop()
    this.#calls.close()
    await this.#guard?.leave()
  }
}
