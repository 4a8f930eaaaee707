/**
 * Looks at many tasks, and retries, cancels or removes those that match:
 *
 * 1. walks through the queues step by step, each of which reads a bounded number of tasks and bytes;
 * 2. does with each task that matches what the call for one task does; one that has changed since it was read is read
 *    again. The next step is read meanwhile;
 * 3. says after each step how far it is, by a cursor from which any process can go on.
 */
import { TRY_AGAIN } from './advice.ts'
import { firstPlace, makeCursor, parseCursor, placeAfter, SOURCES, type WalkPosition } from './many-place.ts'
import { isA, tryOr } from '../describe.ts'
import { checkFilter, checkMany, type CheckedFilter, type ManyCall } from '../options.ts'
import { toFailure } from '../records/failure.ts'
import { splitAtBlank } from '../records/split-at-blank.ts'
import { isTerminal } from '../records/task-record.ts'
import {
  cancelledTogether, removedTogether, retriedTogether, sendTogether, type Sent, type Together
} from './together.ts'
import type { FoundTask } from './found-task.ts'
import type { TaskLookup } from './lookup.ts'
import type { WalkedTask } from './walked-task.ts'
import type { Queue } from '../store/contract.ts'
import type { WalkTask } from '../store/walk-contract.ts'
import type { BoundedCalls, StoreClock } from '../store/store-contract.ts'
import type { CountOptions, ManyOptions, ManyProgress, ManyResult, TaskFilter } from '../types.ts'

/** What these calls need of the tasks of an app. */
export interface ManySource {
  readonly queues: ReadonlyMap<string, Queue>
  readonly calls: BoundedCalls
  readonly clock: StoreClock
  /** @throws FST_TASKS_QUEUE_UNKNOWN */
  queue (name: string): Queue
  readonly lookup: Pick<TaskLookup, 'toWalkedTask' | 'cancelTerms' | 'cancelFound' | 'retryFound' | 'removeFound'>
}

/** Bounds one step: the calls to Redis, and the tasks that are in memory. */
const STEP = 500
const STEP_BYTES = 1_048_576

/** What is done with tasks: with most of them together, with each of the others by itself. */
interface Act {
  together: (source: ManySource) => Together
  alone: (lookup: ManySource['lookup'], found: FoundTask) => Promise<string>
}

const ACTS: Record<Exclude<ManyCall, 'count'>, Act> = {
  retryMany: {
    together: ({ lookup }) => retriedTogether(lookup.cancelTerms.now),
    alone: (lookup, found) => lookup.retryFound(found)
  },
  cancelMany: {
    together: ({ lookup }) => cancelledTogether(lookup.cancelTerms), alone: (lookup, found) => lookup.cancelFound(found)
  },
  removeMany: { together: () => removedTogether, alone: (lookup, found) => lookup.removeFound(found, found.raw) }
}

/** The calls for the tasks of one step, all sent at once. */
function send (source: ManySource, { together, alone }: Act, tasks: WalkedTask[]): Sent[] {
  const kind = together(source)
  const others = tasks.filter(found => !kind.takes(found))
  return [
    ...sendTogether(source.calls, kind, tasks.filter(kind.takes)),
    ...others.map(found => ({ tasks: [found], replies: alone(source.lookup, found).then(reply => [reply]) }))
  ]
}

/** The replies of a call for one task that say that it was done. */
const DONE = new Set(['queued', 'cancelled', 'requested', 'removed'])

/** See `FastifyTasks.retryMany`, `cancelMany` and `removeMany`. */
export async function changeMany (
  source: ManySource, call: Exclude<ManyCall, 'count'>, given: Partial<TaskFilter>, options: ManyOptions
): Promise<ManyResult> {
  const { lookedAt, ...result } = await new Walk(source, call, given, options).run()
  return result
}

/** See `FastifyTasks.count`. */
export async function count (source: ManySource, given: TaskFilter, options: CountOptions): Promise<number> {
  const walk = new Walk(source, 'count', given, options)
  const known = await walk.knownCount()
  if (known !== null) return Math.min(known, options.limit ?? known)
  const { matched } = await walk.run()
  options.signal?.throwIfAborted()
  return matched
}

/** What `onProgress` throws may be anything: a text, or an error that is frozen. */
const extensible = (thrown: unknown): Error => isA(thrown, Error) && tryOr(() => Object.isExtensible(thrown), false)
  ? thrown
  : new Error(toFailure(thrown).error.message, { cause: thrown })

interface Entry { found: WalkedTask | null, position: string }

/** What was read of it, and where the next one begins. Null at the end. */
interface Step { entries: Entry[], next: WalkPosition | null }

class Walk {
  readonly #source: ManySource
  readonly #call: ManyCall
  readonly #filter: CheckedFilter
  readonly #options: ManyOptions
  readonly #queues: string[]
  /** Null at the end. */
  #place: WalkPosition | null
  /** The step that is read while the one before it is acted on. */
  #ahead: { place: WalkPosition, step: Promise<Step> } | null = null
  #matched = 0
  #changed = 0
  #lookedAt = 0

  /** @throws FST_TASKS_*_OPTION_*, FST_TASKS_QUEUE_UNKNOWN, FST_TASKS_CURSOR_INVALID */
  constructor (source: ManySource, call: ManyCall, given: Partial<TaskFilter>, options: ManyOptions) {
    this.#source = source
    this.#call = call
    const filter = this.#filter = checkFilter(call, given)
    checkMany(call, options)
    this.#options = options
    this.#queues = filter.queue === undefined ? [...source.queues.keys()] : [source.queue(filter.queue).name]
    this.#place = options.cursor === undefined
      ? firstPlace(filter, this.#queues, source.clock.now())
      : parseCursor(options.cursor, call, filter, this.#queues)
  }

  /** What Redis counts itself: the number of tasks in a state. Null if tasks have to be looked at. */
  async knownCount (): Promise<number | null> {
    const { states, name, tag, code, from, to } = this.#filter
    const isAny = [name, tag, code].every(value => value === undefined)
    const isWhole = isAny && from === -Infinity && to === Infinity
    const known = states.filter(state => state === 'active' || isTerminal(state))
    if (!isWhole || known.length < states.length) return null
    const counts = await Promise.all(this.#queues.map(name =>
      this.#source.calls.call('a count of tasks', TRY_AGAIN, () => this.#source.queue(name).counts())))
    return counts.reduce((sum, count) => known.reduce((part, state) => part + count[state], sum), 0)
  }

  /** An error says how far it came: `matched`, `changed` and `cursor`. */
  async run (): Promise<ManyProgress> {
    const { limit = Infinity, signal, onProgress } = this.#options
    try {
      while (this.#place && !signal?.aborted && this.#matched < limit) {
        this.#place = await this.#step(this.#place, limit - this.#matched)
        await onProgress?.(this.#progress)
      }
    } catch (error) {
      const { matched, changed, cursor } = this.#progress
      throw Object.assign(extensible(error), { matched, changed, cursor })
    }
    return this.#progress
  }

  get #progress (): ManyProgress {
    const cursor = this.#place && makeCursor(this.#call, this.#filter, this.#place)
    return { matched: this.#matched, changed: this.#changed, cursor, lookedAt: this.#lookedAt }
  }

  /** Returns the next place. */
  async #step (place: WalkPosition, room: number): Promise<WalkPosition | null> {
    const { entries, next } = await (this.#ahead?.place === place ? this.#ahead.step : this.#read(place))
    const matching = entries.filter(({ found }) => found && this.#matches(found, place)).slice(0, room)
    const isFull = matching.length === room
    this.#lookedAt += isFull ? entries.indexOf(matching.at(-1)!) + 1 : entries.length
    this.#matched += matching.length
    if (!isFull && next && matching.length > 0) this.#readAhead(next)
    await this.#act(matching.map(({ found }) => found!), place)
    return isFull ? { ...place, position: matching.at(-1)!.position } : next
  }

  #readAhead (place: WalkPosition): void {
    const step = this.#read(place)
    step.catch(() => {}) // who waits for it is told
    this.#ahead = { place, step }
  }

  async #act (tasks: WalkedTask[], place: WalkPosition): Promise<void> {
    if (this.#call === 'count') return
    const act = ACTS[this.#call]
    const done = await Promise.allSettled(send(this.#source, act, tasks).map(async ({ tasks, replies }) => {
      for (const [i, reply] of (await replies).entries()) {
        if (reply === 'changed' ? await this.#actAgain(act, tasks[i]!, place) : DONE.has(reply)) this.#changed++
      }
    }))
    const failed = done.find(({ status }) => status === 'rejected') as PromiseRejectedResult | undefined
    if (failed) throw failed.reason
  }

  /** The task is another by now: its attempt may have failed meanwhile. False if it does not match any more. */
  async #actAgain ({ alone }: Act, { queue, id }: WalkedTask, { start }: WalkPosition): Promise<boolean> {
    for (;;) {
      const found = await this.#readWhole(queue, id)
      if (!found || !this.#isWanted(found, start)) return false
      const reply = await alone(this.#source.lookup, found)
      if (reply !== 'changed') return DONE.has(reply)
    }
  }

  async #read (place: WalkPosition): Promise<Step> {
    const { queue: name, source, position } = place
    const [{ calls }, queue] = [this.#source, this.#source.queue(name)]
    const { ids, positions, next } = await calls.call('a page of tasks', TRY_AGAIN, () => source === 'tagged'
      ? queue.walk.tagged(this.#filter.tag!, STEP, position)
      : queue.walk.page(source, STEP, position))
    const haveEnded = source !== 'tagged' && SOURCES[source].every(isTerminal)
    const until = await this.#failedUntil(place, ids, positions)
    const raw = await calls.call('a read of tasks', TRY_AGAIN, () => queue.walk.read(ids, STEP_BYTES, haveEnded))
    const all = await Promise.all(raw.map((task, i) =>
      task && this.#toFound(queue, place, ids[i]!, Object.assign(task, { until: until[i] }))))
    const entries = all.map((found, i): Entry => ({ found, position: positions[i]! }))
    if (raw.length < ids.length) return { entries, next: { ...place, position: positions[raw.length - 1]! } }
    if (next !== null) return { entries, next: { ...place, position: next } }
    return { entries, next: placeAfter(place, this.#filter, this.#queues) }
  }

  /** See `QueueWalk.failedUntil`. Only a retry needs it. */
  async #failedUntil ({ queue, source }: WalkPosition, ids: string[], at: string[]): Promise<Array<string | null>> {
    if (this.#call !== 'retryMany') return []
    if (source !== 'tagged') return at.map(position => splitAtBlank(position)[0])
    return await this.#source.calls.call('a page of tasks', TRY_AGAIN, () =>
      this.#source.queue(queue).walk.failedUntil(ids))
  }

  #toFound (
    queue: Queue, { source }: WalkPosition, id: string, task: WalkTask
  ): WalkedTask | Promise<WalkedTask | null> {
    // Without a claim of ours a plain Bee-Queue worker holds it.
    if (source === 'active' && task.live.claimedAt === undefined) task.live.held = true
    const found = this.#source.lookup.toWalkedTask(queue, id, task)
    // The index of tags does not say whether such a worker holds it.
    return source === 'tagged' && found.state === 'waiting' ? this.#readWhole(queue, id) : found
  }

  async #readWhole (queue: Queue, id: string): Promise<WalkedTask | null> {
    const task = await this.#source.calls.call('a read of tasks', TRY_AGAIN, () => queue.readTask(id))
    return task && this.#source.lookup.toWalkedTask(queue, id, task)
  }

  #matches (found: WalkedTask, { source, start }: WalkPosition): boolean {
    return SOURCES[source].includes(found.state) && this.#isWanted(found, start)
  }

  /** Whether the filter names it, wherever it is by now. */
  #isWanted (found: WalkedTask, start: number): boolean {
    const { stored, state } = found
    const { states, from, to } = this.#filter
    const since = stored.finishedAt ?? stored.options.timestamp
    return states.includes(state) && since <= start && since >= from && since < to && found.is(this.#filter)
  }
}
