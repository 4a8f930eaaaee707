/**
 * The tick of a schedule, in the record of the task that it enqueued.
 */
import { MAX_DATE } from './time.ts'
import type { ScheduledTick } from '../types.ts'

export interface StoredTick { id: string, plannedAt: number, lateBy: number, missed: number }

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0

/** Any producer may have written something else. */
export function isTick (tick: any): boolean {
  const { id, plannedAt, lateBy, missed } = tick ?? {}
  return typeof id === 'string' && [plannedAt, lateBy, missed].every(isCount) && plannedAt <= MAX_DATE
}

/** The tick as the record and the handler's `task` show it. Null if no schedule enqueued the task. */
export function toScheduledTick (tick: StoredTick | undefined): ScheduledTick | null {
  if (!tick) return null
  const { id, plannedAt, lateBy, missed } = tick
  return { id, plannedAt: new Date(plannedAt).toISOString(), lateBy, missed }
}
