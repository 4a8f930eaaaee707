/**
 * Queues the delayed tasks of one queue, and fires the ticks of its schedules, when they are due, together with its
 * other workers. Looks at flows that had no change for a while. A few workers are timekeepers: they hear of tasks that
 * are due before all others, and call the store at each due time. The others only look from time to time: they queue
 * what is overdue, and become timekeepers if there are too few.
 */
import type { FastifyBaseLogger } from 'fastify'
import { Repeater } from './repeater.ts'
import { clearTimeout, setTimeout, uptime } from '../timers.ts'
import type { FlowSweep } from '../flows/flow-sweep.ts'
import type { Ticker } from '../schedules/ticker.ts'
import type { StoreConnection } from '../store/contract.ts'
import type { QueueUpkeep } from '../store/upkeep-contract.ts'
import type { PubSub, StoreClock } from '../store/store-contract.ts'

export interface TimekeeperOptions {
  worker: string
  upkeep: QueueUpkeep
  connection: StoreConnection
  clock: StoreClock
  pubSub: PubSub
  log: FastifyBaseLogger
  /** Fires the ticks of schedules that are due. */
  ticker: Ticker
  /** Looks at flows. */
  sweep: FlowSweep
}

/** A third of the time for which the store keeps a seat, in ms. */
const LOOK_MS = 5_000

export class Timekeeper {
  readonly #options: TimekeeperOptions
  readonly #repeater: Repeater
  #timer: NodeJS.Timeout | null = null
  /** When the timer fires, in ms of a clock that is never set. */
  #nextLook = Infinity
  #looking = false
  /** Something changed while the store was looked at. */
  #lookAgain = false
  /** When the tick was due that it fired last. */
  #lastTick = -1
  #stopListening: (() => void) | null = null
  #stopResync: () => void = () => {}
  #stopped = false

  constructor (options: TimekeeperOptions) {
    this.#options = options
    this.#repeater = new Repeater(options.connection, options.log)
  }

  start (): void {
    if (this.#stopped) return // the worker was closed during its start
    this.#stopResync = this.#options.pubSub.onResync(this.#look)
    this.#options.connection.on('ready', this.#look)
    this.#look()
  }

  /** The task of a tick has ended: another tick may wait for that. */
  onTickEnded (): void { this.#look() }

  readonly #look = (): void => {
    if (this.#looking) this.#lookAgain = true
    else void this.#lookOnce()
  }

  async #lookOnce (): Promise<void> {
    this.#looking = true
    this.#lookAgain = false
    let wait = LOOK_MS
    await this.#repeater.turn('queueing of due tasks', async () => {
      const { upkeep, worker, ticker, sweep } = this.#options
      const { isTimekeeper, next, now, tick, held, flow } = await upkeep.queueDue(worker)
      if (flow !== null && sweep.isDue(flow, now)) void this.#sweepFlows()
      const isDue = tick !== null && tick <= now
      const dueIn = (time: number | null): number => time === null || time <= now ? Infinity : time - now + 1
      if (isTimekeeper) wait = Math.min(wait, (next ?? Infinity) - now + 1, dueIn(tick), dueIn(flow))
      if (isDue) await this.#fire(tick)
      else if (held > 0) await ticker.fireDue()
      await this.#listen(isTimekeeper)
    })
    this.#looking = false
    this.#lookIn(this.#lookAgain ? 0 : wait)
  }

  /** Not awaited: it may take long, and delayed tasks are due meanwhile. */
  async #sweepFlows (): Promise<void> {
    let hasLooked = false
    await this.#repeater.turn('look for flows', async () => {
      await this.#options.sweep.lookAtDue()
      hasLooked = true
    })
    if (hasLooked && !this.#stopped) this.#look() // there may be more, or another is due soon
  }

  /** Looks again for the tick that follows. Not if this one stays due: a schedule that cannot be read would spin. */
  async #fire (tick: number): Promise<void> {
    const moved = await this.#options.ticker.fireDue()
    if (moved > 0 || tick !== this.#lastTick) this.#lookAgain = true
    this.#lastTick = tick
  }

  async #listen (isTimekeeper: boolean): Promise<void> {
    if (isTimekeeper === (this.#stopListening !== null) || this.#stopped) return
    if (!isTimekeeper) return this.#endListening()
    const { pubSub, clock, upkeep } = this.#options
    const onEarlier = (due: string): void => this.#lookIn(Number(due) - clock.now())
    this.#stopListening = await pubSub.listen(upkeep.delayedChannel, onEarlier)
    this.#lookAgain = true // for what was published before
    if (this.#stopped) this.#endListening()
  }

  #endListening (): void {
    this.#stopListening?.()
    this.#stopListening = null
  }

  /** No-op if it looks earlier anyway, or if `given` is no number: anybody may publish anything. */
  #lookIn (given: number): void {
    const wait = Math.min(LOOK_MS, given) // a timer of more than 24 days would fire at once
    const time = uptime() + wait
    if (this.#stopped || !(time < this.#nextLook)) return
    if (this.#timer) clearTimeout(this.#timer)
    this.#nextLook = time
    this.#timer = setTimeout(() => {
      this.#nextLook = Infinity
      this.#look()
    }, Math.max(1, wait))
  }

  stop (): void {
    this.#stopped = true
    if (this.#timer) clearTimeout(this.#timer)
    this.#options.connection.off('ready', this.#look)
    this.#stopResync()
    this.#endListening()
  }
}
