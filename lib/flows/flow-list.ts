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
import type { FlowIds, FlowPosition } from '../store/flow-contract.ts'
import type { AppTasks } from '../tasks/app-tasks.ts'
import type { FlowPageOptions } from '../tasks/flow-view.ts'
import type { TaskPage } from '../types.ts'

/** Where a page begins: in this queue, behind this flow. */
interface FlowPlace { queue: string, after?: FlowPosition | undefined }

interface FlowIdPage extends FlowPlace {
  records: Array<BriefRecord | null>
  ids: FlowIds
  isLast: boolean
  queues: string[]
}

async function read (tasks: AppTasks, { limit, cursor }: FlowPageOptions): Promise<FlowIdPage> {
  const queues = [...tasks.queues.keys()]
  const { queue: name, after } = cursor === undefined ? { queue: queues[0]! } : parseCursor(cursor, queues)
  const queue = tasks.queue(name)
  const ids = await tasks.calls.call('a list of flows', TRY_AGAIN, () => queue.flows.list(limit, after))
  const records = await briefsOf(tasks, queue, ids.ids)
  const isLast = ids.ids.length < limit && records.length === ids.ids.length
  return { records, ids, queue: name, after, isLast, queues }
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

function cursorOf ({ records, ids: { ids, places }, queue, after, isLast, queues }: FlowIdPage): string | null {
  const next = queues[queues.indexOf(queue) + 1]
  if (isLast) return next === undefined ? null : encodeCursor(['flow', next])
  const last = records.length - 1
  const { place, id } = last < 0 ? after! : { place: places[last]!, id: ids[last]! }
  return encodeCursor(['flow', queue, place, id])
}

function parseCursor (cursor: string, queues: string[]): FlowPlace {
  const [kind, queue, place, id, ...more] = decodeCursor(cursor)
  if (kind !== 'flow' || !queues.includes(queue) || more.length > 0) throw new errors.CursorInvalid()
  if (place === undefined) return { queue }
  const isPosition = Number.isSafeInteger(place) && place >= 0 && typeof id === 'string'
  if (!isPosition) throw new errors.CursorInvalid()
  return { queue, after: { id, place } }
}
