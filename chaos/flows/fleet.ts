/** Starts the processes of a run, each with the step at which it is killed, and others in their place. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PRODUCER_STEPS, WORKER_STEPS, type Death } from './steps.ts'
import { latch } from '../schedules/latch.ts'
import { startDependent, type DependentProcess } from '../../scripts/dependent-process.ts'
import type { Random } from '../random.ts'
import type { RedisChoice } from '../tasks.ts'
import type { ProcessArguments } from './process.ts'
import type { Size } from './plan.ts'

const program = fileURLToPath(new URL('process.js', import.meta.url))

const deathsAt = (steps: readonly Death['step'][]): Array<Omit<Death, 'count'>> =>
  steps.flatMap(step => (['before', 'after'] as const).map(when => ({ step, when })))

/** Each in turn, so that a process is killed at each. */
export const nameOf = ({ step, when }: Omit<Death, 'count'>): string => `${when} ${step}`
export const WORKER_DEATHS = deathsAt(WORKER_STEPS)
export const PRODUCER_DEATHS = deathsAt(PRODUCER_STEPS)

/** A process from its start to its end, in ms since 1970. */
export interface ProcessRun { name: string, from: number, to: number | null }

interface Slot {
  kind: ProcessArguments['kind']
  process: DependentProcess
  run: ProcessRun
  at: number
  /** When its app was ready. A busy machine takes its time to start one. */
  readyAt: number
}

export class FlowFleet {
  readonly runs: ProcessRun[] = []
  /** Without deaths: how the last processes run. */
  calm = false
  readonly #redis: RedisChoice
  readonly #dir: string
  readonly #seed: number
  readonly #size: Size
  readonly #random: Random
  readonly #slots: Slot[] = []
  /** Where it begins in the lists of deaths: elsewhere with each seed. */
  readonly #first
  readonly #turns
  #stopped = false

  constructor (redis: RedisChoice, dir: string, seed: number, size: Size, random: Random) {
    this.#redis = redis
    this.#dir = dir
    this.#seed = seed
    this.#size = size
    this.#random = random
    this.#first = { worker: random.int(0, 99), producer: random.int(0, 99) }
    this.#turns = { ...this.#first }
  }

  async start (workers: number): Promise<void> {
    await Promise.all(Array.from({ length: workers + 1 }, (_, i) => this.#spawn(i === 0 ? 'producer' : 'worker', i)))
  }

  /** In turn, and then those that nobody has come to. */
  #deathOf (kind: ProcessArguments['kind']): Death | null {
    const deaths = kind === 'worker' ? WORKER_DEATHS : PRODUCER_DEATHS
    const turn = this.#turns[kind]++
    const isFirst = turn < this.#first[kind] + deaths.length
    const died = isFirst ? new Set() : new Set(deathsIn(readLedgers(this.#dir, this.runs)))
    const left = deaths.filter(death => !died.has(nameOf(death)))
    const from = left.length > 0 ? left : deaths
    return this.calm ? null : { ...from[turn % from.length]!, count: isFirst ? this.#random.int(1, 3) : 1 }
  }

  async #spawn (kind: ProcessArguments['kind'], at: number): Promise<void> {
    const run: ProcessRun = { name: `${kind}-${this.runs.length}`, from: Date.now(), to: null }
    this.runs.push(run)
    const told = toldFlows(this.#dir, this.runs)
    const from = told.length === 0 ? 0 : Math.max(...told) + 1
    const args: ProcessArguments = {
      kind,
      redis: this.#redis,
      dir: this.#dir,
      name: run.name,
      seed: this.#seed,
      death: this.#deathOf(kind),
      flows: { from, to: this.#size.flows, told },
      pace: this.calm ? 0 : 0.5 * this.#size.calmAfter / this.#size.flows
    }
    const ready = latch()
    const slot = { kind, run, at, readyAt: Infinity } as Slot
    const onLine = (line: string): void => {
      if (line !== 'ready') console.log(`  ${run.name}: ${line}`)
      slot.readyAt = Date.now()
      ready.open()
    }
    const process = await startDependent(globalThis.process.execPath, [program, JSON.stringify(args)], { onLine })
    slot.process = process
    this.#slots[at] = slot
    void process.ended.then(() => {
      run.to = Date.now()
      if (!this.#stopped) void this.#spawn(kind, at)
    })
    await Promise.race([ready.promise, process.ended])
  }

  /** Kills one that has worked for long enough: it may never come to its step. */
  killOld (age: number): boolean { return this.#killOne(({ readyAt }) => Date.now() - readyAt > age) }

  /** Kills one that was started before a time. */
  killEarlier (time: number): boolean { return this.#killOne(({ run }) => run.from < time) }

  #killOne (isIt: (slot: Slot) => boolean): boolean {
    const old = this.#slots.filter(slot => slot.run.to === null && isIt(slot))
    if (old.length === 0) return false
    process.kill(this.#random.pick(old).process.pid, 'SIGKILL')
    return true
  }

  async stop (): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#slots.map(({ process }) => process.stop(3_000)))
  }
}

export interface LedgerLine { at: number, name: string, words: string[] }

/** What the processes wrote, in the order of time. */
export function readLedgers (dir: string, runs: ProcessRun[]): LedgerLine[] {
  const lines = runs.flatMap(({ name }) => read(join(dir, `${name}.ledger`)).map(line => {
    const [at, ...words] = line.split(' ')
    return { at: Number(at), name, words }
  }))
  return lines.sort((one, other) => one.at - other.at)
}

/** The steps at which processes were killed. */
export const deathsIn = (lines: LedgerLine[]): string[] =>
  lines.flatMap(({ words }) => words[0] === 'died' ? [words.slice(1).join(' ')] : [])

function read (file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n').filter(Boolean)
  } catch {
    return [] // it was killed before it wrote anything
  }
}

/** The flows whose enqueue has succeeded. */
export const toldFlows = (dir: string, runs: ProcessRun[]): number[] =>
  readLedgers(dir, runs.filter(({ name }) => name.startsWith('producer'))).flatMap(({ words: [word, i] }) =>
    word === 'told' ? [Number(i)] : [])
