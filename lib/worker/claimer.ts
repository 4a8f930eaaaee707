/**
 * Claims tasks for a consumer:
 *
 * 1. by a call that does not block; a lost reply is asked for again, with the same token;
 * 2. by a wait in Redis, on a connection of its own; if the connection is cut, the wait is cancelled by its token.
 */
import { debugFields } from './debug-log.ts'
import * as telemetry from '../telemetry.ts'
import { realTime, sleep } from '../timers.ts'
import type { ConsumerContext } from './consumer-context.ts'
import type { PersistentCalls } from './persistent-call.ts'
import type { ClaimReply, ConsumerQueue } from '../store/contract.ts'

/** How long a wait for the queue lasts before the consumer claims anyway, in seconds. */
const WAIT_SECONDS = 5
/** Before a cut wait is cancelled, in ms: the connection dials again by itself. */
const RECONNECT_MS = 100

export interface ClaimerOptions {
  context: ConsumerContext
  queue: ConsumerQueue
  /** The same queue, over the connection that waits. */
  waitingQueue: ConsumerQueue
  calls: PersistentCalls
}

export class Claimer {
  readonly #options: ClaimerOptions
  #sequence = 0
  #stopped = false
  /** Ends the wait: a connection that is dialling rejects nothing when it is given up. */
  #abortWait: () => void = () => {}

  constructor (options: ClaimerOptions) {
    this.#options = options
  }

  /** A fresh claim token. */
  token (): string { return `${this.#options.context.worker}.${++this.#sequence}` }

  get #lease (): number { return this.#options.context.settings.stallInterval }

  /**
   * Claims up to `room` tasks. Undefined if the worker closed first.
   * @param state what the worker holds, for a debug line
   */
  async claim (room: number, state: object): Promise<ClaimReply & { sentAt: number } | undefined> {
    const { queue, calls } = this.#options
    const token = this.token()
    const sentAt = realTime()
    // After a stop it asks for the tasks of a lost reply, so that they can be released, and takes no more.
    const claim = (again: boolean): Promise<ClaimReply> =>
      queue.claim(this.#stopped ? 0 : room, token, this.#lease, again)
    const reply = await calls.retryUntilClosed('claim', claim)
    if (!reply) return undefined
    this.#report(room, reply, state)
    return Object.assign(reply, { sentAt })
  }

  #report (asked: number, { jobs }: ClaimReply, state: object): void {
    const { context: { log, instance, worker }, queue: { name: queue } } = this.#options
    const claimed = jobs.length
    const fields = debugFields(log, () => ({ event: 'claim.made', queue, asked, claimed, ...state }))
    if (fields) log.debug(fields, 'claimed tasks')
    if (telemetry.claims.hasSubscribers) telemetry.claims.publish({ instance, worker, queue, asked, claimed })
  }

  /**
   * After a late reply some of its tasks may belong to another worker, or have ended. Those are left out.
   * Undefined if the worker closed first.
   */
  async dropLost (reply: ClaimReply & { sentAt?: number }): Promise<ClaimReply | undefined> {
    const { context: { clock }, queue, calls } = this.#options
    // How long a wait took says nothing: its claim is as old as Redis' clock says.
    const age = reply.sentAt === undefined ? clock.now() - reply.now : realTime() - reply.sentAt
    if (reply.jobs.length === 0 || age < this.#lease / 2) return reply
    const statuses = await calls.retryUntilClosed('renewal', () => queue.renew(this.#lease, reply.jobs))
    return statuses && { ...reply, jobs: reply.jobs.filter((_job, i) => statuses[i] !== 'lost') }
  }

  /** Waits for a task and claims it. Null if the caller has to claim, undefined if the worker closed first. */
  async wait (): Promise<ClaimReply | null | undefined> {
    const { context: { log }, waitingQueue } = this.#options
    const token = this.token()
    const waited = new Promise<ClaimReply | null>((resolve, reject) => {
      this.#abortWait = reject
      waitingQueue.claimNext(WAIT_SECONDS, token, this.#lease).then(resolve, reject)
    })
    const reply = await waited.catch(() => this.#cutOff(token))
    const claimed = reply?.jobs.length ?? 0
    const fields = debugFields(log, () => ({ event: 'claim.waited', queue: waitingQueue.name, claimed }))
    if (fields) log.debug(fields, 'waited for tasks')
    return reply
  }

  /**
   * The wait was cut. If it had got nothing, the caller has to claim: the connection that waits may be refused for good,
   * and the queue is then polled over the other one.
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
    return calls.retryUntilClosed('claim', () => queue.cancelWait(token, this.#lease))
  }

  /** Ends the wait. From now on no task is claimed. */
  stop (): void {
    this.#stopped = true
    this.#abortWait()
  }
}
