/**
 * Layer 2: what there is, for people who look after queues: pages of tasks, counts, removal.
 */
import { checkList, listDefaults } from '../options.ts'
import type { TaskRegistry } from './registry.ts'
import { mergeWorkerInfo } from '../records/worker-info.ts'
import type { ListOptions, QueueCounts, RemoveOutcome, TaskPage, TaskRecord, WorkerInfo } from '../types.ts'
import type { PagePosition } from '../store/contract.ts'

/** Bounds one Lua call, and its reply. */
const WORKERS = 1_000
/** Bounds one Lua call. */
const PURGE_BATCH = 1_000

/** See `FastifyTasks.list`. A cursor is the queue that is being read, and place and id of the last one of the page before. */
export async function list (registry: TaskRegistry, options: ListOptions): Promise<TaskPage> {
  checkList(options)
  const { state, name, limit = listDefaults.limit, cursor } = options
  const names = options.queue === undefined ? [...registry.queues.keys()] : [options.queue]
  const { from = names[0]!, after }: Cursor = cursor === undefined ? {} : split(cursor)
  const queue = registry.queue(from)
  const { ids, place } = await registry.calls.call('a list of tasks', 'Ask again.', () => queue.pageOf(state, limit, after))
  const records = await Promise.all(ids.map(id => registry.status(id, from)))
  const tasks = records.filter((one): one is TaskRecord => one?.state === state && (name === undefined || one.name === name))
  return { tasks, cursor: ids.length < limit ? nextQueue(names, from) : `${from}/${place}/${ids.at(-1)}` }
}

interface Cursor { from?: string, after?: PagePosition }

/** An id may be anyone's, and have any character. */
function split (cursor: string): Cursor {
  const [, from, place, id] = /^([^/]+)(?:\/(?:(\d{1,15})\/)?(.+))?$/s.exec(cursor)!
  return id === undefined ? { from } : { from, after: { id, place: Number(place ?? 0) } }
}

const nextQueue = (names: string[], queue: string): string | null => names[names.indexOf(queue) + 1] ?? null

/** See `FastifyTasks.counts`. */
export async function counts (registry: TaskRegistry): Promise<Record<string, QueueCounts>> {
  const all = [...registry.queues.values()].map(async queue =>
    [queue.name, await registry.calls.call('a count of tasks', 'Ask again.', () => queue.counts())] as const)
  return Object.fromEntries(await Promise.all(all))
}

/** See `FastifyTasks.workers`. */
export async function workers (registry: TaskRegistry): Promise<WorkerInfo[]> {
  const all = [...registry.queues.values()].map(async queue => {
    const told = await registry.calls.call('a list of workers', 'Ask again.', () => queue.workers(WORKERS))
    return told.map(one => ({ ...one, queue: queue.name }))
  })
  return mergeWorkerInfo((await Promise.all(all)).flat())
}

/** See `FastifyTasks.remove`. */
export async function remove (registry: TaskRegistry, id: string): Promise<RemoveOutcome> {
  const found = await registry.find(id)
  return found ? registry.calls.call(`a removal of task "${id}"`, 'Ask again.', () => found.queue.remove(id)) : 'unknown'
}

/** See `FastifyTasks.purge`. */
export async function purge (registry: TaskRegistry, name: string): Promise<number> {
  const queue = registry.queue(name)
  let sum = 0
  for (let left = 1; left > 0;) {
    const [removed, rest] = await registry.calls.call(`a purge of queue "${name}"`, 'Ask again.', () => queue.purge(PURGE_BATCH))
    sum += removed
    left = rest
  }
  return sum
}
