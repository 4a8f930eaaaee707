/**
 * The clock of `mode: 'memory'`. Tests wait until nothing runs (`drain`), and move the clock (`advance`).
 */
import type { FastifyBaseLogger } from 'fastify'
import * as errors from '../errors.ts'
import { Ticker } from '../schedules/ticker.ts'
import { list } from '../tasks/listing.ts'
import { advanceSettings, drainSettings } from '../options.ts'
import { clearTimeout, setTimeout } from '../timers.ts'
import type { AutoWorkers } from './auto-workers.ts'
import type { TestClock } from './test-clock.ts'
import type { MemoryStore } from '../store/memory/store.ts'
import type { AppTasks } from '../tasks/app-tasks.ts'
import type { AdvanceOptions, Drained, DrainOptions, TaskState } from '../types.ts'

/** How many tasks an error names. */
const MAX_NAMED = 10
/** How many pages are read for it. Those of tasks that enqueue each other at once are empty, and have no end. */
const MAX_PAGES = 20
/** What an error says if each task had ended before its record was read. */
const TOO_QUICK = 'those that enqueue another at once, without an end'

/** Waits until nothing runs and nothing waits. */
type UntilIdle = () => Promise<void>

export class MemoryClock implements TestClock {
  readonly #registry: AppTasks
  readonly #store: MemoryStore
  readonly #workers: AutoWorkers
  readonly #log: FastifyBaseLogger
  readonly #closing = new AbortController()
  /** The last call. Calls run one after the other: each moves the clock for all. */
  #last: Promise<unknown> = Promise.resolve()

  constructor (registry: AppTasks, store: MemoryStore, workers: AutoWorkers, log: FastifyBaseLogger) {
    this.#log = log
    this.#registry = registry
    this.#store = store
    this.#workers = workers
  }

  /** The app is ready: from now on waiting tasks run. */
  open (): void { this.#workers.open() }

  /** Ends the calls that wait. */
  close (): void {
    this.#workers.close()
    this.#closing.abort('the app is being closed')
  }

  drain (options: DrainOptions): Promise<Drained> {
    const { timeout, delayed } = drainSettings(options)
    this.#checkOpen('drain')
    return this.#inTurn(() => this.#withWorkers('drain', timeout, async idle => {
      await idle()
      if (!delayed) return
      for (let due = this.#store.dueTask; due !== null; due = this.#store.dueTask) await this.#moveTo(due, idle)
    }))
  }

  advance (ms: number, options: AdvanceOptions): Promise<Drained> {
    const { timeout, wait } = advanceSettings(ms, options)
    this.#checkOpen('advance')
    // Without waiting everything starts at the new time: one handler could not finish before the next one's time.
    if (!wait) {
      return this.#inTurn(async () => {
        this.#store.moveTo(this.#store.now() + ms)
        await this.#fireDue()
      })
    }
    return this.#inTurn(() => this.#withWorkers('advance', timeout, async idle => {
      await idle() // the wait for a retry starts when its attempt ends, which has to be now
      const end = this.#store.now() + ms
      for (let due = this.#store.due; due !== null && due <= end; due = this.#store.due) await this.#moveTo(due, idle)
      this.#store.moveTo(end)
    }))
  }

  #checkOpen (call: string): void {
    if (this.#closing.signal.aborted) throw new errors.Closed(`a call of ${call}`, 'The clock was not moved.')
  }

  async #moveTo (time: number, idle: UntilIdle): Promise<void> {
    this.#store.moveTo(time)
    // A tick may wait for the task of the tick before.
    do await idle()
    while (await this.#fireDue() > 0)
  }

  async #fireDue (): Promise<number> {
    let count = 0
    for (const { fireDue } of this.#tickers()) count += await fireDue()
    for (const queue of this.#registry.queues.keys()) count += await this.#registry.flows.lookAtDue(queue)
    return count
  }

  #tickers (): Array<{ fireDue: () => Promise<number> }> {
    return Array.from(this.#registry.queues, ([queue, { schedules }]) => {
      const { instanceId: instance } = this.#registry
      const ticker = new Ticker({ queue, schedules, log: this.#log, instance, worker: null })
      return { fireDue: () => ticker.fireDue() }
    })
  }

  #inTurn (work: () => Promise<void>): Promise<Drained> {
    const turn = this.#last.then(work).then(() => ({ delayed: this.#store.delayed }))
    this.#last = turn.catch(() => {})
    return turn
  }

  /** Does some work while every queue with waiting tasks has a worker, for at most `timeout` ms. */
  async #withWorkers (call: string, timeout: number, work: (idle: UntilIdle) => Promise<void>): Promise<void> {
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
    const unfinished = await unfinishedTasks(this.#registry).catch(() => ['not known any more'])
    return new errors.NotDrained(this.#registry.settings.name, call, reason, unfinished.join(', '))
  }
}

/** Tasks that run or wait. If there are none, delayed tasks: then each of them enqueues another, without end. */
async function unfinishedTasks (registry: AppTasks): Promise<string[]> {
  const found = [...await tasksIn(registry, 'active'), ...await tasksIn(registry, 'waiting')]
  const all = found.length > 0
    ? found
    : [...await tasksIn(registry, 'delayed'), ...await tasksIn(registry, 'retrying')]
  if (all.length === 0) return [TOO_QUICK]
  return all.length > MAX_NAMED ? [...all.slice(0, MAX_NAMED), '…'] : all
}

/** The tasks of a state, as an error names them: a few more than it shows. */
async function tasksIn (registry: AppTasks, state: TaskState): Promise<string[]> {
  const names: string[] = []
  let cursor: string | null | undefined
  for (let pages = 0; pages < MAX_PAGES && cursor !== null && names.length <= MAX_NAMED; pages++) {
    const page = await list(registry, { state, limit: MAX_NAMED + 1, ...(cursor ? { cursor } : {}) })
    names.push(...page.tasks.map(({ name, id }) => `"${name}" (${id}, ${state})`))
    cursor = page.cursor
  }
  return names
}
