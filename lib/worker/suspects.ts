/**
 * Tasks that stalled as often as maxStalls allows: one more stall, and they fail. Perhaps one of them ends its worker
 * each time, and the others only ran beside it. So each of them starts alone in its process. The innocent ones succeed,
 * and the culprit fails alone.
 *
 * If the tasks beside it do not end in time, a suspect is deferred: this worker goes on with other tasks, and another
 * one may be idle. Each time the worker is more patient, until a suspect has started.
 */
import type { FastifyBaseLogger } from 'fastify'
import { solitude, type LoneTask, type SolitudeMember } from './solitude.ts'
import { clearTimeout, setTimeout, uptime } from '../timers.ts'
import type { Settings } from '../options.ts'
import type { GuardedReply } from './claimer.ts'
import type { ClaimRef, ClaimReply, ClaimStatus } from '../store/contract.ts'
import type { PrefetchedJob } from './prefetch.ts'
import type { Runner } from './runner.ts'
import type { SettlementBatcher } from './settlement-batcher.ts'
import type { Upkeep } from './upkeep.ts'

/** The longest that a suspect waits for the tasks beside it, in ms. */
const MAX_PATIENCE_MS = 3_600_000

export interface SuspectsOptions {
  runner: Runner
  settlements: SettlementBatcher
  upkeep: Upkeep
  settings: Settings
  log: FastifyBaseLogger
  queue: string
  /** Called when tasks may be claimed and started again. */
  onResume: () => void
}

/** The suspects of one consumer that have not started. */
export class Suspects implements SolitudeMember {
  readonly #options: SuspectsOptions
  readonly #waiting = new Map<Suspect, NodeJS.Timeout>()
  #patience: number

  constructor (options: SuspectsOptions) {
    this.#options = options
    this.#patience = options.settings.stallInterval
    solitude.join(this)
  }

  held (): number { return this.#options.runner.held }
  resume (): void { this.#options.onResume() }
  claims (): ClaimRef[] { return Array.from(this.#waiting.keys(), ({ job: { job } }) => job) }

  /** Takes the suspects out of what was claimed. Returns the other tasks. */
  takeFrom ({ jobs, now, hold }: GuardedReply): ClaimReply['jobs'] {
    const { settings: { maxStalls } } = this.#options
    // A claim that takes a stalled task takes no other.
    if (jobs.length !== 1 || jobs[0]!.stalls === undefined || jobs[0]!.stalls < maxStalls) return jobs
    if (hold?.takeAll() === false) return jobs // the guard has given it back
    this.#hold({ job: jobs[0]!, now, since: uptime() })
    return []
  }

  #hold (job: PrefetchedJob): void {
    const suspect: Suspect = new Suspect(job, this.#options, {
      isWaiting: () => this.#waiting.has(suspect),
      take: () => this.#take(suspect)
    })
    this.#waiting.set(suspect, setTimeout(() => this.#defer(suspect), this.#patience))
    solitude.request(suspect)
  }

  #take (suspect: Suspect): boolean {
    if (!this.#forget(suspect)) return false
    this.#patience = this.#options.settings.stallInterval
    return true
  }

  #forget (suspect: Suspect): boolean {
    clearTimeout(this.#waiting.get(suspect))
    return this.#waiting.delete(suspect)
  }

  #defer (suspect: Suspect): void {
    const { settlements, runner, log, queue } = this.#options
    if (!solitude.withdraw(suspect) || !this.#forget(suspect)) return
    const delayMs = this.#patience
    this.#patience = Math.min(2 * delayMs, MAX_PATIENCE_MS)
    const { job: { id, token } } = suspect.job
    log.warn({ event: 'task.suspect_deferred', taskId: id, queue, delayMs, running: runner.running() },
      'task deferred: at its last start before it fails as stalled it has to run alone, and other tasks still run')
    settlements.settle({ id, token, outcome: 'defer', ms: delayMs }, runner.toTask(suspect.job))
  }

  /** What the store says about a claim that has not started. */
  onClaimStatus ({ id, token }: ClaimRef, status: ClaimStatus): void {
    const { settlements, runner } = this.#options
    const suspect = [...this.#waiting.keys()].find(({ job: { job } }) => job.id === id && job.token === token)
    if (!suspect || status === 'owned' || !this.#forget(suspect)) return
    if (status === 'cancelRequested') settlements.finish('cancelled', runner.toTask(suspect.job))
    solitude.withdraw(suspect)
  }

  /** For a worker that stops. */
  takeAll (): PrefetchedJob[] {
    const all = [...this.#waiting.keys()].filter(suspect => this.#forget(suspect))
    for (const suspect of all) solitude.withdraw(suspect)
    return all.map(({ job }) => job)
  }

  close (): void { solitude.leave(this) }
}

interface SuspectList {
  /** False if its claim was lost, it was cancelled, or the worker stopped. */
  isWaiting (): boolean
  /** Takes it off the list. False if it is not there any more. */
  take (): boolean
}

class Suspect implements LoneTask {
  readonly job: PrefetchedJob
  readonly aloneMs: number
  readonly #options: SuspectsOptions
  readonly #list: SuspectList
  #isStarting = false

  constructor (job: PrefetchedJob, options: SuspectsOptions, list: SuspectList) {
    this.job = job
    this.aloneMs = options.settings.stallInterval
    this.#options = options
    this.#list = list
  }

  isHeld (): boolean {
    return (this.#isStarting && this.#list.isWaiting()) || this.#options.runner.holds(this.job.job)
  }

  /** It may have waited for long: it starts when it is known that its claim was not lost. */
  start (): void {
    const { upkeep, runner } = this.#options
    this.#isStarting = true
    void upkeep.confirm().then(() => {
      if (this.#list.take()) runner.take(this.job)
      this.#isStarting = false
      solitude.check()
    })
  }
}
