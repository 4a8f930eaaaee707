/**
 * Schedules: tasks that are enqueued again and again, by a cron expression or an interval.
 */
import type { EnqueueOptions } from './options.ts'
import type { TaskState } from './record.ts'
import type { TaskHandle } from './task.ts'

/** When a schedule is due, and what happens then. Times in ms. */
export interface ScheduleOptions {
  /**
   * A cron expression of five fields: minute, hour, day of the month, month, day of the week. Not together with
   * `every`. Default: none.
   */
  cron?: string
  /** The IANA time zone of `cron`, such as `Europe/Berlin`. Default `UTC`. */
  timezone?: string
  /** `cron` has six fields: the first is for seconds. Default false. */
  seconds?: boolean
  /** An interval in ms, aligned to `startAt`, or else to 1970. Not together with `cron`. Default: none. */
  every?: number
  /**
   * If the task of the last tick has not ended: `skip` the tick, `queue` it (at most one waits for that task to end),
   * or `allow` it to run beside. Default `skip`.
   */
  overlap?: 'skip' | 'queue' | 'allow'
  /**
   * Ticks that nobody could fire in time: the latest fires late if it is no older than this, in ms. The others are
   * missed. 0: none fires late. Default 3,600,000 (one hour).
   */
  catchUpWindow?: number
  /**
   * Each tick is due up to this many ms later, by a number made of its id and time, but before the next one. Default 0.
   */
  jitter?: number
  /** No tick before this time: a Date, or ms since 1970. Default: at once. */
  startAt?: Date | number
  /** No tick after this time: a Date, or ms since 1970. Default: never. */
  endAt?: Date | number
  /** It ends after this many runs. Default: no limit. */
  maxRuns?: number
  /** Options of each enqueue, but not `id` and `delayUntil`. Default: those of the task. */
  options?: Omit<EnqueueOptions, 'id' | 'delayUntil'>
}

/** A schedule has `cron` or `every`, and not both. A time zone and seconds belong to `cron`. */
export type ScheduleTiming =
  | { cron: string, every?: undefined }
  | { every: number, cron?: undefined, timezone?: undefined, seconds?: undefined }

/** A schedule of a task whose data is typed. `data` is optional if it may be undefined. */
export type ScheduleSpec<Named, Data = unknown> =
  ScheduleOptions & ScheduleTiming & { task: Named } &
  ({ data: Data } | (undefined extends Data ? { data?: Data } : never))

/** A schedule as it is stored. Times are ISO 8601, or null. */
export interface ScheduleRecord {
  id: string
  task: string
  queue: string
  data: unknown
  cron: string | null
  timezone: string
  every: number | null
  overlap: 'skip' | 'queue' | 'allow'
  startAt: string | null
  endAt: string | null
  maxRuns: number | null
  /** Whether code declares it (`defineSchedule`). */
  declared: boolean
  /** No process declares it any more: it does not fire. */
  orphan: boolean
  paused: boolean
  /** The next planned times, at most three. Empty if it is paused, an orphan or over. */
  next: string[]
  /** The last tick that fired. Its state is that of its task now; null if the record is gone. */
  last: { plannedAt: string, taskId: string, state: TaskState | null } | null
  /** A tick waits for the task of the last one (`overlap: 'queue'`). */
  held: boolean
  /** How many ticks enqueued a task. */
  fired: number
  /** How many did not, because the task of the tick before had not ended. */
  skipped: number
  /** How many did not, because nobody could fire them in time. */
  missed: number
}

/** Options of `fastify.tasks.schedules.list`. */
export interface ScheduleListOptions {
  /** How many schedules a page has, 1 to 1000. Default 50. */
  limit?: number
  /** The `cursor` of the page before. Default: the first page. */
  cursor?: string
}

/** A page of `fastify.tasks.schedules.list`. */
export interface SchedulePage {
  /** By id. */
  schedules: ScheduleRecord[]
  /** Pass it to `list` for the next page. Null after the last page. */
  cursor: string | null
}

/** `fastify.tasks.schedules`: schedules at run time. They are kept in Redis. */
export interface Schedules {
  /**
   * Stores a schedule, or changes it. A change fires nothing that has passed.
   * @throws FST_TASKS_SCHEDULE_*, FST_TASKS_NOT_DEFINED, FST_TASKS_QUEUE_UNKNOWN, FST_TASKS_*_OPTION_*,
   *   FST_TASKS_REDIS_UNAVAILABLE
   */
  set<Data> (id: string, spec: ScheduleSpec<string | { readonly name: string }, Data>): Promise<ScheduleRecord>
  /** Resolves with null if there is none. */
  get (id: string): Promise<ScheduleRecord | null>
  /**
   * A page of the schedules of this prefix, by id. A schedule that is there while all pages are read is on one of them,
   * whatever is added and removed meanwhile.
   * @throws FST_TASKS_CURSOR_INVALID, FST_TASKS_*_OPTION_*, FST_TASKS_REDIS_UNAVAILABLE
   */
  list (options?: ScheduleListOptions): Promise<SchedulePage>
  /** False if there is none. Throws FST_TASKS_SCHEDULE_DECLARED while a process declares it. */
  remove (id: string): Promise<boolean>
  /**
   * From now on no tick is planned. Throws FST_TASKS_SCHEDULE_NOT_FOUND, as the methods below, and
   * FST_TASKS_SCHEDULE_BUSY, as `set` and `resume`, if others were faster at each try.
   */
  pause (id: string): Promise<void>
  /** Goes on from now: what has passed does not fire. Throws FST_TASKS_SCHEDULE_UNREADABLE, as `trigger`. */
  resume (id: string): Promise<void>
  /** Enqueues its task now, beside its ticks: they stay as they are. */
  trigger (id: string): Promise<TaskHandle<any, any>>
}
