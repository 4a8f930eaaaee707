/**
 * Claims tasks for a consumer:
 *
 * 1. by a call that does not block, together with outcomes; a lost reply is asked for again, with the same token;
 * 2. by a wait in Redis, on a connection of its own; if the connection is cut, the wait is cancelled by its token.
 */
import { debugFields } from './debug-log.ts'
import { numberOf, toToken } from '../store/claim-token.ts'
import * as telemetry from '../telemetry.ts'
import { setImmediate, sleep, uptime } from '../timers.ts'
import type { Hold } from './claim-page.ts'
import type { ConsumerContext } from './consumer-context.ts'
import type { PersistentCalls } from './persistent-call.ts'
import type { PrefetchedJob } from './prefetch.ts'
import type { GuardedClaims } from './prefetch-guard.ts'
import type { SettlementBatcher } from './settlement-batcher.ts'
import type { ClaimRef, ClaimReply, ConsumerQueue, StoreConnection } from '../store/contract.ts'

/** How long a wait for the queue lasts before the consumer claims anyway, in seconds. */
const WAIT_SECONDS = 5
/** Bounds one Lua call. */
const MAX_CLAIM = 500
/** Before a cut wait is cancelled, in ms: the connection dials again by itself. */
const RECONNECT_MS = 100

export interface ClaimerOptions {
  context: ConsumerContext
  queue: ConsumerQueue
  /** The same queue, over the connection that waits. */
  waitingQueue: ConsumerQueue
  connection: StoreConnection
  calls: PersistentCalls
  settlements: SettlementBatcher
  /** Null in a store that has no other workers, or if there can be no guard. */
  guard: GuardedClaims | null
  /** Called with tasks that the guard has given back, or could not: nobody here may start them. */
  onGivenBack: (jobs: PrefetchedJob[]) => void
}

export interface GuardedReply extends ClaimReply {
  /** What guards its tasks. */
  hold?: Hold | null
  /** When the claim was asked for, as `uptime()`. */
  askedAt: number
}

export class Claimer {
  readonly #options: ClaimerOptions
  /** The numbers of claims that are on their way, or whose tasks the consumer has not taken over yet. */
  readonly #inFlight = new Set<number>()
  #sequence = 0
  #stopped = false
  #isRetrying = false
  /** Ends the wait: a connection that is dialling rejects nothing when it is given up. */
  #abortWait: () => void = () => {}

  constructor (options: ClaimerOptions) {
    this.#options = options
  }

  /** A claim has failed, and is repeated. */
  get isRetrying (): boolean { return this.#isRetrying }

  /** The number of the oldest claim that is held or on its way. If there is none: of the next one. */
  oldestWith (held: ClaimRef[]): number {
    let oldest = Math.min(this.#sequence + 1, ...this.#inFlight)
    for (const { token } of held) oldest = Math.min(oldest, numberOf(token))
    return oldest
  }

  /** Calls with a fresh claim token. The consumer takes the reply over before the next turn of the event loop. */
  async #withToken<None extends null | undefined> (
    call: (token: string) => Promise<ClaimReply | None>
  ): Promise<GuardedReply | None> {
    const number = ++this.#sequence
    this.#inFlight.add(number)
    const askedAt = uptime()
    const hold = this.#options.guard?.asked(number)
    try {
      const reply = await call(toToken(this.#options.context.worker, number))
      if (reply) return { ...hold ? this.#hold(hold, reply) : reply, askedAt }
      hold?.takeAll()
      return reply
    } finally {
      setImmediate(() => this.#inFlight.delete(number))
    }
  }

  #hold (hold: Hold, reply: ClaimReply): ClaimReply & { hold?: Hold } {
    if (hold.answered(reply.jobs)) return { ...reply, hold }
    const { jobs, now } = reply
    if (jobs.length > 0) this.#options.onGivenBack(jobs.map(job => ({ job, now, since: uptime() })))
    return { ...reply, jobs: [], more: true }
  }

  /**
   * Claims up to `room` tasks. Undefined if the worker closed first.
   * @param state what the worker holds, for a debug line
   */
  claim (room: number, state: object): Promise<GuardedReply | undefined> {
    return this.#withToken(async token => {
      const { calls } = this.#options
      const asked = Math.min(room, MAX_CLAIM)
      const reply = await calls.retryUntilClosed('claim', again => {
        this.#isRetrying = again
        return again ? this.#claimAgain(asked, token) : this.#settleAndClaim(asked, token)
      })
      this.#isRetrying = false
      if (reply) this.#report(asked, reply, state)
      return reply
    })
  }

  /**
   * Outcomes and the next claim in one write: one round trip for each task, if they run one at a time. If an outcome
   * frees a slot of a limit, its next task is claimed in the same step.
   */
  #settleAndClaim (free: number, token: string): Promise<ClaimReply> {
    const { queue, settlements, connection } = this.#options
    if (settlements.mayAdmit) return settlements.flushWith(batch => queue.settleAndClaim(batch, free, token))
    let reply!: Promise<ClaimReply>
    connection.pipelined(() => {
      settlements.flush()
      reply = queue.claim(free, token, false)
    })
    return reply
  }

  /** After a stop it asks for the tasks of a lost reply, so that they can be released, and takes no more. */
  #claimAgain (free: number, token: string): Promise<ClaimReply> {
    const { queue, settlements } = this.#options
    settlements.flush() // an outcome does not wait for claims that fail
    return queue.claim(this.#stopped ? 0 : free, token, true)
  }

  #report (asked: number, { jobs }: ClaimReply, state: object): void {
    const { context: { log, instance, worker }, queue: { name: queue } } = this.#options
    const claimed = jobs.length
    const fields = debugFields(log, () => ({ event: 'claim.made', queue, asked, claimed, ...state }))
    if (fields) log.debug(fields, 'claimed tasks')
    if (telemetry.claims.hasSubscribers) telemetry.claims.publish({ instance, worker, queue, asked, claimed })
  }

  /** Waits for a task and claims it. Null if the caller has to claim, undefined if the worker closed first. */
  wait (): Promise<GuardedReply | null | undefined> {
    return this.#withToken(async token => {
      const { context: { log }, waitingQueue } = this.#options
      const waited = new Promise<ClaimReply | null>((resolve, reject) => {
        this.#abortWait = reject
        waitingQueue.claimNext(WAIT_SECONDS, token).then(resolve, reject)
      })
      const reply = await waited.catch(() => this.#cutOff(token))
      const claimed = reply?.jobs.length ?? 0
      const fields = debugFields(log, () => ({ event: 'claim.waited', queue: waitingQueue.name, claimed }))
      if (fields) log.debug(fields, 'waited for tasks')
      return reply
    })
  }

  /**
   * The wait was cut. If it had got nothing, the caller has to claim: the connection that waits may be refused for
   * good, and the queue is then polled over the other one.
   */
  async #cutOff (token: string): Promise<ClaimReply | null | undefined> {
    const reply = await this.#cancelWait(token)
    return reply?.jobs.length === 0 && !this.#stopped ? null : reply
  }

  /**
   * The claim may have run before the connection dropped, or may still run on the server: its token is cancelled, and
   * what it got is collected.
   */
  async #cancelWait (token: string): Promise<ClaimReply | undefined> {
    const { queue, calls } = this.#options
    if (!this.#stopped) await sleep(RECONNECT_MS)
    return calls.retryUntilClosed('claim', () => queue.cancelWait(token))
  }

  /** Ends the wait. From now on no task is claimed. */
  stop (): void {
    this.#stopped = true
    this.#abortWait()
  }
}
