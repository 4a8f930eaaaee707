/**
 * Schedules in this process: what set-schedule.lua, change-schedule.lua, read-schedules.lua, tick.lua and
 * place-schedule.lua do in Redis.
 */
import { SortedIds } from './sorted-ids.ts'
import type { NewJob } from '../contract.ts'
import type {
  NewSchedule, PlannedTick, QueueSchedules, ScheduleChange, SchedulePlace, SchedulePlaces, ScheduleState,
  SetReply, StoredSchedule, Tick, TickReply
} from '../schedule-contract.ts'

/** What schedules need of their queue. */
export interface ScheduleHost {
  now (): number
  /** Whether a task of this queue, or of another one, has not ended. */
  isUnfinished (task: string, queue?: string): boolean
  enqueue (job: NewJob): void
}

export class MemorySchedules implements QueueSchedules {
  readonly #host: ScheduleHost
  readonly #specs = new Map<string, string>()
  readonly #states = new Map<string, ScheduleState>()
  readonly #ticks = new SortedIds()
  readonly #held = new Set<string>()

  constructor (host: ScheduleHost) {
    this.#host = host
  }

  /** When the next tick is due. Null if there is none. */
  get due (): number | null { return this.#ticks.first }

  /** The first of those that are due next. */
  nextTicks (limit: number): Array<{ id: string, due: number }> {
    return this.#ticks.ids().slice(0, limit).map(id => ({ id, due: this.#ticks.timeOf(id)! }))
  }

  async set (schedule: NewSchedule): Promise<SetReply> {
    const { id, epoch, hash, declared, next, onlyNew } = schedule
    const before = this.#states.get(id)
    if (before && before.epoch > epoch) return 'superseded'
    const live = before && !before.moved ? before : null
    if (live?.declared && !declared) return 'declared'
    if (live && onlyNew) return 'unchanged'
    const now = this.#host.now()
    const state = this.#stateFor(schedule, live)
    const same = live !== null && live.hash === hash && live.declared === declared
    const silent = state.declared && (state.orphan === true || now - state.seen > state.grace)
    const plans = !same || silent
    if (plans && next && state.mark !== undefined && next.planned <= state.mark) return 'passed'
    if (!same) {
      const expected = live ? schedule.expected : state.next ?? null
      if (!missLeft(state, { ...schedule, expected })) return 'passed'
      state.generation = Math.max(now, (state.generation ?? 0) + 1)
    }
    if (!live) this.#arrive(state, schedule)
    this.#declare(state, schedule, now)
    if (!plans) return 'unchanged'
    this.#specs.set(id, schedule.spec)
    this.#plan(id, state, next)
    return 'set'
  }

  #declare (
    state: ScheduleState, { id, epoch, hash, declared, grace, maxRuns }: NewSchedule, now: number
  ): void {
    Object.assign(state, { epoch, hash, declared, seen: now, grace })
    delete state.moved
    delete state.orphan
    if (maxRuns === null) delete state.max
    else state.max = maxRuns
    this.#states.set(id, state)
  }

  #stateFor ({ id, brought }: NewSchedule, live: ScheduleState | null): ScheduleState {
    if (live) return { ...live }
    return { ...(brought === null ? this.#states.get(id) : JSON.parse(brought)) }
  }

  /** A tick that waited in another queue does not wait here. */
  #arrive (state: ScheduleState, { taskQueue }: NewSchedule): void {
    if (state.held !== undefined) add(state, 'skipped', 1)
    delete state.held
    delete state.heldMissed
    if (taskQueue === null) delete state.taskQueue
    else state.taskQueue = taskQueue
  }

  #plan (id: string, state: ScheduleState, next: PlannedTick | null): void {
    const done = state.max !== undefined && (state.fired ?? 0) >= state.max
    delete state.next
    if (next && !done && !state.paused && !state.orphan) {
      state.next = next.planned
      this.#ticks.put(id, next.due)
    } else this.#ticks.delete(id)
  }

  async change (id: string, change: ScheduleChange): Promise<string | 'passed' | null> {
    const state = this.#states.get(id)
    const before = state ? JSON.stringify(state) : null
    if (change.action === 'leave') return this.#leave(id, change.epoch, state) ? before : null
    if (!state || state.moved) return null
    switch (change.action) {
      case 'remove': return this.#remove(id, state, change.epoch) ? before : null
      case 'see': return this.#see(state, change.hash) ? before : null
      case 'put off': return null // nobody else writes here: each tick can fire
      case 'pause': return this.#pause(id, state, change) ? before : 'passed'
      case 'resume': return this.#resume(id, state, change) ? before : 'passed'
      default: return change satisfies never
    }
  }

  #leave (id: string, epoch: number, state: ScheduleState | undefined): boolean {
    if (state && state.epoch > epoch) return false
    this.#states.set(id, { ...(state ?? {} as ScheduleState), epoch, moved: true })
    this.#drop(id)
    return true
  }

  #drop (id: string): void {
    this.#specs.delete(id)
    this.#ticks.delete(id)
    this.#held.delete(id)
  }

  #remove (id: string, state: ScheduleState, epoch: number): boolean {
    const { declared, orphan, seen, grace } = state
    if (state.epoch > epoch) return false
    if (declared && !orphan && this.#host.now() - seen <= grace) return false
    this.#drop(id)
    return this.#states.delete(id)
  }

  #see (state: ScheduleState, hash: string): boolean {
    if (state.hash !== hash || !state.declared || state.orphan) return false
    state.seen = this.#host.now()
    return true
  }

  #pause (
    id: string, state: ScheduleState, change: Extract<ScheduleChange, { action: 'pause' }>
  ): boolean {
    if (state.paused) return true
    if (!missLeft(state, change)) return false
    if (state.held !== undefined) add(state, 'skipped', 1)
    state.paused = true
    this.#release(id, state)
    this.#plan(id, state, null)
    return true
  }

  #resume (
    id: string, state: ScheduleState, { next, generation }: Extract<ScheduleChange, { action: 'resume' }>
  ): boolean {
    if (!state.paused) return true
    if ((state.generation ?? 0) !== generation) return false
    if (next && state.mark !== undefined && next.planned <= state.mark) return false
    delete state.paused
    this.#plan(id, state, next)
    return true
  }

  #release (id: string, state: ScheduleState): void {
    delete state.held
    delete state.heldMissed
    this.#held.delete(id)
  }

  async read (which: 'all' | 'due' | string[]): Promise<{ now: number, schedules: StoredSchedule[] }> {
    const schedules = this.#ids(which).flatMap((id): StoredSchedule[] => {
      const [spec, state] = [this.#specs.get(id), this.#states.get(id)]
      return spec !== undefined && state ? [{ id, spec, state: { ...state } }] : []
    })
    return { now: this.#host.now(), schedules }
  }

  #ids (which: 'all' | 'due' | string[]): string[] {
    if (which === 'all') return [...this.#specs.keys()]
    if (which !== 'due') return [...new Set(which)]
    const due = this.#ticks.ids().filter(id => this.#ticks.timeOf(id)! <= this.#host.now())
    return [...new Set([...due, ...this.#held])]
  }

  async runsIn (queue: string, task: string): Promise<boolean> { return this.#host.isUnfinished(task, queue) }

  async tick (tick: Tick): Promise<TickReply> {
    const state = this.#states.get(tick.id)
    if (!state || state.moved || state.paused) return 'taken'
    return tick.mode === 'held' ? this.#fireHeld(tick, state) : this.#tick(tick, state)
  }

  #fireHeld (tick: Tick, state: ScheduleState): TickReply {
    if (state.held !== tick.expected) return 'taken'
    if (this.#isRunning(tick, state)) return 'held'
    this.#fire(tick, state)
    state.outcome = 'fired'
    this.#release(tick.id, state)
    if (state.max !== undefined && state.fired! >= state.max) this.#plan(tick.id, state, null)
    return 'fired'
  }

  #tick (tick: Tick, state: ScheduleState): TickReply {
    const now = this.#host.now()
    if (state.generation !== tick.generation || state.next !== tick.expected) return 'taken'
    if ((this.#ticks.timeOf(tick.id) ?? now) > now) return 'early'
    if (state.declared && now - state.seen > state.grace) {
      state.orphan = true
      this.#plan(tick.id, state, null)
      return 'orphan'
    }
    const outcome = this.#outcomeOf(tick, state)
    add(state, 'missed', tick.missed)
    state.outcome = outcome
    state.mark = tick.mark
    this.#plan(tick.id, state, tick.next)
    return outcome
  }

  #outcomeOf (tick: Tick, state: ScheduleState): 'fired' | 'skipped' | 'held' | 'missed' {
    if (tick.fire === null) return 'missed'
    const isFree = tick.overlap === 'allow' || !this.#isRunning(tick, state)
    if (isFree && state.held === undefined) return this.#fire(tick, state)
    if (isFree || tick.overlap !== 'queue' || state.held !== undefined) {
      add(state, 'skipped', 1)
      return 'skipped'
    }
    state.held = tick.fire
    state.heldMissed = tick.missed
    this.#held.add(tick.id)
    return 'held'
  }

  #isRunning ({ runsElsewhere }: Tick, { task, taskQueue }: ScheduleState): boolean {
    return taskQueue === undefined ? task !== undefined && this.#host.isUnfinished(task) : runsElsewhere
  }

  #fire (tick: Tick, state: ScheduleState): 'fired' {
    const { taskId, text, delay, lane, level, tags } = tick
    const more = { ...delay !== null && { delay }, ...lane !== undefined && { lane }, ...tags && { tags } }
    this.#host.enqueue({ id: taskId, text, level, ...more })
    add(state, 'fired', 1)
    state.task = tick.taskId
    state.last = tick.fire!
    delete state.taskQueue
    return 'fired'
  }
}

function add (state: ScheduleState, key: 'fired' | 'skipped' | 'missed', count: number): void {
  state[key] = (state[key] ?? 0) + count
}

/** See miss_left of schedule-state.lua. */
function missLeft (
  state: ScheduleState, { expected, generation, passed }: Pick<NewSchedule, 'expected' | 'generation' | 'passed'>
): boolean {
  const { next } = state
  const moved = (next ?? null) !== expected
  if (moved && (state.generation ?? 0) !== generation) return false
  if (!passed || (moved && (next === undefined || next > passed.last))) return true
  if (moved && passed.every === null) return false
  const { count, last, every } = passed
  add(state, 'missed', moved ? Math.floor((last - next!) / every!) + 1 : count)
  state.mark = last
  return true
}

export class MemorySchedulePlaces implements SchedulePlaces {
  readonly #places = new Map<string, SchedulePlace>()
  readonly #now: () => number

  constructor (now: () => number) {
    this.#now = now
  }

  async place (id: string, queue: string): Promise<SchedulePlace> {
    const before = this.#places.get(id)
    if (before?.queue === queue) return before
    const leaves = before ? [before.queue, ...before.leaves].filter(other => other !== queue) : []
    const place = { epoch: Math.max(this.#now(), (before?.epoch ?? 0) + 1), queue, leaves }
    this.#places.set(id, place)
    return place
  }

  async settle (id: string, epoch: number): Promise<void> {
    const place = this.#places.get(id)
    if (place?.epoch === epoch) this.#places.set(id, { ...place, leaves: [] })
  }

  async forget (id: string, epoch: number): Promise<void> {
    if (this.#places.get(id)?.epoch === epoch) this.#places.delete(id)
  }

  async find (id: string): Promise<SchedulePlace | null> { return this.#places.get(id) ?? null }

  async page (): Promise<{ cursor: string, places: Map<string, SchedulePlace> }> {
    return { cursor: '0', places: new Map(this.#places) }
  }
}
