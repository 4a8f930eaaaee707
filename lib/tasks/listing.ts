/**
 * For people who look after queues: pages of tasks, counts, workers, removal.
 */
import { tryOr } from '../describe.ts'
import * as errors from '../errors.ts'
import { TRY_AGAIN } from './advice.ts'
import { briefsOf } from './briefs.ts'
import { decodeCursor, encodeCursor } from './cursor.ts'
import type { BriefPage, ReadPage } from '../boot/app-registry.ts'
import { recordsOfPage } from './page-records.ts'
import { checkList, checkPurge, listDefaults } from '../options.ts'
import { isMembership } from '../records/membership.ts'
import { mergeWorkerInfo } from '../records/worker-info.ts'
import type {
  FlowListOptions, ListOptions, PurgeOptions, QueueCounts, TagListOptions, TaskPage, TaskRecord, WorkerInfo
} from '../types.ts'
import type { PagePosition, PurgePosition, PurgeReply, Queue } from '../store/contract.ts'
import type { BoundedCalls, StoreClock } from '../store/store-contract.ts'
import type { FlowPageOptions, FlowView } from './flow-view.ts'

/** What these calls need of the tasks of an app. */
export interface ListingSource {
  readonly queues: ReadonlyMap<string, Queue>
  readonly calls: BoundedCalls
  readonly clock: StoreClock
  /** @throws FST_TASKS_QUEUE_UNKNOWN */
  queue (name: string): Queue
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
  const { tasks, cursor } = await readList(source, given as Query, (queue, ids) =>
    recordsOfPage(source.calls, queue, ids, id => source.status(id, queue.name)))
  return { tasks, cursor }
}

/** The same with brief records. */
export async function listBriefs (
  source: ListingSource, given: ListOptions | TagListOptions | FlowListOptions
): Promise<BriefPage> {
  checkList(given)
  const ofFlows = flowPage(given)
  if (ofFlows) return source.flows.listBriefs(ofFlows)
  return readList(source, given as Query, (queue, ids) => briefsOf(source, queue, ids))
}

/** Undefined if it is no list of flows, or of members. */
function flowPage (given: FlowListOptions | Query): FlowPageOptions | undefined {
  const { limit = listDefaults.limit, cursor, kind, flow } = given as FlowListOptions & Query
  if (kind === 'flow') return { limit, cursor }
  return flow === undefined ? undefined : { flow, limit, cursor }
}

type Shown = Pick<TaskRecord, 'state' | 'name' | 'tags'>

async function readList<T extends Shown> (
  source: ListingSource, options: Query, readRecords: (queue: Queue, ids: string[]) => Promise<Array<T | null>>
): Promise<ReadPage<T>> {
  const { limit = listDefaults.limit, cursor } = options
  const queues = options.queue === undefined ? [...source.queues.keys()] : [source.queue(options.queue).name]
  const { from, after }: PageStart = cursor === undefined ? { from: queues[0]! } : parseCursor(cursor, options, queues)
  const { queue, read } = await firstPage(source, options, { from, after, limit }, queues)
  const records = await readRecords(queue, read.ids)
  const next = endOfPage(read, records.length, queue.name) ?? nextQueue(queues, queue.name)
  const tasks = records.filter(record => record !== null).filter(record => isListed(record, options))
  return { tasks, lookedAt: records.length, cursor: next && makeCursor(next, options) }
}

/** So many queues are looked at together at first, then four times as many, and so on. */
const LOOK_AHEAD = 4
const MAX_LOOK_AHEAD = 64

/** A page of the queue, or of the first one behind it that has something: most queues may be empty. */
async function firstPage (
  source: ListingSource, options: Query, { from, after, limit }: PageStart & { limit: number }, queues: string[]
): Promise<{ queue: Queue, read: IdPage }> {
  const pageOf = (name: string, limit: number, after?: PagePosition): Promise<IdPage> =>
    source.calls.call('a list of tasks', TRY_AGAIN, () => readPage(source.queue(name), options, limit, after))
  const read = await pageOf(from, limit, after)
  if (read.ids.length > 0) return { queue: source.queue(from), read }
  let rest = queues.slice(queues.indexOf(from) + 1)
  for (let count = LOOK_AHEAD; rest.length > 0; count = Math.min(MAX_LOOK_AHEAD, 4 * count)) {
    const others = rest.slice(0, count)
    rest = rest.slice(count)
    const looks = await Promise.all(others.map(name => pageOf(name, 1)))
    const name = others.find((_, i) => looks[i]!.ids.length > 0)
    if (name !== undefined) return { queue: source.queue(name), read: await pageOf(name, limit) }
  }
  return { queue: source.queue(queues.at(-1)!), read }
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

/** The options of a list of tasks: by state, or by tag. */
type Query = Partial<ListOptions>

interface IdPage {
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
const endOfPage = ({ ids, positions, isLast }: IdPage, read: number, from: string): PageStart | null =>
  isLast && read === ids.length ? null : { from, after: positions[read - 1]! }

/** A task may have moved on since its page was read. */
const isListed = (record: Shown, { state, name, tag }: Query): boolean =>
  (state === undefined || record.state === state) && (name === undefined || record.name === name) &&
  (tag === undefined || record.tags.includes(tag))

/** Where a page begins: in this queue, and after this task. */
interface PageStart { from: string, after?: PagePosition }

/** What a cursor belongs to. */
const queryOf = ({ state, queue, name, tag }: Query): unknown[] =>
  [tag === undefined ? state : { tag, state }, queue ?? null, name ?? null]

function makeCursor ({ from, after }: PageStart, options: Query): string {
  return encodeCursor([...queryOf(options), from, ...after ? [after.place, after.id] : []])
}

/** @throws FST_TASKS_CURSOR_INVALID, also for a queue that the list does not read */
function parseCursor (cursor: string, options: Query, queues: string[]): PageStart {
  const parts = decodeCursor(cursor)
  const [state, queue, name, from, place, id] = parts
  const isOwn = JSON.stringify([state, queue, name]) === JSON.stringify(queryOf(options))
  if (!isOwn || !queues.includes(from)) throw new errors.CursorInvalid()
  if (parts.length === 4) return { from }
  const hasPlace = parts.length === 6 && Number.isSafeInteger(place) && place >= 0 && typeof id === 'string'
  if (!hasPlace) throw new errors.CursorInvalid()
  return { from, after: { id, place } }
}

function nextQueue (queues: string[], queue: string): PageStart | null {
  const from = queues[queues.indexOf(queue) + 1]
  return from === undefined ? null : { from }
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
