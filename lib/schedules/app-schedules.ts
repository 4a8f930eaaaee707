/**
 * The schedules of one plugin instance:
 *
 * 1. checks what code declares, and stores it when the app is ready;
 * 2. says every minute that it is still declared;
 * 3. sets, reads and changes schedules at run time.
 */
import { randomUUID } from 'node:crypto'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import { describeKind, describeName } from '../describe.ts'
import * as errors from '../errors.ts'
import { within } from '../within.ts'
import { LogLimit, causeOf } from '../log-limit.ts'
import { toLoggable } from '../records/failure.ts'
import { steadyLog } from '../steady-log.ts'
import { toTaskRecord } from '../records/task-record.ts'
import { Calendar } from './calendar.ts'
import { ScheduleStore, type FoundSchedule } from './schedule-store.ts'
import { toScheduleRecord, UNREADABLE } from './schedule-record.ts'
import { makeTask, readSpec, toSpec, type StoredSpec } from './stored-spec.ts'
import { checkSchedule, checkScheduleList, isId, listDefaults, type CheckedSchedule } from '../options.ts'
import { appTime, clearTimeout, setTimeout } from '../timers.ts'
import { briefsOf } from '../tasks/briefs.ts'
import { decodeCursor, encodeCursor } from '../tasks/cursor.ts'
import type { AppTasks } from '../tasks/app-tasks.ts'
import type { ScheduleListOptions, SchedulePage, ScheduleRecord, Schedules, TaskHandle } from '../types.ts'

/** How often a process says that it declares its schedules, in ms. */
const SEE_MS = 60_000
/** How long until it tries again to store them, in ms. */
const RETRY_MS = 1_000

export class AppSchedules implements Schedules {
  readonly #tasks: AppTasks
  readonly #log: FastifyBaseLogger
  readonly #store: ScheduleStore
  readonly #declared = new Map<string, CheckedSchedule>()
  /** Those that are to be stored, and those that are. */
  readonly #unstored = new Map<string, StoredSpec>()
  readonly #stored = new Map<string, StoredSpec>()
  readonly #limit = new LogLimit()
  #seeTimer: NodeJS.Timeout | undefined
  #retryTimer: NodeJS.Timeout | undefined
  #storing = false
  #ready = false
  #closed = false

  constructor (app: FastifyInstance, tasks: AppTasks) {
    this.#tasks = tasks
    this.#log = steadyLog(() => app.log)
    // The clock of memory mode may be moved by years: no process can say meanwhile that it declares a schedule.
    const grace = tasks.settings.mode === 'memory' ? Number.MAX_SAFE_INTEGER : undefined
    this.#store = new ScheduleStore(tasks.store, name => tasks.queues.get(name), grace)
    app.addHook('onReady', () => this.#onReady())
  }

  // Declared in code

  /** See `FastifyTasks.defineSchedule`. */
  define (id: string, given: unknown): void {
    const checked = checkTimes(id, checkSchedule(id, given))
    if (this.#declared.has(id)) throw new errors.ScheduleAlreadyDefined(id)
    const spec = this.#ready && this.#specOf(id, checked) // what throws leaves the id free
    this.#declared.set(id, checked)
    if (!spec) return
    this.#unstored.set(id, spec)
    void this.#storeAll()
  }

  #specOf (id: string, checked: CheckedSchedule): StoredSpec {
    try {
      return toSpec(checked, this.#tasks.template(checked.task, checked.data, checked.options))
    } catch (error) {
      const { code, message } = error as Error & { code?: string }
      if (code !== 'FST_ERR_VALIDATION') throw error
      throw new errors.ScheduleDataInvalid(id, checked.task, message, { cause: error })
    }
  }

  async #onReady (): Promise<void> {
    this.#ready = true
    if (this.#declared.size === 0) return
    for (const [id, checked] of this.#declared) this.#unstored.set(id, this.#specOf(id, checked))
    // Redis may be unavailable for long: the app starts meanwhile.
    await within(this.#tasks.settings.connectTimeout, this.#storeAll())
  }

  /** Tries until all are stored, those too that are declared meanwhile. Never rejects. */
  async #storeAll (): Promise<void> {
    if (this.#storing) return
    this.#storing = true
    while (!this.#closed && !await this.#storeOnce()) {
      await new Promise<void>(resolve => { this.#retryTimer = setTimeout(resolve, RETRY_MS).unref() })
    }
    this.#storing = false
    if (!this.#closed) this.#seeIn(SEE_MS)
  }

  /** Returns false if it is to be tried again. */
  async #storeOnce (): Promise<boolean> {
    for (const [id, spec] of this.#unstored) {
      if (this.#closed) break
      try {
        await this.#declare(id, spec)
        this.#unstored.delete(id)
      } catch (error) {
        this.#reportFailure(id, error)
      }
    }
    return this.#closed || this.#unstored.size === 0
  }

  async #declare (id: string, spec: StoredSpec): Promise<void> {
    await this.#store.put(id, spec, { declared: true })
    this.#stored.set(id, spec)
    const times = new Calendar(spec.timing).upcoming(this.#tasks.clock.now(), 3)
    const next = times.map(time => new Date(time).toISOString())
    const fields = { event: 'schedule.declared', schedule: id, task: spec.template.name, next }
    this.#log.info(fields, 'schedule declared')
  }

  #reportFailure (id: string, error: unknown): void {
    if (!this.#limit.allows(causeOf(error))) return
    const fields = { event: 'schedule.not_stored', schedule: id, err: toLoggable(error) }
    this.#log.warn(fields, 'schedule could not be stored, trying again')
  }

  #seeIn (ms: number): void {
    clearTimeout(this.#seeTimer)
    if (this.#tasks.settings.mode === 'memory') return
    this.#seeTimer = setTimeout(() => void this.#seeAll(), ms * (0.9 + Math.random() * 0.1)).unref()
  }

  async #seeAll (): Promise<void> {
    for (const [id, spec] of this.#stored) {
      await this.#store.see(id, spec).catch(error => this.#reportFailure(id, error))
    }
    if (!this.#closed) this.#seeIn(SEE_MS)
  }

  // At run time

  async set (id: string, given: unknown): Promise<ScheduleRecord> {
    const checked = checkTimes(id, checkSchedule(id, given))
    const spec = this.#specOf(id, checked)
    if ((await this.#store.find(id))?.stored.state.declared) throw new errors.ScheduleDeclared(id, 'changed')
    const reply = await this.#store.put(id, spec, { declared: false })
    if (reply === 'declared') throw new errors.ScheduleDeclared(id, 'changed')
    return await this.get(id) ?? notFound(id)
  }

  async get (id: string): Promise<ScheduleRecord | null> {
    const found = await this.#store.find(textOf(id))
    return found && this.#toRecord(found)
  }

  async list (options: ScheduleListOptions = {}): Promise<SchedulePage> {
    checkScheduleList(options)
    const { limit = listDefaults.limit, cursor } = options
    const { found, last } = await this.#store.page(limit, cursor === undefined ? null : idIn(cursor))
    const schedules = await Promise.all(found.map(one => this.#toRecord(one)))
    return { schedules, cursor: last === null ? null : encodeCursor(['schedule', last]) }
  }

  async #toRecord ({ stored, queue }: FoundSchedule): Promise<ScheduleRecord> {
    const { task } = stored.state
    const known = task !== undefined && this.#tasks.queues.has(queue.name)
    const [record] = known ? await briefsOf(this.#tasks, queue, [task]) : []
    const live = { now: this.#tasks.clock.now(), next: [], state: record?.state ?? null }
    try {
      return toScheduleRecord(stored, queue.name, { ...live, next: this.#store.upcoming(stored, 3) })
    } catch {
      return toScheduleRecord({ ...stored, spec: UNREADABLE }, queue.name, live)
    }
  }

  async #found (id: string): Promise<FoundSchedule> { return await this.#store.find(textOf(id)) ?? notFound(id) }

  async remove (id: string): Promise<boolean> {
    if (!isId(textOf(id))) return false
    if (await this.#store.remove(id)) return true
    if ((await this.#store.find(id))?.stored.state.declared) throw new errors.ScheduleDeclared(id, 'removed')
    return false
  }

  async pause (id: string): Promise<void> {
    if (!await this.#store.pause(textOf(id))) notFound(id)
  }

  async resume (id: string): Promise<void> {
    if (!await this.#store.resume(textOf(id))) notFound(id)
  }

  async trigger (id: string): Promise<TaskHandle<any, any>> {
    const { stored, queue } = await this.#found(id)
    const now = this.#tasks.clock.now()
    const { name, made } = readSpec(stored, spec => {
      if (typeof spec.template.name !== 'string') throw new TypeError('the name is no text')
      return { name: spec.template.name, made: makeTask(spec, now, { id, plannedAt: now, lateBy: 0, missed: 0 }) }
    })
    const { delay, lane, ...rest } = made
    const job = { id: randomUUID(), ...rest, ...delay !== null && { delay }, ...lane !== undefined && { lane } }
    const doubt = 'It may have been enqueued all the same.'
    await this.#tasks.calls.call(`a trigger of schedule "${id}"`, doubt, () => queue.add(job))
    // Not by its record: it may be gone by now, and this process need not know the queue.
    const identity = { id: job.id, name, queue: queue.name, hasUniqueId: true, life: undefined }
    const live = delay === null ? {} : { delayedTo: delay }
    return this.#tasks.makeHandle(identity, () => toTaskRecord(job.id, queue.name, JSON.parse(job.text), live, false))
  }

  async close (): Promise<void> {
    this.#closed = true
    clearTimeout(this.#seeTimer)
    clearTimeout(this.#retryTimer)
    await this.#store.close()
  }
}

/** @throws FST_TASKS_CURSOR_INVALID */
function idIn (cursor: string): string {
  const [kind, id] = decodeCursor(cursor)
  if (kind !== 'schedule' || typeof id !== 'string') throw new errors.CursorInvalid()
  return id
}

/** Anything else names no schedule. Throws FST_TASKS_SCHEDULE_ID_INVALID. */
function textOf (id: unknown): string {
  if (typeof id !== 'string') throw new errors.ScheduleIdInvalid(describeKind(id))
  return id
}

function notFound (id: string): never { throw new errors.ScheduleNotFound(describeName(id)) }

/** Throws FST_TASKS_SCHEDULE_CRON_INVALID for an expression that is wrong, or that no day matches. */
function checkTimes (id: string, checked: CheckedSchedule): CheckedSchedule {
  const { timing: { cron, endAt, ...timing } } = checked
  if (cron === undefined) return checked
  const invalid = (reason: string): Error => new errors.ScheduleCronInvalid(id, cron, reason)
  const fields = cron.trim().split(/\s+/).length
  if (fields > 5 && !timing.seconds) throw invalid(`it has ${fields} fields`)
  let next: number | null
  try {
    next = new Calendar({ cron, ...timing }).next(appTime())
  } catch (error) {
    throw invalid((error as Error).message)
  }
  if (next === null) throw invalid(`no day matches it${timing.startAt === undefined ? '' : ' from startAt on'}`)
  return checked
}
