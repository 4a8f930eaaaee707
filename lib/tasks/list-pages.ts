/**
 * The pages of a list of tasks: which ids are on one, and the cursor that says where the next one begins.
 */
import * as errors from '../errors.ts'
import { TRY_AGAIN } from './advice.ts'
import { decodeCursor, encodeCursor } from './cursor.ts'
import type { BriefRecord } from '../boot/app-registry.ts'
import type { ListOptions } from '../types.ts'
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

async function hasAny (queue: Queue, { state, tag }: Query): Promise<boolean> {
  if (tag === undefined) return await queue.walk.hasAny(state!)
  return (await queue.walk.tagged(tag, 1, null)).ids.length > 0
}

export interface IdPage {
  ids: string[]
  /** For each id: where to go on behind it. */
  positions: PagePosition[]
  isLast: boolean
}

async function readPage (queue: Queue, { state, tag }: Query, limit: number, after?: PagePosition): Promise<IdPage> {
  if (tag === undefined) {
    const { ids, places } = await queue.pageOf(state!, limit, after)
    const positions = ids.map((id, i) => ({ id, place: places[i]! }))
    return { ids, positions, isLast: ids.length < limit }
  }
  const { ids, positions, next } = await queue.walk.tagged(tag, limit, after?.id ?? null)
  return { ids, positions: positions.map(id => ({ id, place: 0 })), isLast: next === null }
}

/** Null if all is read. */
export const endOfPage = ({ ids, positions, isLast }: IdPage, read: number, from: string): PageStart | null =>
  isLast && read === ids.length ? null : { from, after: positions[read - 1]! }

/** A task may have moved on since its page was read. */
export const isListed = (record: BriefRecord, { state, name, tag }: Query): boolean =>
  (state === undefined || record.state === state) && (name === undefined || record.name === name) &&
  (tag === undefined || record.tags.includes(tag))

/** Where a page begins: in this queue, and after this task. */
export interface PageStart { from: string, after?: PagePosition }

/** What a cursor belongs to. */
const queryOf = ({ state, queue, name, tag }: Query): unknown[] =>
  [tag === undefined ? state : { tag, state }, queue ?? null, name ?? null]

export function makeCursor ({ from, after }: PageStart, options: Query): string {
  return encodeCursor([...queryOf(options), from, ...after ? [after.place, after.id] : []])
}

/** @throws FST_TASKS_CURSOR_INVALID, also for a queue that the list does not read */
export function parseCursor (cursor: string, options: Query, queues: string[]): PageStart {
  const parts = decodeCursor(cursor)
  const [state, queue, name, from, place, id] = parts
  const isOwn = JSON.stringify([state, queue, name]) === JSON.stringify(queryOf(options))
  if (!isOwn || !queues.includes(from)) throw new errors.CursorInvalid()
  if (parts.length === 4) return { from }
  const hasPlace = parts.length === 6 && Number.isSafeInteger(place) && place >= 0 && typeof id === 'string'
  if (!hasPlace) throw new errors.CursorInvalid()
  return { from, after: { id, place } }
}

export function nextQueue (queues: string[], queue: string): PageStart | null {
  const from = queues[queues.indexOf(queue) + 1]
  return from === undefined ? null : { from }
}

/** So many queues are looked at together at first, then four times as many, and so on. */
const LOOK_AHEAD = 4
const MAX_LOOK_AHEAD = 64

/** A page of the queue, or of the first one behind it that has something: most queues may be empty. */
export async function firstPage (
  source: PageSource, options: Query, { from, after, limit }: PageStart & { limit: number }, queues: string[]
): Promise<{ queue: Queue, read: IdPage }> {
  const pageOf = (name: string, limit: number, after?: PagePosition): Promise<IdPage> =>
    source.calls.call('a list of tasks', TRY_AGAIN, () => readPage(source.queue(name), options, limit, after))
  const read = await pageOf(from, limit, after)
  if (read.ids.length > 0) return { queue: source.queue(from), read }
  let rest = queues.slice(queues.indexOf(from) + 1)
  for (let count = LOOK_AHEAD; rest.length > 0; count = Math.min(MAX_LOOK_AHEAD, 4 * count)) {
    const others = rest.slice(0, count)
    rest = rest.slice(count)
    const looks = await Promise.all(others.map(name =>
      source.calls.call('a list of tasks', TRY_AGAIN, () => hasAny(source.queue(name), options))))
    const name = others.find((_, i) => looks[i])
    if (name !== undefined) return { queue: source.queue(name), read: await pageOf(name, limit) }
  }
  return { queue: source.queue(queues.at(-1)!), read }
}
