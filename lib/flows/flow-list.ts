/**
 * Pages of flows, newest first, of all queues that are known here, one after the other.
 */
import * as errors from '../errors.ts'
import { bytesOfResult } from './flow-record.ts'
import { TRY_AGAIN } from '../tasks/advice.ts'
import { briefsOf } from '../tasks/briefs.ts'
import { decodeCursor, encodeCursor } from '../tasks/cursor.ts'
import type { BriefPage, BriefRecord } from '../boot/app-registry.ts'
import { readWithin } from '../tasks/page-records.ts'
import type { FlowEngine } from './engine.ts'
import type { AppTasks } from '../tasks/app-tasks.ts'
import type { FlowPageOptions } from '../tasks/flow-view.ts'
import type { TaskPage } from '../types.ts'

interface FlowIdPage {
  records: Array<BriefRecord | null>
  queue: string
  at: number
  isLast: boolean
  queues: string[]
}

async function read (tasks: AppTasks, { limit, cursor }: FlowPageOptions): Promise<FlowIdPage> {
  const queues = [...tasks.queues.keys()]
  const [name, at] = cursor === undefined ? [queues[0]!, 0] : parseCursor(cursor, queues)
  const queue = tasks.queue(name)
  const ids = await tasks.calls.call('a list of flows', TRY_AGAIN, () => queue.flows.list(at, limit))
  const records = await briefsOf(tasks, queue, ids)
  return { records, queue: name, at, isLast: ids.length < limit && records.length === ids.length, queues }
}

export async function listFlowBriefs (tasks: AppTasks, options: FlowPageOptions): Promise<BriefPage> {
  const page = await read(tasks, options)
  const { records } = page
  return { tasks: records.filter(record => record !== null), lookedAt: records.length, cursor: cursorOf(page) }
}

/** Results may be large: they are read until they have some MiB. */
export async function listFlows (engine: FlowEngine, tasks: AppTasks, options: FlowPageOptions): Promise<TaskPage> {
  const page = await read(tasks, options)
  const { queue } = page
  const items = await Promise.all(page.records.map(async record => {
    const { id = '', state } = record ?? {}
    return { id, size: state === 'succeeded' ? await bytesOfResult(engine, { id, home: queue, life: 0 }) : 0 }
  }))
  const found = await readWithin(items, async id => id === '' ? null : await tasks.status(id, queue))
  const isLast = page.isLast && found.length === items.length
  const cursor = cursorOf({ ...page, isLast, records: page.records.slice(0, found.length) })
  return { tasks: found.filter(record => record !== null), cursor }
}

function cursorOf ({ records, queue, at, isLast, queues }: FlowIdPage): string | null {
  const next = isLast ? queues[queues.indexOf(queue) + 1] : queue
  const nextAt = isLast ? 0 : at + records.length
  return next === undefined ? null : encodeCursor(['flow', next, nextAt])
}

function parseCursor (cursor: string, queues: string[]): [queue: string, at: number] {
  const [kind, queue, at] = decodeCursor(cursor)
  const isOwn = kind === 'flow' && queues.includes(queue) && Number.isSafeInteger(at) && at >= 0
  if (!isOwn) throw new errors.CursorInvalid()
  return [queue, at]
}
