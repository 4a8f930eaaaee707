/** Starts the workers of a run, each with the step at which it is killed, and others in their place. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startDependent, type DependentProcess } from '../../scripts/dependent-process.ts'
import { DEATHS, type Death } from './steps.ts'
import type { ProcessArguments } from './process.ts'
import type { Random } from '../random.ts'

const program = fileURLToPath(new URL('process.js', import.meta.url))

interface Slot { process: DependentProcess, startedAt: number }

export class LimitFleet {
  /** Without deaths: how the last processes run. */
  calm = false
  started = 0
  readonly #redis: string
  readonly #dir: string
  readonly #random: Random
  readonly #slots = new Map<number, Slot>()
  readonly #first: number
  #stopped = false

  constructor (redis: string, dir: string, random: Random) {
    this.#redis = redis
    this.#dir = dir
    this.#random = random
    this.#first = random.int(0, 99)
  }

  async start (workers: number): Promise<void> {
    await Promise.all(Array.from({ length: workers }, (_, i) => this.#spawn(i)))
  }

  async #spawn (at: number): Promise<void> {
    const turn = this.#first + this.started++
    const count = this.#random.int(1, 20)
    const death: Death | null = this.calm ? null : { ...DEATHS[turn % DEATHS.length]!, count: at % 2 === 0 ? count : 1 }
    const args: ProcessArguments = { redis: this.#redis, dir: this.#dir, name: `worker-${turn}`, death }
    const onLine = (line: string): void => { if (line !== 'ready') console.log(`  ${args.name}: ${line}`) }
    const process = await startDependent(globalThis.process.execPath, [program, JSON.stringify(args)], { onLine })
    this.#slots.set(at, { process, startedAt: Date.now() })
    void process.ended.then(() => {
      this.#slots.delete(at)
      if (!this.#stopped) void this.#spawn(at)
    })
  }

  /** Ends one that was started before a time: it may never come to its step. */
  endEarlier (time: number): boolean {
    const old = [...this.#slots.values()].filter(({ startedAt }) => startedAt < time)
    if (old.length === 0) return false
    process.kill(this.#random.pick(old).process.pid, this.#random.chance(0.5) ? 'SIGKILL' : 'SIGTERM')
    return true
  }

  async stop (): Promise<void> {
    this.#stopped = true
    await Promise.all([...this.#slots.values()].map(({ process }) => process.stop(3_000)))
  }

  /** The steps at which processes were killed. */
  get deaths (): string[] {
    const files = readdirSync(this.#dir).filter(name => name.endsWith('.died'))
    return files.map(name => readFileSync(join(this.#dir, name), 'utf8'))
  }
}
