/**
 * The graph of a flow as people look at it: its members, how far each is, and what waits for what.
 */
import { flowOf } from './flow-record.ts'
import { decodeJoin, decodeNode, memberId } from '../store/flow-node.ts'
import type { DrawnMember } from '../boot/app-registry.ts'
import type { FlowEngine } from './engine.ts'
import type { FlowRef } from './flow-ref.ts'
import type { ReadablePart } from '../store/flow-contract.ts'
import type { FoundTask } from '../tasks/found-task.ts'

/** Null if the flow has more members than `most`, or is gone. */
export async function readGraph (
  engine: FlowEngine, found: FoundTask, most: number
): Promise<DrawnMember[] | null> {
  const flow = flowOf(found)
  const flows = engine.flowsOf(flow)
  const progress = await engine.call('read of a flow', () => flows.read(flow.id))
  if (!progress || progress.nodes > most) return null
  const [nodes, joins] = [await entriesOf(engine, flow, 'nodes'), await entriesOf(engine, flow, 'joins')]
  const names = [...nodes.keys()]
  const ends = await engine.call('read of a flow', () => flows.readMany(flow.id, 'ends', names)) ?? []
  const [pending, open] = [await nodesOf(engine, flow, 'pending'), await nodesOf(engine, flow, 'open')]
  const after = new Map<string, string[]>()
  for (const [join, entry] of joins) {
    for (const node of decodeJoin(entry).targets) after.set(node, [...after.get(node) ?? [], join])
  }
  return names.map((node, i) => {
    const { generation, joins: before, queue, task, key } = decodeNode(nodes.get(node)!)
    const state = pending.has(node) ? 'waiting' : open.has(node) ? 'active' : ends[i]?.split(' ')[0] || 'succeeded'
    const id = memberId(flow.id, node, generation)
    return { node, id, queue, key, task, state, before, after: after.get(node) ?? [] }
  })
}

async function entriesOf (engine: FlowEngine, flow: FlowRef, part: ReadablePart): Promise<Map<string, string>> {
  const all = new Map<string, string>()
  await engine.eachPage(flow, part, entries => { for (const [name, entry] of entries) all.set(name, entry) })
  return all
}

async function nodesOf (engine: FlowEngine, flow: FlowRef, which: 'open' | 'pending'): Promise<Set<string>> {
  const all = new Set<string>()
  await engine.eachPageOfNodes(flow, which, nodes => { for (const node of nodes) all.add(node) })
  return all
}
