/**
 * Layer 2: what there is, for people who look after queues: pages of tasks, counts, removal.
 */
import { checkList } from './options.ts'
import type { TaskRegistry } from './tasks.ts'
import type { ListOptions, QueueCounts, RemoveOutcome, TaskPage, TaskRecord } from './types.ts'

const PAGE = 50
/** Bounds one Lua call. */
const PURGE_BATCH = 1_000

/** See `Tasks.list`. A cursor is the queue that is being read, and the last id of the page before. */
export async function list (registry: TaskRegistry, options: ListOptions): Promise<TaskPage> {
  checkList(options)
  const { state, name, limit = PAGE, cursor } = options
  const names = options.queue === undefined ? [...registry.queues.keys()] : [options.queue]
  const [from = names[0]!, after = ''] = cursor === undefined ? [] : split(cursor)
  const queue = registry.queue(from)
  const ids = await registry.availability.call('a list of tasks', 'Ask again.', () => queue.page(state, after, limit))
  const records = await Promise.all(ids.map(id => registry.status(id, from)))
  const tasks = records.filter((one): one is TaskRecord => one?.state === state && (name === undefined || one.name === name))
  return { tasks, cursor: ids.length < limit ? nextQueue(names, from) : `${from}/${ids.at(-1)}` }
}

function split (cursor: string): [string, string] {
  const slash = cursor.indexOf('/')
  return slash < 0 ? [cursor, ''] : [cursor.slice(0, slash), cursor.slice(slash + 1)]
}

const nextQueue = (names: string[], queue: string): string | null => names[names.indexOf(queue) + 1] ?? null

/** See `Tasks.counts`. */
export async function counts (registry: TaskRegistry): Promise<Record<string, QueueCounts>> {
  const all = [...registry.queues.values()].map(async queue =>
    [queue.name, await registry.availability.call('a count of tasks', 'Ask again.', () => queue.counts())] as const)
  return Object.fromEntries(await Promise.all(all))
}

/** See `Tasks.remove`. */
export async function remove (registry: TaskRegistry, id: string): Promise<RemoveOutcome> {
  const found = await registry.find(id)
  return found ? registry.availability.call(`a removal of task "${id}"`, 'Ask again.', () => found.queue.remove(id)) : 'unknown'
}

/** See `Tasks.purge`. */
export async function purge (registry: TaskRegistry, name: string): Promise<number> {
  const queue = registry.queue(name)
  let sum = 0
  for (let left = 1; left > 0;) {
    const [removed, rest] = await registry.availability.call(`a purge of queue "${name}"`, 'Ask again.', () => queue.purge(PURGE_BATCH))
    sum += removed
    left = rest
  }
  return sum
}
