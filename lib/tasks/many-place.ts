/**
 * Where a walk over many tasks is, and its cursor.
 */
import * as errors from '../errors.ts'
import type { CheckedFilter, ManyCall } from '../options.ts'
import type { WalkSource } from '../store/walk-contract.ts'
import { STATES } from '../records/states.ts'
import { decodeCursor, encodeCursor } from './cursor.ts'
import type { TaskState } from '../types.ts'

/** Where the ids of a walk come from. `tagged`: the index of tags, if the filter has a tag. */
export type ManySource = WalkSource | 'tagged'

/** The states of the tasks in a source. In the order in which tasks go on: one that moves meanwhile is met later. */
export const SOURCES: Record<ManySource, readonly TaskState[]> = {
  delayed: ['delayed', 'retrying'],
  waiting: ['waiting', 'retrying'],
  active: only('active'),
  succeeded: only('succeeded'),
  failed: only('failed'),
  cancelled: only('cancelled'),
  expired: only('expired'),
  tagged: STATES
}

const ALL = (Object.keys(SOURCES) as ManySource[]).filter(source => source !== 'tagged')

function only (state: TaskState): TaskState[] { return [state] }

export interface WalkPosition {
  /** When the walk began. What ended, or was enqueued, later does not match. */
  start: number
  queue: string
  source: ManySource
  /** Null: at its beginning. */
  position: string | null
}

const sourcesOf = ({ states, tag }: CheckedFilter): ManySource[] => tag !== undefined
  ? ['tagged']
  : ALL.filter(source => SOURCES[source].some(state => states.includes(state)))

export const firstPlace = (filter: CheckedFilter, queues: string[], start: number): WalkPosition =>
  ({ start, queue: queues[0]!, source: sourcesOf(filter)[0]!, position: null })

/** Behind the end of a source: the next one, or the first of the next queue. Null behind the last. */
export function placeAfter (
  { start, queue, source }: WalkPosition, filter: CheckedFilter, queues: string[]
): WalkPosition | null {
  const sources = sourcesOf(filter)
  const next = sources[sources.indexOf(source) + 1]
  if (next) return { start, queue, source: next, position: null }
  const other = queues[queues.indexOf(queue) + 1]
  return other === undefined ? null : { start, queue: other, source: sources[0]!, position: null }
}

/** What a cursor belongs to. */
const queryOf = (call: ManyCall, { states, queue, name, tag, code, from, to }: CheckedFilter): string =>
  JSON.stringify([call, states, queue ?? null, name ?? null, tag ?? null, code ?? null, from, to])

export function makeCursor (
  call: ManyCall, filter: CheckedFilter, { start, queue, source, position }: WalkPosition
): string {
  return encodeCursor([queryOf(call, filter), start, queue, source, position])
}

/** As Redis writes the score of an id, and the cursor of a scan. Of anything else it makes an error. */
const SCORE = /^-?(\d+(\.\d+)?(e[+-]\d+)?|inf) /
const SCAN = /^\d{1,19} /

function isPosition (position: unknown, source: ManySource): boolean {
  if (typeof position !== 'string') return false
  if (source === 'waiting' || source === 'tagged') return true // a hint, and the end of a text
  return (source === 'active' ? SCAN : SCORE).test(position)
}

/** @throws FST_TASKS_CURSOR_INVALID, also for a queue that the walk does not enter */
export function parseCursor (
  cursor: string, call: ManyCall, filter: CheckedFilter, queues: string[]
): WalkPosition {
  const [query, start, queue, source, position] = decodeCursor(cursor)
  const isOwn = query === queryOf(call, filter) && queues.includes(queue) && sourcesOf(filter).includes(source)
  const isPlace = Number.isFinite(start) && (position === null || isPosition(position, source))
  if (!isOwn || !isPlace) throw new errors.CursorInvalid()
  return { start, queue, source, position }
}
