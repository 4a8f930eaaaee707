/**
 * Pages of flows, newest first, of all queues that are known here, one after the other.
 */
import * as errors from '../errors.ts'
import { bytesOfResult } from './flow-record.ts'
import { TRY_AGAIN } from '../tasks/advice.ts'
import { briefsOf } from '../tasks/briefs.ts'
import { decodeCursor, encodeCursor } from '../tasks/cursor.ts'
import { firstWith } from '../tasks/list-pages.ts'
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
  const start: FlowPlace = cursor === undefined ? { queue: queues[0]! } : parseCursor(cursor, queues)
  const { ids, queue, after } = await firstPage(tasks, queues, start, limit)
  const records = await briefsOf(tasks, tasks.queue(queue), ids.ids.slice(0, limit))
  const isLast = ids.ids.length <= limit && records.length === ids.ids.length
  return { records, ids, queue, after, isLast, queues }
}

/** With one id more than the page has: so a full page is known to be the last, and no empty one follows. */
const readIds = (tasks: AppTasks, { queue, after }: FlowPlace, limit: number): Promise<FlowIds> =>
  tasks.calls.call('a list of flows', TRY_AGAIN, () => tasks.queue(queue).flows.list(limit + 1, after))

/** Of the queue, or of the first one behind it that has flows. */
async function firstPage (
  tasks: AppTasks, queues: string[], start: FlowPlace, limit: number
): Promise<FlowPlace & { ids: FlowIds }> {
  const ids = await readIds(tasks, start, limit)
  const next = ids.ids.length > 0 ? undefined : await queueBehind(tasks, queues, start.queue)
  return next === undefined ? { ...start, ids } : { queue: next, ids: await readIds(tasks, { queue: next }, limit) }
}

const queueBehind = (tasks: AppTasks, queues: string[], queue: string): Promise<string | undefined> =>
  firstWith(queues.slice(queues.indexOf(queue) + 1), async other =>
    (await readIds(tasks, { queue: other }, 0)).ids.length > 0)

export async function listFlowBriefs (tasks: AppTasks, options: FlowPageOptions): Promise<BriefPage> {
  const page = await read(tasks, options)
  const { records } = page
  const cursor = await cursorOf(tasks, page)
  return { tasks: records.filter(record => record !== null), lookedAt: records.length, cursor }
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
  const cursor = await cursorOf(tasks, { ...page, isLast, records: page.records.slice(0, found.length) })
  return { tasks: found.filter(record => record !== null), cursor }
}

async function cursorOf (tasks: AppTasks, page: FlowIdPage): Promise<string | null> {
  const { records, ids: { ids, places }, queue, after, isLast, queues } = page
  if (isLast) {
    const next = await queueBehind(tasks, queues, queue)
    return next === undefined ? null : encodeCursor(['flow', next])
  }
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
