/**
 * Fires the ticks of one queue that are due, for whoever looks: it reads what is due, works out which tick fires and
 * which are missed, and asks the store to carry that out. Of several that do so at the same time the store lets one.
 */
import type { FastifyBaseLogger } from 'fastify'
import { LogLimit } from '../log-limit.ts'
import { Calendar } from './calendar.ts'
import { dueAt, makeTask, taskIdOf, toTick, type StoredSpec } from './stored-spec.ts'
import * as telemetry from '../telemetry.ts'
import { toLoggable } from '../records/failure.ts'
import type { QueueSchedules, StoredSchedule, Tick, TickReply } from '../store/schedule-contract.ts'

/** A tick that fires no later than this is in time: `catchUpWindow` is for those after it. In ms. */
const IN_TIME_MS = 10_000

/** A calendar takes some 80 kB of memory, and there may be a schedule for each customer. */
const MAX_CALENDARS = 200

const COUNTED = new Set<TickReply>(['fired', 'skipped', 'held', 'missed'])

export interface TickerOptions {
  queue: string
  schedules: QueueSchedules
  log: FastifyBaseLogger
  /** See telemetry.ts. */
  instance: string
  /** Null for the clock of mode 'memory'. */
  worker: string | null
}

/** How a tick moves a schedule on. */
type Move = Pick<Tick, 'mode' | 'expected' | 'fire' | 'missed' | 'mark' | 'next'>

interface LateTick extends Omit<Tick, 'runsElsewhere'> {
  /** In ms. */
  lateBy: number
}

export class Ticker {
  readonly #options: TickerOptions
  /** By their timing: of many schedules some have the same. Reading an expression costs more than a tick. */
  readonly #calendars = new Map<string, Calendar>()
  readonly #limit = new LogLimit()

  constructor (options: TickerOptions) {
    this.#options = options
  }

  /** Returns how many ticks it moved on. */
  async fireDue (): Promise<number> {
    const { now, schedules } = await this.#options.schedules.read('due')
    const counts = await Promise.all(schedules.map(schedule => this.#fire(schedule, now)))
    return counts.reduce((sum, count) => sum + count, 0)
  }

  /** One that cannot be read must not keep the others from firing: they are behind it. */
  async #fire (schedule: StoredSchedule, now: number): Promise<number> {
    const ticks = this.#readableTicksOf(schedule, now)
    if (ticks.length === 0) {
      const { id, spec } = schedule
      return await this.#options.schedules.change(id, { action: 'put off', spec }) === null ? 0 : 1
    }
    const runsElsewhere = await this.#runsElsewhere(schedule)
    let count = 0
    for (const tick of ticks) {
      const reply = await this.#options.schedules.tick({ ...tick, runsElsewhere })
      this.#report(tick, reply)
      if (COUNTED.has(reply) && !(tick.mode === 'held' && reply === 'held')) count++
    }
    return count
  }

  #readableTicksOf (schedule: StoredSchedule, now: number): LateTick[] {
    try {
      return this.#ticksOf(schedule, now)
    } catch (error) {
      const fields = { event: 'schedule.unreadable', schedule: schedule.id, err: toLoggable(error) }
      if (this.#limit.allows(schedule.id)) this.#options.log.error(fields, 'schedule is unreadable: it does not fire')
      return []
    }
  }

  /** A held tick comes first. */
  #ticksOf (schedule: StoredSchedule, now: number): LateTick[] {
    const { id, state } = schedule
    const spec: StoredSpec = JSON.parse(schedule.spec)
    const ticks: LateTick[] = []
    if (state.held !== undefined) {
      const { held } = state
      const tick = { mode: 'held', expected: held, fire: held, missed: 0, mark: held, next: null } as const
      ticks.push(this.#toTick(schedule, spec, now, tick, state.heldMissed ?? 0))
    }
    if (state.next !== undefined && dueAt(id, spec, state.next) <= now) {
      const tick = this.#nextTick(schedule, spec, state.next, now)
      ticks.push(this.#toTick(schedule, spec, now, tick, tick.missed))
    }
    return ticks
  }

  /** The last task of a schedule that was moved is in another queue. */
  async #runsElsewhere ({ state: { task, taskQueue } }: StoredSchedule): Promise<boolean> {
    if (task === undefined || taskQueue === undefined) return false
    return await this.#options.schedules.runsIn(taskQueue, task)
  }

  #nextTick ({ id }: StoredSchedule, spec: StoredSpec, first: number, now: number): Move {
    const calendar = this.#calendarOf(spec)
    const { latest, before, next } = calendar.passed(first, now, planned => dueAt(id, spec, planned))
    const fires = now - dueAt(id, spec, latest) <= Math.max(spec.catchUpWindow, IN_TIME_MS)
    const missed = fires ? before : before + 1
    const fire = fires ? latest : null
    return { mode: 'tick', expected: first, fire, missed, mark: latest, next: toTick(id, spec, next) }
  }

  #calendarOf ({ timing }: StoredSpec): Calendar {
    const text = JSON.stringify(timing)
    const calendar = this.#calendars.get(text) ?? new Calendar(timing)
    this.#calendars.delete(text) // those that were used last are the last
    this.#calendars.set(text, calendar)
    if (this.#calendars.size > MAX_CALENDARS) this.#calendars.delete(this.#calendars.keys().next().value!)
    return calendar
  }

  #toTick (
    { id, state }: StoredSchedule, spec: StoredSpec, now: number, tick: Move, missed: number
  ): LateTick {
    const planned = tick.fire ?? tick.expected
    const lateBy = Math.max(0, now - dueAt(id, spec, planned))
    const task = makeTask(spec, now, { id, plannedAt: planned, lateBy, missed })
    const { generation } = state
    return { id, generation, ...tick, taskId: taskIdOf(id, state, planned), ...task, lateBy, overlap: spec.overlap }
  }

  #report (tick: LateTick, reply: TickReply): void {
    const { log, queue } = this.#options
    const { id, fire, missed, taskId } = tick
    const fields = { schedule: id, queue, plannedAt: fire === null ? null : new Date(fire).toISOString() }
    if (reply === 'skipped') {
      log.info({ event: 'schedule.skipped', ...fields }, 'schedule skipped a tick: its last task has not ended')
    } else if (reply === 'orphan') {
      log.warn({ event: 'schedule.orphan', schedule: id, queue }, 'schedule is silent: no process declares it any more')
    } else if (reply === 'fired') {
      log.debug({ event: 'schedule.fired', ...fields, taskId }, 'schedule fired')
    }
    const isMissed = missed > 0 && COUNTED.has(reply)
    if (isMissed) {
      log.warn({ event: 'schedule.missed', schedule: id, queue, missed }, 'schedule missed ticks: nobody fired them')
    }
    if (!telemetry.ticks.hasSubscribers) return
    if (isMissed) this.#publish(tick, 'missed')
    if (reply === 'fired' || reply === 'skipped') this.#publish(tick, reply)
  }

  #publish ({ id, fire, missed, taskId, lateBy }: LateTick, outcome: telemetry.TickEvent['outcome']): void {
    const { instance, worker, queue } = this.#options
    const fired = outcome === 'fired'
    telemetry.ticks.publish({
      instance,
      worker,
      queue,
      schedule: id,
      outcome,
      count: outcome === 'missed' ? missed : 1,
      plannedAt: outcome === 'missed' || fire === null ? null : new Date(fire).toISOString(),
      taskId: fired ? taskId : null,
      lateBy: fired ? lateBy : null
    })
  }
}
