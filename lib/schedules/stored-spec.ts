/**
 * The definition of a schedule as it is stored, and the tasks that are made of it. It has all that a worker needs: the
 * worker that fires a tick need not define the task.
 */
import { createHash } from 'node:crypto'
import { encodeNew } from '../records/task-record.ts'
import { tagsOf, type Tags } from '../records/tags.ts'
import { Calendar } from './calendar.ts'
import { ScheduleUnreadable } from '../errors.ts'
import type { CheckedSchedule } from '../options.ts'
import type { StoredTick } from '../records/scheduled-tick.ts'
import type { PassedTicks, PlannedTick, ScheduleState, StoredSchedule, Tick } from '../store/schedule-contract.ts'
import type { EncodedTemplate, TaskTemplate } from '../tasks/task-template.ts'

type Kept = 'timing' | 'overlap' | 'catchUpWindow' | 'jitter' | 'maxRuns'

export interface StoredSpec extends Pick<CheckedSchedule, Kept> {
  template: TaskTemplate
}

export const toSpec = (checked: CheckedSchedule, template: EncodedTemplate): StoredSpec => {
  const { timing, overlap, catchUpWindow, jitter, maxRuns } = checked
  const { named: _named, ...stored } = template
  return { timing, overlap, catchUpWindow, jitter, maxRuns, template: stored }
}

const sha = (text: string): Buffer => createHash('sha256').update(text).digest()

/** Tells definitions apart. A move to another queue is no change of the definition. */
export function hashOf ({ template: { queue: _queue, ...template }, ...spec }: StoredSpec): string {
  return sha(JSON.stringify({ ...spec, template })).toString('base64url').slice(0, 22)
}

/** When a tick is due: after its planned time if the schedule has a jitter, the same for whoever computes it. */
export function dueAt (id: string, spec: StoredSpec, planned: number): number {
  if (spec.jitter === 0) return planned
  return planned + sha(`${id} ${planned}`).readUInt32BE(0) % (longestWait(spec, planned) + 1)
}

/** A tick is due before the next one: it would be missed otherwise. */
function longestWait ({ jitter, timing }: StoredSpec, planned: number): number {
  const { every, seconds = false } = timing
  if (jitter < (every ?? (seconds ? 1_000 : 60_000))) return jitter // no two ticks are closer
  const next = new Calendar(timing).next(planned)
  return next === null ? jitter : Math.min(jitter, next - planned - 1)
}

/** The first tick after a time. */
export function tickAfter (id: string, spec: StoredSpec, time: number): PlannedTick | null {
  return toTick(id, spec, new Calendar(spec.timing).next(time))
}

/** The planned times that have passed, and were not counted. */
export function passedTicks ({ spec, state: { next } }: StoredSchedule, now: number): PassedTicks | null {
  if (next === undefined || next > now) return null
  try {
    const { timing }: StoredSpec = JSON.parse(spec)
    const { latest, before } = new Calendar(timing).passed(next, now, planned => planned)
    const { every = null } = timing
    return { count: before + 1, last: latest, every }
  } catch {
    return { count: 1, last: next, every: null } // a definition that cannot be read
  }
}

export const toTick = (id: string, spec: StoredSpec, planned: number | null): PlannedTick | null =>
  planned === null ? null : { planned, due: dueAt(id, spec, planned) }

/** The id of a tick's task: no other tick has it, also not after a change, or after a removal. */
export const taskIdOf = (id: string, { generation }: ScheduleState, planned: number): string =>
  `${id}:${generation.toString(36)}:${planned.toString(36)}`

/** Throws FST_TASKS_SCHEDULE_UNREADABLE for a definition that another version made, or somebody by hand. */
export function readSpec<T> ({ id, spec }: StoredSchedule, use: (spec: StoredSpec) => T): T {
  try {
    return use(JSON.parse(spec))
  } catch (error) {
    throw new ScheduleUnreadable(id, (error as Error).message, { cause: error })
  }
}

/** A record, and when the task is due if it is delayed. */
export function makeTask (
  { template }: StoredSpec, now: number, schedule: StoredTick
): Pick<Tick, 'text' | 'delay' | 'lane' | 'level'> & { tags?: Tags } {
  const { name, data, options, delay, expires, expiresAt } = template
  const due = delay ? now + delay : null
  const until = expires === undefined ? expiresAt : now + expires
  const stored = {
    timestamp: now,
    ...options,
    ...(due === null ? {} : { delay: due }),
    ...(until === undefined ? {} : { expires: until }),
    schedule
  }
  const { lane, priority: level } = options
  return { text: encodeNew(name, data, stored, Infinity), delay: due, lane, level, ...tagsOf(stored) }
}
