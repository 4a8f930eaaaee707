/**
 * What a worker reports about itself: as JSON in Redis, one text for each of its queues, and as `workers()` returns it.
 */
import { isTooDeep } from './json.ts'
import { MAX_DATE } from './time.ts'
import type { RunningTask, WorkerInfo } from '../types.ts'

/** The running tasks of one queue that are told; a worker may run a thousand. */
const MAX_RUNNING = 100

/** A task that runs. `startedAt` in ms since 1970. `overdue`: its attempt has ended, but its handler goes on. */
export interface RunningTaskInfo { id: string, name: string, attempt: number, startedAt: number, overdue?: boolean }

/** Times in ms since 1970. */
export interface StoredWorkerInfo extends Pick<WorkerInfo, 'host' | 'pid' | 'version' | 'queues' | 'concurrency' | 'draining' | 'lag'> {
  startedAt: number
  seenAt: number
}

/** What a worker tells about one of its queues, oldest task first. */
export function encodeWorkerInfo (info: StoredWorkerInfo, running: RunningTaskInfo[]): string {
  const oldest = running.toSorted((a, b) => a.startedAt - b.startedAt).slice(0, MAX_RUNNING)
  return JSON.stringify({ ...info, active: running.length, running: oldest })
}

const text = (value: unknown): string => typeof value === 'string' ? value : ''
const number = (value: unknown): number => typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : 0
const time = (value: unknown): string => new Date(Math.min(number(value), MAX_DATE)).toISOString()
const list = (value: unknown): unknown[] => Array.isArray(value) ? value : []

const running = (queue: string) => (one: any): RunningTask =>
  ({
    id: text(one?.id),
    name: text(one?.name),
    queue,
    attempt: number(one?.attempt),
    startedAt: time(one?.startedAt),
    overdue: one?.overdue === true
  })

/** What was told about one queue, by whoever wrote it; null where it cannot be read. */
function decodeWorkerInfo (id: string, queue: string, json: string): WorkerInfo | null {
  if (isTooDeep(json)) return null
  let told: any
  try {
    told = JSON.parse(json)
  } catch {
    return null
  }
  if (typeof told !== 'object' || told === null) return null
  return {
    id,
    host: text(told.host),
    pid: number(told.pid),
    version: text(told.version),
    queues: list(told.queues).map(text),
    concurrency: number(told.concurrency),
    startedAt: time(told.startedAt),
    seenAt: time(told.seenAt),
    draining: told.draining === true,
    lag: { mean: number(told.lag?.mean), max: number(told.lag?.max) },
    active: number(told.active),
    running: list(told.running).map(running(queue))
  }
}

/** One entry for each worker, the oldest first, from what they told about each of their queues. */
export function mergeWorkerInfo (told: Array<{ id: string, queue: string, json: string }>): WorkerInfo[] {
  const workers = new Map<string, WorkerInfo>()
  for (const { id, queue, json } of told) {
    const worker = decodeWorkerInfo(id, queue, json)
    const known = workers.get(id)
    if (!worker) continue
    if (!known) workers.set(id, worker)
    else workers.set(id, { ...known, active: known.active + worker.active, running: [...known.running, ...worker.running] })
  }
  return [...workers.values()].sort((a, b) => a.startedAt < b.startedAt ? -1 : 1)
}
