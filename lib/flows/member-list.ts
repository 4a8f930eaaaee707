/**
 * Pages of the members of a flow: those that it was enqueued with, in order, then those that were added to it, and the
 * one behind all others. A member that has not started has no record yet: it is shown as waiting.
 */
import { tryOr } from '../describe.ts'
import * as errors from '../errors.ts'
import { ask, showProgress } from './flow-record.ts'
import { decodeOrFail } from '../records/decode-or-fail.ts'
import { decode, toTaskRecord } from '../records/task-record.ts'
import { decodeNode, memberId, type FlowNode } from '../store/flow-node.ts'
import { briefsOf, toBrief } from '../tasks/briefs.ts'
import type { BriefRecord, ReadPage } from '../boot/app-registry.ts'
import { recordsOfPage } from '../tasks/page-records.ts'
import type { FlowEngine } from './engine.ts'
import type { FlowRef } from './flow-ref.ts'
import type { AppTasks } from '../tasks/app-tasks.ts'
import type { FlowPageOptions } from '../tasks/flow-view.ts'
import type { TaskRecord, TaskState } from '../types.ts'

/** How the records of members are read. */
export interface MemberReader<T extends BriefRecord> {
  /** Of the first of these ids, as for a page of tasks. */
  read (queue: string, ids: string[]): Promise<Array<T | null>>
  /** Of a member that has none. */
  toShown (record: TaskRecord): T
}

export const wholeMembers = (engine: FlowEngine, tasks: AppTasks): MemberReader<TaskRecord> => ({
  read: (queue, ids) => recordsOfPage(tasks.calls, engine.queueOf(queue), ids, id =>
    tasks.queues.has(queue) ? tasks.status(id, queue) : readElsewhere(engine, queue, id)),
  toShown: record => record
})

export const briefMembers = (engine: FlowEngine, tasks: AppTasks): MemberReader<BriefRecord> => ({
  read: (queue, ids) => briefsOf(tasks, engine.queueOf(queue), ids),
  toShown: toBrief
})

/** The queue is not known here. */
async function readElsewhere (engine: FlowEngine, queue: string, id: string): Promise<TaskRecord | null> {
  const raw = await engine.call('read of a member', () => engine.queueOf(queue).readTask(id))
  return raw ? tryOr(() => toTaskRecord(id, queue, decode(raw.text), raw.live, false), null) : null
}

interface ListedMember { id: string, node: FlowNode, end: string | null }

export async function listMembers<T extends BriefRecord> (
  engine: FlowEngine, tasks: AppTasks, { flow: id, limit, cursor }: FlowPageOptions, reader: MemberReader<T>
): Promise<ReadPage<T>> {
  const { flow, record: whole } = await findFlow(engine, tasks, id!)
  const { members, cursorAt } = await membersOf(engine, flow, limit, parseCursor(cursor), whole.flow?.total ?? 0)
  const records = await readAll(members, reader)
  const shown = records.map((record, i) =>
    record?.flow?.id === flow.id ? record : reader.toShown(unstarted(whole, members[i]!)))
  return { tasks: shown, lookedAt: shown.length, cursor: cursorAt(shown.length) }
}

interface FlowToList { flow: FlowRef, record: TaskRecord }

/** Without its result. @throws FST_TASKS_NOT_FOUND, FST_TASKS_ID_AMBIGUOUS */
async function findFlow (engine: FlowEngine, tasks: AppTasks, id: string): Promise<FlowToList> {
  const read = [...tasks.queues.values()].map(async queue => {
    const { tasks: [head] } = await ask(engine, () => queue.walk.readHeads([id], 1))
    const { stored } = decodeOrFail(head?.text ?? '', () => 0)
    if (!stored.options.graph) return []
    const flow = { id, home: queue.name, life: stored.options.graph.life }
    const record = toTaskRecord(id, queue.name, stored, head!.live, false)
    return [{ flow, record: await showProgress(engine, flow, stored, record) }]
  })
  const found = (await Promise.all(read)).flat()
  if (found.length > 1) await tasks.find(id) // says so
  if (found.length === 0) throw new errors.TaskNotFound(id)
  return found[0]!
}

/** Where a page begins: in the members of the flow, or behind them in those that were added. */
interface MemberPlace { start: number, added: string | null }

/** "7": behind seven members. "+": behind all. "+0:part": and behind this one of those that were added. */
function parseCursor (cursor: string | undefined): MemberPlace {
  if (cursor === undefined) return { start: 0, added: null }
  if (!/^(\d{1,9}|\+(\d{1,9}:[\w:-]+)?)$/.test(cursor)) throw new errors.CursorInvalid()
  return cursor.startsWith('+') ? { start: 0, added: cursor.slice(1) } : { start: Number(cursor), added: null }
}

interface Listed { members: ListedMember[], cursorAt: (count: number) => string | null }

async function membersOf (
  engine: FlowEngine, flow: FlowRef, limit: number, { start, added }: MemberPlace, total: number
): Promise<Listed> {
  const names = added === null ? Array.from({ length: limit }, (_, i) => String(start + i)) : []
  const first = await readMembers(engine, flow, names)
  const isEnd = first.length < limit || start + limit >= total
  const after = added ?? ''
  const extra = isEnd ? await addedNodes(engine, flow, after) : []
  const behind = await readMembers(engine, flow, extra.slice(0, limit - first.length))
  const cursorAt = (count: number): string | null => {
    if (count < first.length || !isEnd) return String(start + count)
    const shown = count - first.length
    return shown < extra.length ? `+${shown === 0 ? after : extra[shown - 1]}` : null
  }
  return { members: [...first, ...behind], cursorAt }
}

async function readMembers (engine: FlowEngine, flow: FlowRef, nodes: string[]): Promise<ListedMember[]> {
  const read = (part: 'nodes' | 'ends'): Promise<Array<string | null>> =>
    ask(engine, () => engine.flowsOf(flow).readMany(flow.id, part, nodes))
  const [entries, ends] = [await read('nodes'), await read('ends')]
  return nodes.flatMap((name, i) => {
    if (!entries[i]) return []
    const node = decodeNode(entries[i])
    return [{ id: memberId(flow.id, name, node.generation), node, end: ends[i] ?? null }]
  })
}

/** Members that were added by others, and the one behind all others: in order of their names, behind this one. */
async function addedNodes (engine: FlowEngine, flow: FlowRef, after: string): Promise<string[]> {
  const added = new Set<string>()
  await engine.eachPage(flow, 'nodes', entries => {
    for (const [node] of entries) if (!/^\d+$/.test(node) && node > after) added.add(node)
  })
  return [...added].sort()
}

/** Of the first members: as many as were read in each queue. */
async function readAll<T extends BriefRecord> (
  members: ListedMember[], reader: MemberReader<T>
): Promise<Array<T | null>> {
  const read = new Map<string, T | null>()
  const queues = [...new Set(members.map(({ node }) => node.queue))]
  await Promise.all(queues.map(async queue => {
    const ids = members.filter(({ node }) => node.queue === queue).map(({ id }) => id)
    const records = await reader.read(queue, ids)
    for (const [i, record] of records.entries()) read.set(ids[i]!, record)
  }))
  const left = members.findIndex(({ id }) => !read.has(id))
  return members.slice(0, left < 0 ? undefined : left).map(({ id }) => read.get(id)!)
}

/** 'skipped' and 'removed' are no states of tasks: such a member will never run. */
function unstarted (record: TaskRecord, { id, node: { key, task, queue }, end }: ListedMember): TaskRecord {
  const state: TaskState = end === null ? 'waiting' : end === 'expired' || end === 'failed' ? end : 'cancelled'
  return {
    ...record,
    id,
    name: task,
    queue,
    state,
    progress: null,
    result: null,
    error: null,
    attempt: 0,
    startedAt: null,
    finishedAt: null,
    dueAt: null,
    flow: { id: record.id, key, done: null, total: null }
  }
}
