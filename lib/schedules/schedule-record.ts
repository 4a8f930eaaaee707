/**
 * The record of a schedule as people read it.
 */
import type { StoredSpec } from './stored-spec.ts'
import type { StoredSchedule } from '../store/schedule-contract.ts'
import type { ScheduleRecord, TaskState } from '../types.ts'

const iso = (ms: number | undefined): string | null => ms === undefined ? null : new Date(ms).toISOString()

function definitionOf (
  id: string, queue: string, { timing, overlap, maxRuns, template }: StoredSpec
): Pick<ScheduleRecord, DefinitionKey> {
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

/** @param live what is known of it beside what is stored: the time, its next times, the state of its last task */
export function toScheduleRecord (
  { id, spec: text, state }: StoredSchedule, queue: string,
  live: { now: number, next: number[], state: TaskState | null }
): ScheduleRecord {
  const { declared, seen, grace, last, task } = state
  return {
    ...definitionOf(id, queue, JSON.parse(text)),
    declared,
    orphan: declared && (state.orphan === true || live.now - seen > grace),
    paused: state.paused === true,
    next: live.next.map(time => new Date(time).toISOString()),
    last: last === undefined ? null : { plannedAt: iso(last)!, taskId: task!, state: live.state },
    held: state.held !== undefined,
    fired: state.fired ?? 0,
    skipped: state.skipped ?? 0,
    missed: state.missed ?? 0
  }
}
