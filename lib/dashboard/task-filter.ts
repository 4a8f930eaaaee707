/**
 * Which tasks a list shows, by the fields of its form: the same fields say on which tasks an action is done.
 */
import { isId } from '../options/rule-kinds.ts'
import { STATES } from '../records/states.ts'
import { isTag } from '../records/tags.ts'
import { parseTime } from '../records/time.ts'
import type { BriefRecord } from '../boot/app-registry.ts'
import type { TaskState } from '../types.ts'
import type { Query } from './context.ts'
import type { Matcher } from './search.ts'

export interface ListFilter { queue?: string, name?: string, tag?: string, from?: number, to?: number }

export const FILTER_FIELDS = ['state', 'queue', 'name', 'tag', 'from', 'to'] as const

/** As forms of browsers have it, without a zone: UTC. Undefined if it is none. */
function timeIn (value: string | undefined): number | undefined {
  const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?$/.test(value ?? '') ? parseTime(`${value}Z`) : NaN
  return Number.isNaN(time) ? undefined : time
}

/** Without what is not chosen, or not known. */
export function filterOf (query: Query, queues: string[]): ListFilter {
  const values = {
    queue: queues.find(name => name === query.queue),
    name: isId(query.name) ? query.name : undefined,
    tag: isTag(query.tag) ? query.tag : undefined,
    from: timeIn(query.from),
    to: timeIn(query.to)
  }
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))
}

/** The first field that is not understood. An action on all that match must not do more than its sender meant. */
export function unknownField (query: Query, queues: string[]): string | null {
  const known: Record<string, unknown> = { ...filterOf(query, queues), state: stateOf(query) }
  return FILTER_FIELDS.find(field => query[field] && known[field] === undefined) ?? null
}

export const stateOf = ({ state }: Query): TaskState | undefined => STATES.find(one => one === state)

/** Null: all of them. */
export function inTime ({ from = -Infinity, to = Infinity }: ListFilter): Matcher | null {
  if (from === -Infinity && to === Infinity) return null
  const matches = ({ finishedAt, enqueuedAt }: BriefRecord): boolean => {
    const since = Date.parse(finishedAt ?? enqueuedAt)
    return since >= from && since < to
  }
  return { mayMatch: () => true, matches, isLikely: () => true }
}
