/** The worker processes: started, ended, and started again. */
import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Random } from './random.ts'
import type { RedisChoice } from './tasks.ts'
import type { WorkerArguments } from './worker.ts'

/** One process: from its start to its end. */
export interface ProcessRun {
  name: string
  slot: number
  from: number
  /** When it was told to end, and how. */
  told: { signal: 'SIGKILL' | 'SIGTERM', at: number } | null
  to: number | null
  code: number | null
  signal: string | null
  /** It was told to end by SIGTERM, and did not. */
  hung: boolean
}

/** closeTimeout of worker.ts, and the 3 s that a worker's close may take beyond it; the rest for a machine that is busy. */
const TERM_LIMIT = 1_000 + 3_000 + 3_000

const program = fileURLToPath(new URL('worker.js', import.meta.url))

export class WorkerFleet {
  readonly processRuns: ProcessRun[] = []
  /** Of each slot. */
  readonly #redis: RedisChoice[]
  readonly #queues: string[]
  readonly #dir: string
  readonly #random: Random
  readonly #children = new Map<number, { child: ChildProcess, life: ProcessRun, exited: Promise<void> }>()
  #stopped = false

  /** @param queues beside those of the tasks */
  constructor (redis: RedisChoice[], dir: string, random: Random, queues: string[] = []) {
    this.#redis = redis
    this.#queues = queues
    this.#dir = dir
    this.#random = random
  }

  start (): void { this.#redis.forEach((_redis, slot) => this.#spawn(slot)) }

  #spawn (slot: number): void {
    const name = `w${slot}-${this.processRuns.length}`
    const life: ProcessRun = { name, slot, from: Date.now(), told: null, to: null, code: null, signal: null, hung: false }
    const options: WorkerArguments = { redis: this.#redis[slot]!, dir: this.#dir, life: name, standalone: slot % 2 === 0, queues: this.#queues }
    const log = openSync(join(this.#dir, `${name}.log`), 'a')
    const child = spawn(process.execPath, [program, JSON.stringify(options)], { stdio: ['pipe', log, log] })
    closeSync(log)
    child.stdin!.on('error', () => {})
    this.processRuns.push(life)
    const exited = new Promise<void>(resolve => child.once('exit', (code, signal) => {
      Object.assign(life, { to: Date.now(), code, signal })
      this.#children.delete(slot)
      resolve()
      void this.#replace(slot)
    }))
    this.#children.set(slot, { child, life, exited })
  }

  async #replace (slot: number): Promise<void> {
    if (this.#stopped) return
    await sleep(this.#random.int(50, 400))
    if (!this.#stopped) this.#spawn(slot)
  }

  /** Signals a worker that was not told to end yet; false where it was, or is away. */
  end (slot: number, signal: 'SIGKILL' | 'SIGTERM'): boolean {
    const found = this.#children.get(slot)
    if (!found || (found.life.told && signal === 'SIGTERM')) return false
    found.life.told ??= { signal, at: Date.now() }
    found.child.kill(signal)
    if (signal === 'SIGTERM') void this.#insist(found)
    return true
  }

  async #insist ({ child, life, exited }: { child: ChildProcess, life: ProcessRun, exited: Promise<void> }): Promise<void> {
    const timer = setTimeout(() => {
      life.hung = true
      child.kill('SIGKILL')
    }, TERM_LIMIT)
    await exited
    clearTimeout(timer)
  }

  /** Holds up the event loop of a worker; the name of its life, or null where it is away. */
  freeze (slot: number, ms: number): string | null {
    const found = this.#children.get(slot)
    if (!found || found.life.told) return null
    found.child.stdin!.write(String(ms))
    return found.life.name
  }

  /** Ends all by SIGTERM, and starts none again. */
  async stop (): Promise<void> {
    this.#stopped = true
    for (const slot of this.#children.keys()) this.end(slot, 'SIGTERM')
    await Promise.all([...this.#children.values()].map(one => one.exited))
  }

  /** At once. */
  kill (): void {
    this.#stopped = true
    for (const { child } of this.#children.values()) child.kill('SIGKILL')
  }
}
