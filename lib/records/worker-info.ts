/**
 * The report of a worker about itself. A worker stores one report for each of its queues, as JSON; `workers()` merges
 * them into one entry for each worker.
 */
import { isTooDeep } from './json.ts'
import { MAX_DATE } from './time.ts'
import type { RunningTask, WorkerInfo } from '../types.ts'

/** The largest number of running tasks in a report: a worker may run a thousand. */
const MAX_RUNNING = 100

/** A running task. `startedAt` in ms since 1970. `overdue`: its attempt has ended, but its handler goes on. */
export interface RunningTaskInfo { id: string, name: string, attempt: number, startedAt: number, overdue?: boolean }

type SameFields = 'host' | 'pid' | 'version' | 'queues' | 'concurrency' | 'draining' | 'lag'

/** Times in ms since 1970. */
export interface StoredWorkerInfo extends Pick<WorkerInfo, SameFields> {
  startedAt: number
  seenAt: number
}

/** The report about one queue, with its oldest running tasks. */
export function encodeWorkerInfo (info: StoredWorkerInfo, running: RunningTaskInfo[]): string {
  const oldest = running.toSorted((a, b) => a.startedAt - b.startedAt).slice(0, MAX_RUNNING)
  return JSON.stringify({ ...info, active: running.length, running: oldest })
}

const text = (value: unknown): string => typeof value === 'string' ? value : ''
const number = (value: unknown): number => typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : 0
const time = (value: unknown): string => new Date(Math.min(number(value), MAX_DATE)).toISOString()
const list = (value: unknown): unknown[] => Array.isArray(value) ? value : []

const running = (queue: string) => (task: any): RunningTask => ({
  id: text(task?.id),
  name: text(task?.name),
  queue,
  attempt: number(task?.attempt),
  startedAt: time(task?.startedAt),
  overdue: task?.overdue === true
})

/** Parses the report about one queue, which any program may have written; null if it cannot be read. */
function decodeWorkerInfo (id: string, queue: string, json: string): WorkerInfo | null {
  if (isTooDeep(json)) return null
  let report: any
  try {
    report = JSON.parse(json)
  } catch {
    return null
  }
  if (typeof report !== 'object' || report === null) return null
  return {
    id,
    host: text(report.host),
    pid: number(report.pid),
    version: text(report.version),
    queues: list(report.queues).map(text),
    concurrency: number(report.concurrency),
    startedAt: time(report.startedAt),
    seenAt: time(report.seenAt),
    draining: report.draining === true,
    lag: { mean: number(report.lag?.mean), max: number(report.lag?.max) },
    active: number(report.active),
    running: list(report.running).map(running(queue))
  }
}

function merge (known: WorkerInfo, { active, running }: WorkerInfo): WorkerInfo {
  return { ...known, active: known.active + active, running: [...known.running, ...running] }
}

/** Merges the reports of all queues into one entry for each worker, the oldest worker first. */
export function mergeWorkerInfo (reports: Array<{ id: string, queue: string, json: string }>): WorkerInfo[] {
  const workers = new Map<string, WorkerInfo>()
  for (const { id, queue, json } of reports) {
    const info = decodeWorkerInfo(id, queue, json)
    const known = workers.get(id)
    if (info) workers.set(id, known ? merge(known, info) : info)
  }
  return [...workers.values()].sort((a, b) => a.startedAt < b.startedAt ? -1 : 1)
}
