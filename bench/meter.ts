/** What a worker process measures in its handler: how many ran, from the first start to the last end, and at what cost. */
import { setTimeout as sleep } from 'node:timers/promises'
import { now } from './clock.ts'
import { result, type Payload } from './work.ts'

export interface Reading {
  count: number
  /** Ms on the shared clock. */
  firstStart: number
  lastStart: number
  lastEnd: number
  /** CPU of the worker process from the first start to the last end, in µs. */
  cpu: number
  /** From the begin of the enqueue to the handler's first line, in ms; kept where it was asked for. */
  latencies: number[]
}

export interface MeterOptions {
  /** The reading is final once this many have ended. */
  target: number
  /** Ms that a handler takes; 0 is none. */
  work?: number
  latencies?: boolean
}

export class Meter {
  readonly #options: MeterOptions
  readonly #latencies: number[] = []
  #started = 0
  #ended = 0
  #firstStart = 0
  #lastStart = 0
  #lastEnd = 0
  #cpuBefore: NodeJS.CpuUsage | null = null
  #cpu = 0

  constructor (options: MeterOptions) {
    this.#options = options
  }

  /** The handler of every peer. */
  readonly handle = (data: Payload): typeof result | Promise<typeof result> => {
    this.#begin(data)
    return this.#options.work ? this.#slow(this.#options.work) : this.#end()
  }

  async #slow (ms: number): Promise<typeof result> {
    await sleep(ms)
    return this.#end()
  }

  #begin (data: Payload): void {
    const at = now()
    if (this.#started++ === 0) {
      this.#firstStart = at
      this.#cpuBefore = process.cpuUsage()
    }
    this.#lastStart = at
    if (this.#options.latencies) this.#latencies.push(at - data.at)
  }

  #end (): typeof result {
    this.#lastEnd = now()
    if (++this.#ended === this.#options.target) this.#cpu = this.#spent()
    return result
  }

  #spent (): number {
    const { user, system } = process.cpuUsage(this.#cpuBefore!)
    return user + system
  }

  read (): Reading {
    return {
      count: this.#ended,
      firstStart: this.#firstStart,
      lastStart: this.#lastStart,
      lastEnd: this.#lastEnd,
      cpu: this.#cpu,
      latencies: this.#latencies
    }
  }
}
