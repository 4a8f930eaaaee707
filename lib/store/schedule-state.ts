/**
 * The state of a schedule as it is stored. Another version may have written it, or somebody by hand: what has another
 * type than it must have is left out.
 */
import { tryOr } from '../describe.ts'
import { MAX_DATE } from '../records/time.ts'
import type { ScheduleState } from './schedule-contract.ts'

const isNumber = (value: unknown): boolean => typeof value === 'number' && Math.abs(value) <= MAX_DATE
const isText = (value: unknown): boolean => typeof value === 'string'
const isFlag = (value: unknown): boolean => typeof value === 'boolean'

const FIELDS: Record<keyof ScheduleState, (value: unknown) => boolean> = {
  epoch: isNumber,
  generation: isNumber,
  seen: isNumber,
  grace: isNumber,
  next: isNumber,
  mark: isNumber,
  last: isNumber,
  held: isNumber,
  heldMissed: isNumber,
  fired: isNumber,
  skipped: isNumber,
  missed: isNumber,
  max: isNumber,
  hash: isText,
  task: isText,
  taskQueue: isText,
  outcome: isText,
  declared: isFlag,
  paused: isFlag,
  moved: isFlag,
  orphan: isFlag
}

/** Null if it is no state at all: then there is no schedule, as the scripts have it. */
export function readScheduleState (text: string): ScheduleState | null {
  const state: unknown = tryOr(() => JSON.parse(text), null)
  if (typeof state !== 'object' || state === null || Array.isArray(state)) return null
  const known = Object.entries(state).filter(([key, value]) =>
    Object.hasOwn(FIELDS, key) && FIELDS[key as keyof ScheduleState](value))
  return Object.fromEntries(known) as unknown as ScheduleState
}
