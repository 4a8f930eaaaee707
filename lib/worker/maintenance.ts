/**
 * Layer 2: what must be done for a queue from time to time: renew the claims of this worker, take back those of workers
 * that went away, remove what has outstayed its time.
 */
import type { FastifyBaseLogger } from 'fastify'
import * as errors from '../errors.ts'
import { loggable, toFailure } from '../records/failure.ts'
import type { Insist } from './persistent-call.ts'
import type { Settings } from '../options.ts'
import type { Runner } from './runner.ts'
import type { Link, Queue } from '../store/contract.ts'

export interface KeeperOptions {
  queue: Queue
  client: Link
  settings: Settings
  log: FastifyBaseLogger
  runner: Runner
  insist: Insist
  /** A fresh claim token. */
  token: () => string
  /** Tasks may be waiting that were not before. */
  poke: () => void
}

/** How often it is looked whether the event loop is held up, in ms. */
const LAG_CHECK = 500
const REAP_LIMIT = 1_000
/** How often a renewal that failed is made again, in ms. */
const RETRY = 500
/** After Redis was away all leases may have lapsed: their workers get this long to renew them, in ms. */
const RENEWAL_GRACE = 3_000

export class Keeper {
  readonly #options: KeeperOptions
  readonly #timers: NodeJS.Timeout[] = []
  readonly #busy = new Set<string>()
  readonly #cursors = { succeeded: '0', failed: '0' }
  #noRecoveryBefore = 0
  /** Renewals fail: in a cluster one master may be away, of which the connection says nothing. */
  #away = false

  constructor (options: KeeperOptions) {
    this.#options = options
  }

  /** Throws TASKS_STALL_INTERVAL_CLASH. Takes back at once what a worker before this one left. */
  async start (): Promise<void> {
    const { queue, client, insist, settings: { mode, stallInterval, resultTtl } } = this.#options
    if (mode === 'inline') return // no worker goes away alone, and what is old goes when the clock is moved: no timers
    const inForce = await insist.until('start', () => queue.join(stallInterval))
    if (inForce === undefined || insist.closed) return
    if (inForce !== stallInterval) throw new errors.StallIntervalClash(queue.name, inForce, stallInterval, 2 * inForce)
    client.on('ready', this.#onReady)
    this.#watchEventLoop()
    this.#every(stallInterval / 3, () => this.#renewAll())
    this.#every(RETRY, async () => { if (this.#away) await this.#renewAll(false) })
    this.#every(stallInterval / 2, () => this.#turn('check for stalled tasks', () => this.#recover()))
    this.#every(Math.min(5_000, Math.max(250, resultTtl / 2)), () => this.#turn('removal of old records', () => this.#reap()))
    await this.#turn('check for stalled tasks', () => this.#recover())
  }

  readonly #onReady = (): void => {
    this.#noRecoveryBefore = Date.now() + RENEWAL_GRACE
    void this.#renewAll()
  }

  #every (ms: number, work: () => Promise<void>): void {
    // Not all workers of one start at the same moment.
    this.#timers.push(setInterval(work, ms * (0.9 + Math.random() * 0.1)))
  }

  /** Turns do not overlap; none waits in line for Redis to come back, where it would be made at the wrong time. */
  async #turn (what: string, work: () => Promise<void>): Promise<void> {
    const { client, log } = this.#options
    if (this.#busy.has(what) || client.status !== 'ready') return
    this.#busy.add(what)
    await work().catch(error => log.warn({ err: loggable(toFailure(error)) }, `The ${what} failed; its next turn tries again`))
    this.#busy.delete(what)
  }

  /** Once it fails it is tried again soon, without a word: when Redis is back, all leases may have lapsed. */
  async #renewAll (tell = true): Promise<void> {
    await this.#turn('renewal of claims', async () => {
      try {
        await this.#renew()
      } catch (error) {
        this.#away = true
        if (tell) throw error
        return
      }
      if (this.#away) this.#noRecoveryBefore = Date.now() + RENEWAL_GRACE
      this.#away = false
    })
  }

  async #renew (): Promise<void> {
    const { queue, runner, log, settings: { stallInterval } } = this.#options
    const held = runner.held()
    const inForce = await queue.join(stallInterval)
    if (inForce !== stallInterval) log.error(`Queue "${queue.name}" has workers with stallInterval ${inForce}, this one has ${stallInterval}: tasks may run twice. Set one value everywhere`)
    if (held.length === 0) return
    const verdicts = await queue.renew(stallInterval, held)
    held.forEach((one, i) => runner.renewed(one, verdicts[i]!))
  }

  /** Somebody says that a task was cancelled, and anyone may say so: a renewal tells whether it was. */
  async check (id: string): Promise<void> {
    const { queue, runner, settings: { stallInterval } } = this.#options
    const held = runner.held().find(one => one.id === id)
    if (!held) return
    const verdicts = await queue.renew(stallInterval, [held]).catch(() => []) // the next renewal finds it
    if (verdicts[0]) runner.renewed(held, verdicts[0])
  }

  /** A handler that holds the event loop holds up the renewals too: all claims of this worker lapse. */
  #watchEventLoop (): void {
    const { settings: { stallInterval }, log, runner } = this.#options
    let last = Date.now()
    this.#timers.push(setInterval(() => {
      const lateMs = Date.now() - last - LAG_CHECK
      last = Date.now()
      if (lateMs < stallInterval / 6) return
      log.warn({ lateMs, running: runner.running() }, 'The event loop was held up: one of the running tasks computes without a pause. Past stallInterval its claim is lost, and it runs twice. Give it a thread: define(name, { thread: file })')
    }, LAG_CHECK))
  }

  async #recover (): Promise<void> {
    if (this.#away || Date.now() < this.#noRecoveryBefore) return
    const { queue, runner, log, settings: { stallInterval, maxStalls } } = this.#options
    const token = this.#options.token()
    const { requeued, buried } = await queue.recover(token, stallInterval, maxStalls)
    for (const taskId of requeued) log.warn({ taskId, queue: queue.name }, 'The task stalled: its worker went away. It waits again')
    for (const one of buried) runner.bury(one, token)
    if (requeued.length > 0) this.#options.poke()
  }

  async #reap (): Promise<void> {
    const { queue, settings } = this.#options
    while (await queue.reap(REAP_LIMIT) >= REAP_LIMIT);
    for (const state of ['succeeded', 'failed'] as const) {
      this.#cursors[state] = await queue.adopt(state, this.#cursors[state], settings.resultTtl)
    }
  }

  stop (): void {
    this.#options.client.off('ready', this.#onReady)
    for (const timer of this.#timers) clearInterval(timer)
  }
}
