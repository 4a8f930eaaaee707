/**
 * Where schedules are kept: each in the queue of its task, and one entry that says in which. Moves a schedule if the
 * queue of its task was changed: it leaves one queue before it is set in another, so that no tick fires in both.
 */
import { hashOf, passedTicks, readSpec, tickAfter, toTick, type StoredSpec } from './stored-spec.ts'
import { Calendar } from './calendar.ts'
import { ScheduleBusy } from '../errors.ts'
import { isId } from '../options.ts'
import { readScheduleState } from '../store/schedule-state.ts'
import type { Queue } from '../store/contract.ts'
import { uptime } from '../timers.ts'
import type { NewSchedule, ScheduleChange, SetReply, StoredSchedule } from '../store/schedule-contract.ts'
import type { Store } from '../store/store-contract.ts'

/** What no process declares any more is silent after this time, in ms. */
const ORPHAN_GRACE_MS = 3_600_000

/** Tries against a tick that fires meanwhile, or a queue that is left meanwhile. */
const TRIES = 10

/** While the ids of all are read, at most so many are kept beside those of a page. */
const KEPT_IDS = 1_000

export interface FoundSchedule { stored: StoredSchedule, queue: Queue }

export interface PutOptions { declared: boolean, onlyNew?: boolean }

/** A schedule as it was in a queue that it has left. */
interface LeftSchedule extends StoredSchedule {
  queue: string
  /** Its state, as JSON. */
  brought: string
}

/** Where the last task of a moved schedule is. Null if that is the queue it has moved to. */
function taskQueueOf (left: LeftSchedule | null, queue: string): string | null {
  if (left?.state.task === undefined) return null
  const { taskQueue = left.queue } = left.state
  return taskQueue === queue ? null : taskQueue
}

/**
 * So much later than now a tick is planned, in ms: the try before came too late for its own, as one of an interval that
 * is shorter than a call of Redis.
 */
const aheadOf = (began: number): number => 2 * (uptime() - began) + 1

const firstOf = (places: Map<string, string>, count: number): Map<string, string> =>
  new Map([...places].sort(([one], [other]) => one < other ? -1 : 1).slice(0, count))

export class ScheduleStore {
  readonly #store: Store
  readonly #queueOf: (name: string) => Queue | undefined
  /** Queues that are not known to the app: a schedule may have been in one. */
  readonly #others = new Map<string, Queue>()

  readonly #grace: number

  /**
   * @param queueOf finds a queue that is known to the app
   * @param grace how long a declared schedule may be silent
   */
  constructor (store: Store, queueOf: (name: string) => Queue | undefined, grace = ORPHAN_GRACE_MS) {
    this.#grace = grace
    this.#store = store
    this.#queueOf = queueOf
  }

  #queue (name: string): Queue {
    const queue = this.#queueOf(name) ?? this.#others.get(name) ?? this.#store.queue(name)
    if (!this.#queueOf(name)) this.#others.set(name, queue)
    return queue
  }

  #call<T> (id: string, send: () => Promise<T>): Promise<T> {
    return this.#store.calls.call(`a call for schedule "${id}"`, 'Try again.', send)
  }

  /** Stores a schedule in the queue of its task. */
  async put (id: string, spec: StoredSpec, { declared, onlyNew = false }: PutOptions): Promise<SetReply> {
    const { schedulePlaces } = this.#store
    for (let [tries, ahead] = [0, 0]; ; tries++) {
      const began = uptime()
      const { epoch, queue, leaves } = await this.#call(id, () => schedulePlaces.place(id, spec.template.queue))
      const left = await this.#leaveAll(id, leaves, epoch)
      const before = await this.#read(id, queue) ?? left
      const [text, hash] = [JSON.stringify(spec), hashOf(spec)]
      const schedule = { id, epoch, hash, declared, spec: text, maxRuns: spec.maxRuns, grace: this.#grace, onlyNew }
      const moved = { brought: left?.brought ?? null, taskQueue: taskQueueOf(left, queue) }
      const reply = await this.#call(id, () => this.#queue(queue).schedules.set({
        ...schedule, ...moved, ...this.#planAfter(before, id, spec, hash, ahead)
      }))
      if (reply === 'passed') {
        if (tries >= TRIES) throw new ScheduleBusy(id)
        ahead = aheadOf(began)
        continue
      }
      if (leaves.length > 0 && reply !== 'superseded') await this.#call(id, () => schedulePlaces.settle(id, epoch))
      const isPlaced = await this.#call(id, () => schedulePlaces.find(id)) !== null
      if (isPlaced || tries >= TRIES) return reply // else another process has removed it meanwhile
    }
  }

  /**
   * The next tick stays where the definition is the same. Else what has passed does not fire, and is counted.
   * @param ahead see `aheadOf`
   */
  #planAfter (
    before: StoredSchedule | null, id: string, spec: StoredSpec, hash: string, ahead: number
  ): Pick<NewSchedule, 'next' | 'expected' | 'generation' | 'passed'> {
    const now = this.#store.clock.now()
    if (!before) return { next: tickAfter(id, spec, now), expected: null, generation: 0, passed: null }
    const { next: expected = null, mark = 0, declared, orphan, seen, grace, hash: lastHash } = before.state
    const { generation = 0 } = before.state
    const silent = declared && (orphan === true || now - seen > grace)
    const stays = expected !== null && hash === lastHash && !silent && ahead === 0
    if (stays) return { next: toTick(id, spec, expected), expected, generation, passed: null }
    const passed = silent ? null : passedTicks(before, now)
    return { next: tickAfter(id, spec, Math.max(now + ahead, mark)), expected, generation, passed }
  }

  /** Returns the newest of what it was there. */
  async #leaveAll (id: string, queues: string[], epoch: number): Promise<LeftSchedule | null> {
    let newest: LeftSchedule | null = null
    for (const queue of queues) {
      const stored = await this.#read(id, queue)
      const { schedules } = this.#queue(queue)
      const brought = await this.#call(id, () => schedules.change(id, { action: 'leave', epoch }))
      if (brought === null) continue
      const state = readScheduleState(brought)
      if (!state) continue
      if (newest && (state.mark ?? 0) <= (newest.state.mark ?? 0)) continue
      newest = { id, queue, brought, state, spec: stored?.spec ?? '' }
    }
    return newest
  }

  async #read (id: string, queue: string): Promise<StoredSchedule | null> {
    const { schedules } = await this.#call(id, () => this.#queue(queue).schedules.read([id]))
    return schedules[0] ?? null
  }

  /** Returns a schedule and its queue. Null if there is none. */
  async find (id: string): Promise<FoundSchedule | null> {
    if (!isId(id)) return null
    const place = await this.#call(id, () => this.#store.schedulePlaces.find(id))
    const stored = place && await this.#read(id, place.queue)
    return stored ? { stored, queue: this.#queue(place.queue) } : null
  }

  /**
   * Up to `limit` schedules, by id, behind the id `after`; then the last id that was looked at, null if no more follow.
   * Only the ids of all are read for it: an order that additions and removals do not change needs no more.
   */
  async page (limit: number, after: string | null): Promise<{ found: FoundSchedule[], last: string | null }> {
    const places = await this.#nextPlaces(limit + 1, after)
    const read = places.slice(0, limit)
    const stored = await Promise.all(Array.from(new Set(read.map(([, name]) => name)), async name => {
      const queue = this.#queue(name)
      const ids = read.filter(([, other]) => other === name).map(([id]) => id)
      const { schedules } = await this.#call('all', () => queue.schedules.read(ids))
      return schedules.map(schedule => [schedule.id, { stored: schedule, queue }] as const)
    }))
    const known = new Map(stored.flat())
    // One that is not there may have moved meanwhile.
    const found = await Promise.all(read.map(async ([id]) => known.get(id) ?? await this.find(id)))
    return { found: found.filter(one => one !== null), last: places.length > limit ? read.at(-1)![0] : null }
  }

  /** The first ids behind `after`, each with its queue. */
  async #nextPlaces (count: number, after: string | null): Promise<Array<[id: string, queue: string]>> {
    let first = new Map<string, string>()
    let cursor = '0'
    do {
      const page = await this.#call('all', () => this.#store.schedulePlaces.page(cursor))
      for (const [id, { queue }] of page.places) if (after === null || id > after) first.set(id, queue)
      if (first.size > 2 * count + KEPT_IDS) first = firstOf(first, count)
      cursor = page.cursor
    } while (cursor !== '0')
    return [...firstOf(first, count)]
  }

  /**
   * False if it is gone already, or a process declares it. Another process may set it meanwhile: before its place is
   * forgotten, and then it is removed once more, or after that, which `put` notices. So what fires has a place.
   */
  async remove (id: string): Promise<boolean> {
    const { schedulePlaces } = this.#store
    const place = await this.#call(id, () => schedulePlaces.find(id))
    if (!place) return false
    const { epoch } = place
    const { schedules } = this.#queue(place.queue)
    const removeOnce = (): Promise<string | null> =>
      this.#call(id, () => schedules.change(id, { action: 'remove', epoch }))
    if (await removeOnce() === null) return false
    await this.#call(id, () => schedulePlaces.forget(id, epoch))
    await removeOnce()
    return true
  }

  /** False if there is none. Throws FST_TASKS_SCHEDULE_BUSY. */
  pause (id: string): Promise<boolean> {
    return this.#change(id, before => {
      const { next: expected = null, generation = 0 } = before.state
      return { action: 'pause', expected, generation, passed: passedTicks(before, this.#store.clock.now()) }
    })
  }

  /** False if there is none. Throws FST_TASKS_SCHEDULE_BUSY, FST_TASKS_SCHEDULE_UNREADABLE. */
  resume (id: string): Promise<boolean> {
    return this.#change(id, (before, ahead) => {
      const { generation = 0, mark = 0 } = before.state
      const after = Math.max(this.#store.clock.now() + ahead, mark)
      const next = readSpec(before, spec => tickAfter(id, spec, after))
      return { action: 'resume', next, generation }
    })
  }

  /** It may be changed, fire, or move to another queue meanwhile. */
  async #change (id: string, toChange: (before: StoredSchedule, ahead: number) => ScheduleChange): Promise<boolean> {
    for (let [tries, ahead] = [0, 0]; tries < TRIES; tries++) {
      const began = uptime()
      const found = await this.find(id)
      if (!found) return false
      const change = toChange(found.stored, ahead)
      const reply = await this.#call(id, () => found.queue.schedules.change(id, change))
      if (reply !== null && reply !== 'passed') return true
      ahead = aheadOf(began)
    }
    throw new ScheduleBusy(id)
  }

  /**
   * A living process declares the schedule. An old version that is still alive changes nothing: only what is lost, and
   * what is silent or has lost its tick with this very definition, is stored again.
   */
  async see (id: string, spec: StoredSpec): Promise<void> {
    const hash = hashOf(spec)
    const place = await this.#call(id, () => this.#store.schedulePlaces.find(id))
    if (place && place.queue !== spec.template.queue) return
    const queue = this.#queue(spec.template.queue)
    const isSeen = await this.#call(id, () => queue.schedules.change(id, { action: 'see', hash })) !== null
    if (isSeen && place) return // without its place nobody finds it, though it fires
    const stored = place && await this.#read(id, place.queue)
    if (!stored) await this.put(id, spec, { declared: true, onlyNew: true })
    else if (stored.state.declared && stored.state.hash === hash) await this.put(id, spec, { declared: true })
  }

  /** The planned times that come next, at most `count`. */
  upcoming ({ spec: text, state }: StoredSchedule, count: number): number[] {
    if (state.next === undefined) return []
    const spec: StoredSpec = JSON.parse(text)
    const left = state.max === undefined ? count : Math.min(count, state.max - (state.fired ?? 0))
    return [state.next, ...new Calendar(spec.timing).upcoming(state.next, count)].slice(0, Math.max(0, left))
  }

  async close (): Promise<void> {
    await Promise.all(Array.from(this.#others.values(), queue => queue.close()))
  }
}
