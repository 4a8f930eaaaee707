/** What a worker process measures in its handler: how many ran, from the first start to the last end, and at what cost. */
import { setTimeout as sleep } from 'node:timers/promises'
import { now } from './clock.ts'
import { result, type Payload } from './work.ts'

/** Times in ms, on the clock that all processes share. */
export interface Reading {
  /** How many have ended. */
  count: number
  firstStart: number
  lastStart: number
  /** When the target was reached; the last end where it was not. */
  end: number
  /** CPU of the worker process from the first start until the target was reached, in µs; 0 before that. */
  cpu: number
  /** From the begin of the enqueue to the handler's first line; kept where it was asked for. */
  latencies: number[]
}

export interface MeterOptions {
  /** The reading is of this many tasks, however many follow. */
  target: number
  /** Ms that a handler takes. Default: 0, none. */
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
  #end = 0
  #cpuBefore: NodeJS.CpuUsage | null = null
  #cpu = 0

  constructor (options: MeterOptions) {
    this.#options = options
  }

  /** The handler of every peer. */
  readonly handle = (data: Payload): typeof result | Promise<typeof result> => {
    this.#begin(data)
    return this.#options.work ? this.#slow(this.#options.work) : this.#ends()
  }

  async #slow (ms: number): Promise<typeof result> {
    await sleep(ms)
    return this.#ends()
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

  #ends (): typeof result {
    if (++this.#ended <= this.#options.target) this.#end = now()
    if (this.#ended === this.#options.target) this.#cpu = this.#spent()
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
      end: this.#end,
      cpu: this.#cpu,
      latencies: this.#latencies
    }
  }
}
