/**
 * The pages of a list of tasks: which ids are on one, and the cursor that says where the next one begins.
 *
 * A list reads one place after the other. A place is a queue: its tasks of the state. Tasks between two attempts are in
 * a second place too, `queue/waiting`: those whose wait is over, and that wait for a worker among others.
 */
import * as errors from '../errors.ts'
import { TRY_AGAIN } from './advice.ts'
import { decodeCursor, encodeCursor } from './cursor.ts'
import type { BriefRecord } from '../boot/app-registry.ts'
import type { ListOptions, TaskState } from '../types.ts'
import type { PagePosition, Queue } from '../store/contract.ts'
import type { BoundedCalls } from '../store/store-contract.ts'

/** What pages need of the tasks of an app. */
export interface PageSource {
  readonly calls: BoundedCalls
  /** @throws FST_TASKS_QUEUE_UNKNOWN */
  queue (name: string): Queue
}

/** The options of a list of tasks: by state, or by tag. */
export type Query = Partial<ListOptions>

const SECOND = '/waiting'

/** Behind all first places, so that a task which goes on meanwhile is met later. */
export const placesOf = ({ state, tag }: Query, queues: string[]): string[] =>
  state === 'retrying' && tag === undefined ? [...queues, ...queues.map(queue => queue + SECOND)] : queues

export const queueAt = (source: PageSource, place: string): Queue =>
  source.queue(place.endsWith(SECOND) ? place.slice(0, -SECOND.length) : place)

/** Which ids a place has. */
const stateAt = (place: string, { state }: Query): TaskState => place.endsWith(SECOND) ? 'waiting' : state!

async function hasAny (source: PageSource, place: string, query: Query): Promise<boolean> {
  const [queue, { tag }] = [queueAt(source, place), query]
  if (tag === undefined) return await queue.walk.hasAny(stateAt(place, query))
  return (await queue.walk.tagged(tag, 1, null)).ids.length > 0
}

export interface IdPage {
  ids: string[]
  /** For each id: where to go on behind it. */
  positions: PagePosition[]
  isLast: boolean
}

async function readPage (
  source: PageSource, place: string, query: Query, limit: number, after?: PagePosition
): Promise<IdPage> {
  const [queue, { tag }] = [queueAt(source, place), query]
  if (tag === undefined) {
    const { ids, places } = await queue.pageOf(stateAt(place, query), limit + 1, after)
    return toIdPage(ids, ids.map((id, i) => ({ id, place: places[i]! })), limit)
  }
  const { ids, positions } = await queue.walk.tagged(tag, limit + 1, after?.id ?? null)
  return toIdPage(ids, positions.map(id => ({ id, place: 0 })), limit)
}

/** Of one id more than the page has: so a full page is known to be the last, and no empty one follows. */
const toIdPage = (ids: string[], positions: PagePosition[], limit: number): IdPage =>
  ({ ids: ids.slice(0, limit), positions: positions.slice(0, limit), isLast: ids.length <= limit })

/** Null if all is read. */
export const endOfPage = ({ ids, positions, isLast }: IdPage, read: number, from: string): PageStart | null =>
  isLast && read === ids.length ? null : { from, after: positions[read - 1]! }

/** A task may have moved on since its page was read. */
export const isListed = (record: BriefRecord, { state, name, tag }: Query): boolean =>
  (state === undefined || record.state === state) && (name === undefined || record.name === name) &&
  (tag === undefined || record.tags.includes(tag))

/** Where a page begins: in this place, and after this task. */
export interface PageStart { from: string, after?: PagePosition }

/** What a cursor belongs to. */
const queryOf = ({ state, queue, name, tag }: Query): unknown[] =>
  [tag === undefined ? state : { tag, state }, queue ?? null, name ?? null]

export function makeCursor ({ from, after }: PageStart, options: Query): string {
  return encodeCursor([...queryOf(options), from, ...after ? [after.place, after.id] : []])
}

/** @throws FST_TASKS_CURSOR_INVALID, also for a place that the list does not read */
export function parseCursor (cursor: string, options: Query, places: string[]): PageStart {
  const parts = decodeCursor(cursor)
  const [state, queue, name, from, position, id] = parts
  const isOwn = JSON.stringify([state, queue, name]) === JSON.stringify(queryOf(options))
  if (!isOwn || !places.includes(from)) throw new errors.CursorInvalid()
  if (parts.length === 4) return { from }
  const isPosition = Number.isSafeInteger(position) && position >= 0 && typeof id === 'string'
  if (parts.length !== 6 || !isPosition) throw new errors.CursorInvalid()
  return { from, after: { id, place: position } }
}

/** So many places are looked at together at first, then four times as many, and so on. */
const LOOK_AHEAD = 4
const MAX_LOOK_AHEAD = 64

/** The first place that has something: most queues may be empty. Undefined if none has. */
export async function firstWith (
  places: string[], hasAny: (place: string) => Promise<boolean>
): Promise<string | undefined> {
  for (let [start, count] = [0, LOOK_AHEAD]; start < places.length; count = Math.min(MAX_LOOK_AHEAD, 4 * count)) {
    const some = places.slice(start, start + count)
    const looks = await Promise.all(some.map(place => hasAny(place)))
    const found = some.find((_, i) => looks[i])
    if (found !== undefined) return found
    start += count
  }
  return undefined
}

/** Null if no place behind this one has anything. */
export async function placeAfter (
  source: PageSource, options: Query, places: string[], place: string
): Promise<PageStart | null> {
  const from = await firstWith(places.slice(places.indexOf(place) + 1), other =>
    source.calls.call('a list of tasks', TRY_AGAIN, () => hasAny(source, other, options)))
  return from === undefined ? null : { from }
}

/** A page of the place, or of the first one behind it that has something. */
export async function firstPage (
  source: PageSource, options: Query, { from, after, limit }: PageStart & { limit: number }, places: string[]
): Promise<{ place: string, read: IdPage }> {
  const pageOf = (place: string, limit: number, after?: PagePosition): Promise<IdPage> =>
    source.calls.call('a list of tasks', TRY_AGAIN, () => readPage(source, place, options, limit, after))
  const read = await pageOf(from, limit, after)
  if (read.ids.length > 0) return { place: from, read }
  const next = await placeAfter(source, options, places, from)
  return next ? { place: next.from, read: await pageOf(next.from, limit) } : { place: places.at(-1)!, read }
}
