/**
 * The record of a schedule as people read it.
 */
import type { StoredSpec } from './stored-spec.ts'
import type { StoredSchedule } from '../store/schedule-contract.ts'
import type { ScheduleRecord, TaskState } from '../types.ts'

const iso = (ms: number | undefined): string | null => ms === undefined ? null : new Date(ms).toISOString()

type Shown = Pick<StoredSpec, 'timing' | 'overlap' | 'maxRuns'> & { template: { name: string, data?: unknown } }

function definitionOf (
  id: string, queue: string, { timing, overlap, maxRuns, template }: Shown
): Pick<ScheduleRecord, DefinitionKey> {
  if (typeof template.name !== 'string') throw new TypeError('the name is no text')
  return {
    id,
    task: template.name,
    queue,
    data: template.data ?? null,
    cron: timing.cron ?? null,
    timezone: timing.timezone ?? 'UTC',
    every: timing.every ?? null,
    overlap,
    startAt: iso(timing.startAt),
    endAt: iso(timing.endAt),
    maxRuns
  }
}

type DefinitionKey =
  'id' | 'task' | 'queue' | 'data' | 'cron' | 'timezone' | 'every' | 'overlap' | 'startAt' | 'endAt' | 'maxRuns'

/** In place of a definition that another version made, or somebody by hand: it is listed, so that it can be removed. */
export const UNREADABLE = JSON.stringify(
  { timing: {}, overlap: 'skip', maxRuns: null, template: { name: 'unknown' } } satisfies Shown)

/**
 * Throws for a definition that cannot be read.
 * @param live what is known of it beside what is stored: the time, its next times, the state of its last task
 */
export function toScheduleRecord (
  { id, spec: text, state }: StoredSchedule, queue: string,
  live: { now: number, next: number[], state: TaskState | null }
): ScheduleRecord {
  const { declared, seen, grace, last, task } = state
  return {
    ...definitionOf(id, queue, JSON.parse(text)),
    declared: declared === true,
    orphan: declared === true && (state.orphan === true || live.now - seen > grace),
    paused: state.paused === true,
    next: live.next.map(time => new Date(time).toISOString()),
    last: last === undefined || task === undefined ? null : { plannedAt: iso(last)!, taskId: task, state: live.state },
    held: state.held !== undefined,
    fired: state.fired ?? 0,
    skipped: state.skipped ?? 0,
    missed: state.missed ?? 0
  }
}
