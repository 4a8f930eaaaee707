/**
 * For people who look after queues: pages of tasks, counts, workers, removal.
 */
import { tryOr } from '../describe.ts'
import { TRY_AGAIN } from './advice.ts'
import { briefsOf } from './briefs.ts'
import {
  endOfPage, firstPage, isListed, makeCursor, parseCursor, placeAfter, placesOf, queueAt, type PageStart, type Query
} from './list-pages.ts'
import { queuesFor, search, type Asked, type PartOfList, type ReadRecords, type SearchSource } from './list-search.ts'
import type { BriefFilter, BriefPage, BriefRecord, ReadPage } from '../boot/app-registry.ts'
import { recordsOfPage } from './page-records.ts'
import { checkList, checkPurge, listDefaults } from '../options.ts'
import { isMembership } from '../records/membership.ts'
import { mergeWorkerInfo } from '../records/worker-info.ts'
import type {
  FlowListOptions, ListOptions, PurgeOptions, QueueCounts, TagListOptions, TaskPage, TaskRecord, WorkerInfo
} from '../types.ts'
import type { PurgePosition, PurgeReply } from '../store/contract.ts'
import type { FlowPageOptions, FlowView } from './flow-view.ts'

/** What these calls need of the tasks of an app. */
export interface ListingSource extends SearchSource {
  readonly flows: FlowView
  status (id: string, queue?: string): Promise<TaskRecord | null>
}

/** Bounds one Lua call, and its reply. */
const MAX_WORKERS = 1_000
/** Bounds one Lua call. */
const PURGE_BATCH = 200

/** See `FastifyTasks.list`. */
export async function list (
  source: ListingSource, given: ListOptions | TagListOptions | FlowListOptions
): Promise<TaskPage> {
  checkList(given)
  const ofFlows = flowPage(given)
  if (ofFlows) return source.flows.list(ofFlows)
  const { tasks, cursor } = await readList(source, given as Query, null, (queue, ids) =>
    recordsOfPage(source.calls, queue, ids, id => source.status(id, queue.name)))
  return { tasks, cursor }
}

/** The same with brief records. See `PluginInstance.listBriefs`. */
export async function listBriefs (
  source: ListingSource, given: ListOptions | TagListOptions | FlowListOptions, filter: BriefFilter | null = null
): Promise<BriefPage> {
  checkList(given)
  const ofFlows = flowPage(given)
  if (ofFlows) return source.flows.listBriefs(ofFlows)
  return readList(source, given as Query, filter, (queue, ids) => briefsOf(source, queue, ids))
}

/** Undefined if it is no list of flows, or of members. */
function flowPage (given: FlowListOptions | Query): FlowPageOptions | undefined {
  const { limit = listDefaults.limit, cursor, kind, flow } = given as FlowListOptions & Query
  if (kind === 'flow') return { limit, cursor }
  return flow === undefined ? undefined : { flow, limit, cursor }
}

async function readList<T extends BriefRecord> (
  source: ListingSource, options: Query, filter: BriefFilter | null, readRecords: ReadRecords<T>
): Promise<ReadPage<T>> {
  const { limit = listDefaults.limit, cursor } = options
  const queues = options.queue === undefined ? queuesFor(source, options, filter) : [source.queue(options.queue).name]
  const places = placesOf(options, queues)
  const start: PageStart = cursor === undefined ? { from: places[0]! } : parseCursor(cursor, options, places)
  const isFiltered = options.name !== undefined || filter !== null || options.state === 'retrying'
  const page = isFiltered
    ? await search(source, { options, filter, places, limit }, start, readRecords)
    : await readPageAt(source, { options, places, limit }, start, readRecords)
  return { tasks: page.tasks, lookedAt: page.lookedAt, cursor: page.next && makeCursor(page.next, options) }
}

async function readPageAt<T extends BriefRecord> (
  source: ListingSource, { options, places, limit }: Asked, start: PageStart, readRecords: ReadRecords<T>
): Promise<PartOfList<T>> {
  const { place, read } = await firstPage(source, options, { ...start, limit }, places)
  const records = await readRecords(queueAt(source, place), read.ids)
  const next = endOfPage(read, records.length, place) ?? await placeAfter(source, options, places, place)
  const tasks = records.filter(record => record !== null).filter(record => isListed(record, options))
  return { tasks, lookedAt: records.length, next }
}

/** See `PluginInstance.lookFor`. */
export async function lookFor (
  { queues, calls }: ListingSource, word: string
): Promise<{ withId: string[], withTag: string[] }> {
  const looks = await Promise.all(Array.from(queues.values(), async ({ name, walk }) =>
    ({ name, ...await calls.call('a search', TRY_AGAIN, () => walk.has(word)) })))
  const namesOf = (what: 'id' | 'tag'): string[] => looks.filter(look => look[what]).map(({ name }) => name)
  return { withId: namesOf('id'), withTag: namesOf('tag') }
}

/** See `FastifyTasks.counts`. */
export async function counts ({ queues, calls }: ListingSource): Promise<Record<string, QueueCounts>> {
  const all = Array.from(queues.values(), async queue =>
    [queue.name, await calls.call('a count of tasks', TRY_AGAIN, () => queue.counts())] as const)
  return Object.fromEntries(await Promise.all(all))
}

/** See `FastifyTasks.workers`. */
export async function workers ({ queues, calls }: ListingSource): Promise<WorkerInfo[]> {
  const all = Array.from(queues.values(), async queue => {
    const reports = await calls.call('a list of workers', TRY_AGAIN, () => queue.workers(MAX_WORKERS))
    return reports.map(report => ({ ...report, queue: queue.name }))
  })
  return mergeWorkerInfo((await Promise.all(all)).flat())
}

/** See `FastifyTasks.purge`. */
export async function purge (source: ListingSource, name: string, options: PurgeOptions): Promise<number> {
  checkPurge(options)
  const queue = source.queue(name)
  let sum = 0
  for (let after: PurgePosition | undefined | null; after !== null;) {
    const purged: PurgeReply =
      await source.calls.call(`a purge of queue "${name}"`, TRY_AGAIN, () =>
        queue.purge(PURGE_BATCH, { ...options, after }))
    if (purged.members.length > 0) await tellFlows(source, purged.members)
    sum += purged.removed
    after = purged.after
  }
  return sum
}

async function tellFlows ({ flows }: ListingSource, texts: string[]): Promise<void> {
  const members = texts.map(text => tryOr(() => JSON.parse(text), null)).filter(isMembership)
  await flows.ended(members.map(flow => ({ flow, task: 'purged' })), 'removed')
}
