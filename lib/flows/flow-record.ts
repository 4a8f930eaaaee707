/**
 * A flow as its readers see it: the record with how far it is, and its result.
 */
import { tryOr } from '../describe.ts'
import { nodesIn, readRecords, valueOf } from './member-context.ts'
import { isTerminal, type StoredTask } from '../records/task-record.ts'
import { decodeJoin, decodeNode, memberId, type FlowInput } from '../store/flow-node.ts'
import type { FlowEngine } from './engine.ts'
import type { FlowRef } from './flow-ref.ts'
import type { FlowProgress } from '../store/flow-contract.ts'
import type { FoundTask } from '../tasks/found-task.ts'
import type { TaskRecord } from '../types.ts'

/** A result of more members than this is not put together: their records have them. */
const MAX_RESULTS = 100

export const flowOf = ({ queue, record: { id }, stored }: FoundTask): FlowRef =>
  ({ id, home: queue.name, life: stored.options.graph!.life })

/** A read for the app: it replies, or rejects. */
export const ask = async <T>(engine: FlowEngine, send: () => Promise<T>): Promise<T> =>
  await engine.call('read of a flow', send) as T

export async function showFlow (engine: FlowEngine, found: FoundTask): Promise<FoundTask> {
  const flow = flowOf(found)
  const record = await showProgress(engine, flow, found.stored, found.record)
  const delayedTo = record.dueAt === null ? undefined : found.stored.options.delay
  return { ...found, delayedTo, record: { ...record, result: await resultOf(engine, flow, found.stored) } }
}

/** The record without the result. */
export async function showProgress (
  engine: FlowEngine, flow: FlowRef, stored: StoredTask, record: TaskRecord
): Promise<TaskRecord> {
  if (isTerminal(stored.status)) {
    const { done, total } = (stored.progress ?? {}) as { done?: number, total?: number }
    return { ...record, result: null, flow: { id: flow.id, key: null, done: done ?? 0, total: total ?? 0 } }
  }
  const progress = await engine.call('read of a flow', () => engine.flowsOf(flow).read(flow.id))
  return progress ? withProgress(record, progress, stored.options.delay) : record
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

/** What a result is made of. Null if it is gone, or of too many members. */
async function sourceOf (engine: FlowEngine, flow: FlowRef): Promise<{ input: FlowInput, nodes: string[] } | null> {
  const [output] = await readPart(engine, flow, 'joins', ['output'])
  if (!output) return null
  const { input } = decodeJoin(output)
  const nodes = nodesIn(input!)
  return nodes.length > MAX_RESULTS ? null : { input: input!, nodes }
}

const readPart = (
  engine: FlowEngine, flow: FlowRef, part: 'nodes' | 'joins' | 'ends', names: string[]
): Promise<Array<string | null>> => ask(engine, () => engine.flowsOf(flow).readMany(flow.id, part, names))

/** What the last member returned; a list, or an object by name, if several members are last. Null if it is gone. */
async function resultOf (engine: FlowEngine, flow: FlowRef, { status }: StoredTask): Promise<unknown> {
  const source = status === 'succeeded' ? await sourceOf(engine, flow) : null
  if (!source) return null
  const { input, nodes } = source
  const records = await readRecords(engine, flow, nodes, (part, names) => readPart(engine, flow, part, names))
  return tryOr(() => valueOf(input, records), null)
}

/** The bytes of the records that its result is made of. */
export async function bytesOfResult (engine: FlowEngine, flow: FlowRef): Promise<number> {
  const { nodes } = await sourceOf(engine, flow) ?? { nodes: [] }
  const byQueue = new Map<string, string[]>()
  for (const [i, entry] of (await readPart(engine, flow, 'nodes', nodes)).entries()) {
    if (!entry) continue
    const { queue, generation } = decodeNode(entry)
    byQueue.set(queue, [...byQueue.get(queue) ?? [], memberId(flow.id, nodes[i]!, generation)])
  }
  const sizes = await Promise.all([...byQueue].map(([queue, ids]) =>
    ask(engine, () => engine.queueOf(queue).walk.sizes(ids))))
  return sizes.flat().reduce((sum, { record }) => sum + record, 0)
}
