/**
 * For people who look after queues: pages of tasks, counts, workers, removal.
 */
import { TRY_AGAIN } from './advice.ts'
import { checkList, checkPurge, listDefaults } from '../options.ts'
import { mergeWorkerInfo } from '../records/worker-info.ts'
import type {
  ListOptions, PurgeOptions, QueueCounts, RemoveOutcome, TaskPage, TaskRecord, WorkerInfo
} from '../types.ts'
import type { BoundedCalls, PagePosition, PurgePosition, PurgeReply, Queue } from '../store/contract.ts'
import type { FoundTask } from './found-task.ts'

/** What these calls need of the tasks of an app. */
export interface ListingSource {
  readonly queues: ReadonlyMap<string, Queue>
  readonly calls: BoundedCalls
  /** @throws FST_TASKS_QUEUE_UNKNOWN */
  queue (name: string): Queue
  find (id: string, queue?: string): Promise<FoundTask | null>
  status (id: string, queue?: string): Promise<TaskRecord | null>
}

/** Bounds one Lua call, and its reply. */
const MAX_WORKERS = 1_000
/** Bounds one Lua call. */
const PURGE_BATCH = 1_000

/** See `FastifyTasks.list`. A cursor is the queue that is read, and the position and id of the page's last task. */
export async function list (source: ListingSource, options: ListOptions): Promise<TaskPage> {
  checkList(options)
  const { state, name, limit = listDefaults.limit, cursor } = options
  const queues = options.queue === undefined ? [...source.queues.keys()] : [options.queue]
  const { from = queues[0]!, after }: Cursor = cursor === undefined ? {} : parseCursor(cursor)
  const queue = source.queue(from)
  const { ids, place } = await source.calls.call('a list of tasks', TRY_AGAIN, () => queue.pageOf(state, limit, after))
  const records = await Promise.all(ids.map(id => source.status(id, from)))
  const isListed = (record: TaskRecord | null): record is TaskRecord =>
    record?.state === state && (name === undefined || record.name === name)
  const tasks = records.filter(isListed)
  return { tasks, cursor: ids.length < limit ? nextQueue(queues, from) : `${from}/${place}/${ids.at(-1)}` }
}

interface Cursor { from?: string, after?: PagePosition }

/** An id may come from another producer, and have any character. */
function parseCursor (cursor: string): Cursor {
  const [, from, place, id] = /^([^/]+)(?:\/(?:(\d{1,15})\/)?(.+))?$/s.exec(cursor)!
  return id === undefined ? { from } : { from, after: { id, place: Number(place ?? 0) } }
}

const nextQueue = (queues: string[], queue: string): string | null => queues[queues.indexOf(queue) + 1] ?? null

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

/** See `FastifyTasks.remove`. */
export async function remove (source: ListingSource, id: string): Promise<RemoveOutcome> {
  const found = await source.find(id)
  if (!found) return 'unknown'
  return await source.calls.call(`a removal of task "${id}"`, TRY_AGAIN, () => found.queue.remove(id))
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
    sum += purged.removed
    after = purged.after
  }
  return sum
}
