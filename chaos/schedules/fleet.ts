/** Starts the processes of a run, steps their clocks, kills them, and starts others in their place. */
import { fileURLToPath } from 'node:url'
import { latch } from './latch.ts'
import { startDependent, type DependentProcess } from '../../scripts/dependent-process.ts'
import type { Random } from '../random.ts'
import type { RedisChoice } from '../tasks.ts'
import type { ProcessArguments } from './process.ts'
import type { Size } from './plan.ts'

const program = fileURLToPath(new URL('process.js', import.meta.url))
const DAY_MS = 86_400_000
/** How far the clock of a process is set from the machine's. */
const STEPS = [-10 * DAY_MS, -DAY_MS, -3_600_000, -1_500, -100, 0, 100, 1_500, 3_600_000, DAY_MS, 10 * DAY_MS]

export class ProcessFleet {
  killed = 0
  stepped = 0
  readonly #redis: RedisChoice
  readonly #dir: string
  readonly #random: Random
  readonly #processes: Array<{ kind: ProcessArguments['kind'], process: DependentProcess }> = []
  #started = 0

  constructor (redis: RedisChoice, dir: string, random: Random) {
    this.#redis = redis
    this.#dir = dir
    this.#random = random
  }

  async start ({ tickers, workers }: Size): Promise<void> {
    for (let i = 0; i < workers; i++) await this.#spawn('worker')
    for (let i = 0; i < tickers; i++) await this.#spawn('ticker')
  }

  async #spawn (kind: ProcessArguments['kind']): Promise<void> { await (await this.#launch(kind)).ready }

  async #launch (
    kind: ProcessArguments['kind'], at = this.#processes.length
  ): Promise<{ ready: Promise<unknown> }> {
    const clock = this.#random.pick(STEPS)
    const args = { kind, redis: this.#redis, dir: this.#dir, name: `p${this.#started++}`, clock }
    const ready = latch()
    const child = await startDependent(process.execPath, [program, JSON.stringify(args)], { onLine: ready.open })
    this.#processes[at] = { kind, process: child }
    return { ready: Promise.race([ready.promise, child.ended]) }
  }

  /** Kills one process, and starts another in its place. */
  async kill (): Promise<void> {
    const at = this.#random.int(0, this.#processes.length - 1)
    const { kind, process: { pid } } = this.#processes[at]!
    process.kill(pid, 'SIGKILL')
    this.killed++
    await this.#launch(kind, at)
  }

  /** Steps the clock of one process while it runs. */
  stepClock (): void {
    this.#random.pick(this.#processes).process.stdin!.write(`clock ${this.#random.pick(STEPS)}\n`)
    this.stepped++
  }

  async stop (): Promise<void> {
    await Promise.all(this.#processes.map(({ process }) => process.stop(500)))
  }
}
