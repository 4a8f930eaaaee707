/** Starts worker processes, ends them, and starts new processes in their place. */
import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Random } from './random.ts'
import type { RedisChoice } from './tasks.ts'
import type { WorkerArguments } from './worker.ts'

/** A worker process from its start to its end. */
export interface ProcessRun {
  name: string
  slot: number
  from: number
  /** The signal that it got, and when. */
  signalled: { signal: 'SIGKILL' | 'SIGTERM', at: number } | null
  to: number | null
  code: number | null
  signal: string | null
  /** Whether it did not exit after SIGTERM. */
  hung: boolean
}

/**
 * Ms for an exit after SIGTERM: closeTimeout of worker.ts, 3 s that a close may take longer, 3 s for a busy machine.
 */
const TERM_LIMIT = 1_000 + 3_000 + 3_000

const program = fileURLToPath(new URL('worker.js', import.meta.url))

interface RunningWorker { child: ChildProcess, processRun: ProcessRun, exited: Promise<void> }

export class WorkerFleet {
  readonly processRuns: ProcessRun[] = []
  /** The Redis option of each slot. */
  readonly #redis: RedisChoice[]
  readonly #queues: string[]
  readonly #dir: string
  readonly #random: Random
  readonly #children = new Map<number, RunningWorker>()
  #stopped = false

  /** @param queues queues in addition to those of the tasks */
  constructor (redis: RedisChoice[], dir: string, random: Random, queues: string[] = []) {
    this.#redis = redis
    this.#queues = queues
    this.#dir = dir
    this.#random = random
  }

  start (): void { this.#redis.forEach((_redis, slot) => this.#spawn(slot)) }

  #spawn (slot: number): void {
    const name = `w${slot}-${this.processRuns.length}`
    const processRun: ProcessRun = {
      name, slot, from: Date.now(), signalled: null, to: null, code: null, signal: null, hung: false
    }
    const options: WorkerArguments = {
      redis: this.#redis[slot]!, dir: this.#dir, name, standalone: slot % 2 === 0, queues: this.#queues
    }
    const log = openSync(join(this.#dir, `${name}.log`), 'a')
    const child = spawn(process.execPath, [program, JSON.stringify(options)], { stdio: ['pipe', log, log] })
    closeSync(log)
    child.stdin!.on('error', () => {})
    this.processRuns.push(processRun)
    const exited = new Promise<void>(resolve => child.once('exit', (code, signal) => {
      Object.assign(processRun, { to: Date.now(), code, signal })
      this.#children.delete(slot)
      resolve()
      void this.#replace(slot)
    }))
    this.#children.set(slot, { child, processRun, exited })
  }

  async #replace (slot: number): Promise<void> {
    if (this.#stopped) return
    await sleep(this.#random.int(50, 400))
    if (!this.#stopped) this.#spawn(slot)
  }

  /** Signals a worker. Returns false if it is not running, or was signalled before and this is a SIGTERM. */
  end (slot: number, signal: 'SIGKILL' | 'SIGTERM'): boolean {
    const running = this.#children.get(slot)
    if (!running || (running.processRun.signalled && signal === 'SIGTERM')) return false
    running.processRun.signalled ??= { signal, at: Date.now() }
    running.child.kill(signal)
    if (signal === 'SIGTERM') void this.#killIfHung(running)
    return true
  }

  async #killIfHung ({ child, processRun, exited }: RunningWorker): Promise<void> {
    const timer = setTimeout(() => {
      processRun.hung = true
      child.kill('SIGKILL')
    }, TERM_LIMIT)
    await exited
    clearTimeout(timer)
  }

  /** Blocks the event loop of a worker. Returns its name, or null if it is not running, or was signalled before. */
  freeze (slot: number, ms: number): string | null {
    const running = this.#children.get(slot)
    if (!running || running.processRun.signalled) return null
    running.child.stdin!.write(String(ms))
    return running.processRun.name
  }

  /** Ends all workers by SIGTERM, without replacing them. */
  async stop (): Promise<void> {
    this.#stopped = true
    for (const slot of this.#children.keys()) this.end(slot, 'SIGTERM')
    await Promise.all([...this.#children.values()].map(({ exited }) => exited))
  }

  /** Kills all workers, without replacing them. */
  kill (): void {
    this.#stopped = true
    for (const { child } of this.#children.values()) child.kill('SIGKILL')
  }
}
