/**
 * A flow as its readers see it: the record with how far it is and its result, pages of its members, pages of flows.
 */
import { tryOr } from '../describe.ts'
import * as errors from '../errors.ts'
import { nodesIn, readRecords, valueOf } from './member-context.ts'
import { decode, isTerminal, toTaskRecord } from '../records/task-record.ts'
import { decodeJoin, decodeNode, memberId } from '../store/flow-node.ts'
import { TRY_AGAIN } from '../tasks/advice.ts'
import type { FlowEngine, FlowRef } from './engine.ts'
import type { FlowProgress } from '../store/flow-contract.ts'
import type { AppTasks } from '../tasks/app-tasks.ts'
import type { FoundTask } from '../tasks/found-task.ts'
import type { TaskPage, TaskRecord, TaskState } from '../types.ts'

/** A result of more members than this is not put together: their records have them. */
const MAX_RESULTS = 100

export const flowOf = ({ queue, record: { id }, stored }: FoundTask): FlowRef =>
  ({ id, home: queue.name, life: stored.options.graph!.life })

/** A read for the app: it replies, or rejects. */
const ask = async <T>(engine: FlowEngine, send: () => Promise<T>): Promise<T> =>
  await engine.call('read of a flow', send) as T

export async function showFlow (engine: FlowEngine, found: FoundTask): Promise<FoundTask> {
  const flow = flowOf(found)
  const { record, stored } = found
  if (isTerminal(stored.status)) {
    const { done, total } = (stored.progress ?? {}) as { done?: number, total?: number }
    const result = stored.status === 'succeeded' ? await resultOf(engine, flow) : null
    const membership = { id: flow.id, key: null, done: done ?? 0, total: total ?? 0 }
    return { ...found, record: { ...record, result, flow: membership } }
  }
  const progress = await engine.call('read of a flow', () => engine.flowsOf(flow).read(flow.id))
  return { ...found, record: progress ? withProgress(record, progress, stored.options.delay) : record }
}

function withProgress (record: TaskRecord, progress: FlowProgress, delay: number | undefined): TaskRecord {
  const { nodes, open, pending, final, startedAt, attempt, now } = progress
  const done = nodes - open - pending - (final === 'waits' ? 1 : 0)
  const isDelayed = delay !== undefined && delay > now && done === 0
  return {
    ...record,
    state: isDelayed ? 'delayed' : 'active',
    dueAt: isDelayed ? new Date(delay).toISOString() : null,
    progress: { done, total: nodes },
    attempt,
    startedAt: isDelayed ? null : new Date(Math.max(startedAt, delay ?? 0)).toISOString(),
    flow: { id: record.id, key: null, done, total: nodes }
  }
}

/** What the last member returned; a list, or an object by name, if several members are last. Null if it is gone. */
async function resultOf (engine: FlowEngine, flow: FlowRef): Promise<unknown> {
  const read = (part: 'nodes' | 'joins', names: string[]): Promise<Array<string | null>> =>
    ask(engine, () => engine.flowsOf(flow).readMany(flow.id, part, names))
  const [output] = await read('joins', ['output'])
  if (!output) return null
  const { input } = decodeJoin(output)
  const nodes = nodesIn(input!)
  if (nodes.length > MAX_RESULTS) return null
  const records = await readRecords(engine, flow, nodes, names => read('nodes', names))
  return tryOr(() => valueOf(input!, records), null)
}

/** A page of the members of a flow, as records. One that has not started has no record yet: it is shown as waiting. */
export async function listMembers (
  engine: FlowEngine, tasks: AppTasks, id: string, limit: number, cursor: string | undefined
): Promise<TaskPage> {
  const found = await tasks.find(id)
  if (!found?.stored.options.graph) throw new errors.TaskNotFound(id)
  const flow = flowOf(found)
  if (cursor !== undefined && !/^\d{1,9}$/.test(cursor)) throw new errors.CursorInvalid()
  const start = Number(cursor ?? 0)
  const names = Array.from({ length: limit }, (_, i) => String(start + i))
  const total = found.record.flow?.total ?? 0
  const isFirst = cursor === undefined
  const extra = isFirst ? await extraNodes(engine, flow) : []
  const asked = [...names, ...extra]
  const read = (part: 'nodes' | 'ends'): Promise<Array<string | null>> =>
    ask(engine, () => engine.flowsOf(flow).readMany(flow.id, part, asked))
  const [entries, ends] = [await read('nodes'), await read('ends')]
  const records = await Promise.all(asked.flatMap((node, i) =>
    entries[i] ? [memberRecord(tasks, engine, found, { node, entry: entries[i], end: ends[i] ?? null })] : []))
  const next = entries[limit - 1] && start + limit < total ? String(start + limit) : null
  return { tasks: records, cursor: next }
}

/** Members that were added by others, and the one behind all others. */
async function extraNodes (engine: FlowEngine, flow: FlowRef): Promise<string[]> {
  const extra = new Set<string>()
  await engine.eachPage(flow, 'nodes', entries => {
    for (const [node] of entries) if (!/^\d+$/.test(node)) extra.add(node)
  })
  return [...extra].sort()
}

interface ListedMember { node: string, entry: string, end: string | null }

async function memberRecord (
  tasks: AppTasks, engine: FlowEngine, flow: FoundTask, { node, entry, end }: ListedMember
): Promise<TaskRecord> {
  const { queue, generation, key, task } = decodeNode(entry)
  const id = memberId(flow.record.id, node, generation)
  const record = tasks.queues.has(queue) ? await tasks.status(id, queue) : await readElsewhere(engine, queue, id)
  if (record?.flow?.id === flow.record.id) return record
  // 'skipped' and 'removed' are no states of tasks: such a member will never run.
  const state: TaskState = end === null ? 'waiting' : end === 'expired' || end === 'failed' ? end : 'cancelled'
  return {
    ...flow.record,
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
    flow: { id: flow.record.id, key, done: null, total: null }
  }
}

/** The queue is not known here. */
async function readElsewhere (engine: FlowEngine, queue: string, id: string): Promise<TaskRecord | null> {
  const raw = await engine.call('read of a member', () => engine.queueOf(queue).readTask(id))
  return raw ? tryOr(() => toTaskRecord(id, queue, decode(raw.text), raw.live, false), null) : null
}

/** A page of flows, newest first, of all queues that are known here, one after the other. */
export async function listFlows (tasks: AppTasks, limit: number, cursor: string | undefined): Promise<TaskPage> {
  const queues = [...tasks.queues.keys()]
  const [queue, at] = cursor === undefined ? [queues[0]!, 0] : parseCursor(cursor, queues)
  const { flows } = tasks.queue(queue)
  const ids = await tasks.calls.call('a list of flows', TRY_AGAIN, () => flows.list(at, limit))
  const found = await Promise.all(ids.map(id => tasks.status(id, queue)))
  const next = ids.length < limit ? queues[queues.indexOf(queue) + 1] : queue
  const nextAt = next === queue ? at + limit : 0
  return {
    tasks: found.filter(record => record !== null),
    cursor: next === undefined ? null : Buffer.from(JSON.stringify(['flow', next, nextAt])).toString('base64url')
  }
}

function parseCursor (cursor: string, queues: string[]): [queue: string, at: number] {
  const parts = tryOr(() => JSON.parse(Buffer.from(cursor, 'base64url').toString()), null)
  const [kind, queue, at] = Array.isArray(parts) ? parts : []
  const isOwn = kind === 'flow' && queues.includes(queue) && Number.isSafeInteger(at) && at >= 0
  if (!isOwn) throw new errors.CursorInvalid()
  return [queue, at]
}
