/**
 * A list of the tasks that match a filter: looks through records, in steps and within a budget, until a page is full.
 */
import { TRY_AGAIN } from './advice.ts'
import {
  endOfPage, firstPage, isListed, placeAfter, queueAt, type PageSource, type PageStart, type Query
} from './list-pages.ts'
import { decodeOrFail } from '../records/decode-or-fail.ts'
import { toTaskRecord } from '../records/task-record.ts'
import { MAX_CHARACTERS } from '../store/batches.ts'
import type { BriefFilter, BriefRecord } from '../boot/app-registry.ts'
import type { Queue } from '../store/contract.ts'
import type { StoreClock } from '../store/store-contract.ts'
import type { Definition } from './definition.ts'

export interface SearchSource extends PageSource {
  readonly queues: ReadonlyMap<string, Queue>
  readonly definitions: ReadonlyMap<string, Pick<Definition, 'name' | 'queue'>>
  readonly clock: StoreClock
}

/** Ids of one step. */
const STEP = 500
/** What one call may cost Redis, in records of usual size: 1 µs for each. */
const BUDGET = 3_000
/** What a step costs at least, and how many bytes cost as much as a record. */
const STEP_COST = 50
const BYTES_COST = 700

/** Those first that are likely to have what is looked for. */
export function queuesFor (
  { queues, definitions }: SearchSource, { name }: Query, filter: BriefFilter | null
): string[] {
  const all = [...queues.keys()]
  if (name === undefined && !filter) return all
  const isLikely = (other: string): boolean => name === undefined ? filter!.isLikely(other) : other === name
  const likely = new Set([...definitions.values()].filter(one => isLikely(one.name)).map(({ queue }) => queue))
  return [...all.filter(queue => likely.has(queue)), ...all.filter(queue => !likely.has(queue))]
}

/** The records of the first of these ids. */
export type ReadRecords<T> = (queue: Queue, ids: string[]) => Promise<Array<T | null>>

export interface Asked { options: Query, places: string[], limit: number }

export interface PartOfList<T> { tasks: T[], lookedAt: number, next: PageStart | null }

/** A page of tasks that match a filter: see `PluginInstance.listBriefs`. */
export async function search<T extends BriefRecord> (
  source: SearchSource, asked: Asked & { filter: BriefFilter | null }, start: PageStart, readRecords: ReadRecords<T>
): Promise<PartOfList<T>> {
  const { limit, filter } = asked
  const budget = filter?.most ?? BUDGET
  const tasks: T[] = []
  let [lookedAt, spent] = [0, 0]
  for (let place: PageStart = start; ;) {
    const limits = { limit: limit - tasks.length, most: Math.ceil(budget - spent) }
    const part = await searchPage(source, { ...asked, ...limits }, place, readRecords)
    tasks.push(...part.tasks)
    lookedAt += part.lookedAt
    spent += part.cost
    const isEnough = tasks.length >= limit && (part.hasMore || spent >= BUDGET)
    if (!part.next || isEnough || spent >= budget) return { tasks, lookedAt, next: part.next }
    place = part.next
  }
}

interface SearchedPart<T> extends PartOfList<T> {
  cost: number
  /** Another one matches. Until that is known a full page may be the last, so the search goes on for a while. */
  hasMore: boolean
}

interface SearchStep extends Asked { filter: BriefFilter | null, most: number }

async function searchPage<T extends BriefRecord> (
  source: SearchSource, { options, places, limit, filter, most }: SearchStep, start: PageStart,
  readRecords: ReadRecords<T>
): Promise<SearchedPart<T>> {
  const { place, read } = await firstPage(source, options, { ...start, limit: Math.min(STEP, most) }, places)
  if (read.ids.length === 0) return { tasks: [], lookedAt: 0, next: null, cost: STEP_COST, hasMore: false }
  const queue = queueAt(source, place)
  const matches = matcherOf(source, queue, options, filter)
  const { found, lookedAt, bytes } = await source.calls.call('a search', TRY_AGAIN, () =>
    queue.walk.sift(read.ids, { matches, most: limit + 1, maxBytes: MAX_CHARACTERS }))
  const ids = found.slice(0, limit).map(i => read.ids[i]!)
  const records = ids.length === 0 ? [] : await readRecords(queue, ids)
  const end = found[records.length] ?? lookedAt
  const tasks = records.filter(record => record !== null)
    .filter(record => isListed(record, options) && (!filter || filter.matches(record)))
  const rest = end > 0 ? endOfPage(read, end, place) : beginningOf(place, start)
  const next = rest ?? await placeAfter(source, options, places, place)
  const cost = Math.max(STEP_COST, lookedAt, bytes / BYTES_COST)
  return { tasks, lookedAt: end, next, cost, hasMore: records.length < found.length }
}

/** Where a part began of which nothing is taken. */
const beginningOf = (place: string, start: PageStart): PageStart => place === start.from ? start : { from: place }

/** Another producer may write letters as \\u and their numbers. */
const mayHave = (text: string, name: string): boolean => text.includes(name) || text.includes('\\u')

/** By the record alone, without what is known beside it. So some may match that do not in the end. */
function matcherOf (
  { clock }: SearchSource, { name: queue }: Queue, { state, name, tag }: Query, filter: BriefFilter | null
): (text: string, id: string) => boolean {
  const now = (): number => clock.now()
  return (text, id) => {
    if (name !== undefined && !mayHave(text, name)) return false
    if (filter && !filter.mayMatch(text, id)) return false
    const { stored } = decodeOrFail(text, now)
    if (state === 'retrying' && stored.status !== state) return false
    const record = toTaskRecord(id, queue, stored, {}, false)
    return isListed(record, { name, tag }) && (!filter || filter.matches(record))
  }
}
