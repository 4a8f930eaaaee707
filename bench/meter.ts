/** The meter of a worker process: its handler counts tasks, and measures their time, latency and CPU. */
import { setTimeout as sleep } from 'node:timers/promises'
import { now } from './clock.ts'
import { result, type Payload } from './work.ts'

/** Times in ms, on the clock that all processes share. */
export interface Reading {
  /** Number of finished tasks. */
  count: number
  firstStart: number
  lastStart: number
  /** When the target was reached, or when the last task finished if it was not reached. */
  end: number
  /** The sum of the time in handlers with `work`: a timer of 20 ms takes longer than 20 ms. */
  busy: number
  /** CPU of the worker process from the first start until the target was reached, in µs; 0 before that. */
  cpu: number
  /** From the start of the enqueue call to the handler's first line. Empty unless MeterOptions.latencies is set. */
  latencies: number[]
  /** When each task started. Empty unless MeterOptions.starts is set. */
  starts: number[]
}

export interface MeterOptions {
  /** The number of tasks that the reading covers. Later tasks only increase the count. */
  target: number
  /** Duration of a handler in ms. Default: 0. */
  work?: number
  latencies?: boolean
  starts?: boolean
}

export class Meter {
  readonly #options: MeterOptions
  readonly #latencies: number[] = []
  readonly #starts: number[] = []
  #started = 0
  #finished = 0
  #firstStart = 0
  #lastStart = 0
  #busy = 0
  #end = 0
  #cpuBefore: NodeJS.CpuUsage | null = null
  #cpu = 0

  constructor (options: MeterOptions) {
    this.#options = options
  }

  /** The handler of every peer. */
  readonly handle = (data: Payload): typeof result | Promise<typeof result> => {
    this.#begin(data)
    return this.#options.work ? this.#slow(this.#options.work) : this.#finish()
  }

  async #slow (ms: number): Promise<typeof result> {
    const start = now()
    await sleep(ms)
    this.#busy += now() - start
    return this.#finish()
  }

  #begin (data: Payload): void {
    const at = now()
    if (this.#started++ === 0) {
      this.#firstStart = at
      this.#cpuBefore = process.cpuUsage()
    }
    this.#lastStart = at
    if (this.#options.starts) this.#starts.push(at)
    if (this.#options.latencies) this.#latencies.push(at - data.at)
  }

  #finish (): typeof result {
    if (++this.#finished <= this.#options.target) this.#end = now()
    if (this.#finished === this.#options.target) this.#cpu = this.#cpuSinceStart()
    return result
  }

  #cpuSinceStart (): number {
    const { user, system } = process.cpuUsage(this.#cpuBefore!)
    return user + system
  }

  read (): Reading {
    return {
      count: this.#finished,
      firstStart: this.#firstStart,
      lastStart: this.#lastStart,
      busy: this.#busy,
      end: this.#end,
      cpu: this.#cpu,
      latencies: this.#latencies,
      starts: this.#starts
    }
  }
}
