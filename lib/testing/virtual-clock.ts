/**
 * Layer 2: `mode: 'memory'`: what tests do with time: wait until nothing runs, and move the clock.
 */
import * as errors from '../errors.ts'
import { list } from '../tasks/listing.ts'
import { advanceSettings, drainSettings } from '../options.ts'
import type { AutoWorkers } from './auto-workers.ts'
import type { MemoryStore } from '../store/memory/store.ts'
import type { TaskRegistry } from '../tasks/registry.ts'
import type { AdvanceOptions, Drained, DrainOptions, TaskState } from '../types.ts'

/** How many tasks an error names. */
const NAMED = 10

type Idle = () => Promise<void>

export class MemoryClock {
  readonly #registry: TaskRegistry
  readonly #store: MemoryStore
  readonly #workers: AutoWorkers
  readonly #closing = new AbortController()
  /** One call after the other: each moves the clock of all. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor (registry: TaskRegistry, store: MemoryStore, workers: AutoWorkers) {
    this.#registry = registry
    this.#store = store
    this.#workers = workers
  }

  /** The app is up. */
  open (): void { this.#workers.open() }

  /** Ends the calls that wait. */
  close (): void {
    this.#workers.close()
    this.#closing.abort('the app is being closed')
  }

  /** See `FastifyTasks.drain`. */
  drain (options: DrainOptions): Promise<Drained> {
    const { timeout, delayed } = drainSettings(options)
    return this.#inTurn(() => this.#waiting('drain', timeout, async idle => {
      await idle()
      if (!delayed) return
      for (let due = this.#store.due; due !== null; due = this.#store.due) await this.#moveTo(due, idle)
    }))
  }

  /** See `FastifyTasks.advance`. */
  advance (ms: number, options: AdvanceOptions): Promise<Drained> {
    const { timeout, wait } = advanceSettings(ms, options)
    // Without waiting all is started at the new time: a handler could not be done by the next one's time.
    if (!wait) return this.#inTurn(async () => this.#store.moveTo(this.#store.now() + ms))
    return this.#inTurn(() => this.#waiting('advance', timeout, async idle => {
      await idle() // the wait for a retry begins at the end of its attempt, and that is to be now
      const end = this.#store.now() + ms
      for (let due = this.#store.due; due !== null && due <= end; due = this.#store.due) await this.#moveTo(due, idle)
      this.#store.moveTo(end)
    }))
  }

  async #moveTo (time: number, idle: Idle): Promise<void> {
    this.#store.moveTo(time)
    await idle()
  }

  #inTurn (work: () => Promise<void>): Promise<Drained> {
    const turn = this.#turn.then(work).then(() => ({ delayed: this.#store.delayed }))
    this.#turn = turn.catch(() => {})
    return turn
  }

  /** Sees to it that there are workers, and that there is an end. */
  async #waiting (call: string, timeout: number, work: (idle: Idle) => Promise<void>): Promise<void> {
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(`not within ${timeout} ms`), timeout)
    const signal = AbortSignal.any([late.signal, this.#closing.signal])
    this.#workers.startTemporary(error => late.abort(error))
    try {
      await work(() => this.#store.untilIdle(signal))
    } catch (error) {
      throw signal.aborted ? await this.#explain(call, signal.reason) : error
    } finally {
      clearTimeout(timer)
      await this.#workers.stopTemporary()
    }
  }

  async #explain (call: string, reason: unknown): Promise<unknown> {
    if (reason instanceof Error) return reason
    const named = await unended(this.#registry)
    return new errors.NotDrained(this.#registry.settings.name, call, reason, named.join(', '))
  }
}

/** The tasks that run or wait; those that are delayed, where there are none: they follow each other without an end. */
async function unended (registry: TaskRegistry): Promise<string[]> {
  const found = [...await named(registry, 'active'), ...await named(registry, 'waiting')]
  const all = found.length > 0 ? found : [...await named(registry, 'delayed'), ...await named(registry, 'retrying')]
  return all.length > NAMED ? [...all.slice(0, NAMED), '…'] : all
}

async function named (registry: TaskRegistry, state: TaskState): Promise<string[]> {
  const names: string[] = []
  for (let cursor: string | null | undefined; cursor !== null && names.length <= NAMED;) {
    const page = await list(registry, { state, limit: NAMED + 1, ...(cursor ? { cursor } : {}) })
    names.push(...page.tasks.map(({ name, id }) => `"${name}" (${id}, ${state})`))
    cursor = page.cursor
  }
  return names
}
