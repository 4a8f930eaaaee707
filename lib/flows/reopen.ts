/**
 * Opens a failed flow again: what did not succeed gets a new generation, and starts again. What succeeded stays. May be
 * repeated: nodes that are open again have left the list of ends.
 */
import type { FlowEngine } from './engine.ts'
import type { FlowRef } from './flow-ref.ts'
import { textOfRetry } from './member.ts'
import { decodeJoin, decodeNode, encodeNode, type FlowNode } from '../store/flow-node.ts'
import type { FlowCommand, FlowChunk, ReadablePart } from '../store/flow-contract.ts'

/** Bounds one Lua call. */
const BATCH = 300

/** All that is needed to say what starts again. Flows have a bounded number of members. */
interface WholeFlow {
  nodes: Map<string, FlowNode>
  joins: Map<string, string[]>
  ends: Map<string, string>
}

/** Call it in the stage `reopening`. */
export async function reopen (engine: FlowEngine, flow: FlowRef): Promise<void> {
  if (!await engine.keepAll(flow, flow.life)) return // the results of what succeeded are needed again
  const whole = await readWhole(engine, flow)
  if (!whole) return
  const again = [...whole.ends].filter(([node, end]) => startsAgain(whole, node, end)).map(([node]) => node)
  for (let i = 0; i < again.length; i += BATCH) {
    const batch = again.slice(i, i + BATCH)
    const texts = await textsOf(engine, flow, whole, batch)
    if (!texts) return
    const chunk = { ...chunkOf(whole, batch), texts }
    const stage = await engine.call('write of a flow', () => engine.flowsOf(flow).write(flow.id, chunk))
    if (stage !== 'reopening') return
  }
  await engine.step(flow, [{ name: 'seal' }, ...await startsOf(engine, flow)])
}

/** A member that may fail stays as it is, unless it was cancelled with the flow. */
function startsAgain ({ nodes }: WholeFlow, node: string, end: string): boolean {
  const entry = nodes.get(node)
  return entry !== undefined && node !== 'finally' && (!entry.mayFail || end === 'cancelled' || end === 'skipped')
}

/** Those texts that are others in a retry. Null if the process closes. */
async function textsOf (
  engine: FlowEngine, flow: FlowRef, { ends }: WholeFlow, again: string[]
): Promise<FlowChunk['texts'] | null> {
  const texts = await engine.call('read of a flow', () => engine.flowsOf(flow).readMany(flow.id, 'texts', again))
  if (!texts) return null
  return again.flatMap((node, i): FlowChunk['texts'] => {
    const text = texts[i]
    const next = text && textOfRetry(text, !NEVER_RAN.has(ends.get(node)!))
    return next && next !== text ? [[node, next]] : []
  })
}

/** Or was cancelled with the flow while it ran. */
const NEVER_RAN = new Set(['skipped', 'cancelled'])

function chunkOf ({ nodes }: WholeFlow, again: string[]): FlowChunk {
  const next = again.map(node => [node, nodes.get(node)!] as const)
  const behind = new Set(next.flatMap(([, { joins }]) => joins))
  return {
    nodes: next.map(([node, entry]) => [node, encodeNode({ ...entry, generation: entry.generation + 1 })]),
    texts: [],
    joins: [],
    edges: [...behind].map(join => [join, []])
  }
}

/** What can start: pending nodes before which nothing is pending. Read again: an earlier try may have written some. */
async function startsOf (engine: FlowEngine, flow: FlowRef): Promise<FlowCommand[]> {
  const whole = await readWhole(engine, flow)
  const pending = await readPending(engine, flow)
  if (!whole || !pending) return []
  const waiting = new Set(pending.flatMap(node => whole.nodes.get(node)?.joins ?? []))
  const joined = new Set([...whole.joins.values()].flat())
  // A join whose nodes have all ended moves nothing.
  const ready = [...whole.joins.keys()].filter(join => !waiting.has(join))
  const alone = pending.filter(node => !joined.has(node))
  return [
    ...ready.map((join): FlowCommand => ({ name: 'ready', join })),
    ...alone.map((node): FlowCommand => ({ name: 'start', node }))
  ]
}

async function readWhole (engine: FlowEngine, flow: FlowRef): Promise<WholeFlow | null> {
  const nodes = await readPart(engine, flow, 'nodes')
  const joins = await readPart(engine, flow, 'joins')
  const ends = await readPart(engine, flow, 'ends')
  if (!nodes || !joins || !ends) return null
  const targets = [...joins].filter(([join]) => /^\d+$/.test(join))
  return {
    nodes: new Map([...nodes].map(([node, entry]) => [node, decodeNode(entry)])),
    joins: new Map(targets.map(([join, entry]) => [join, decodeJoin(entry).targets])),
    ends
  }
}

async function readPending (engine: FlowEngine, flow: FlowRef): Promise<string[] | null> {
  const all = new Set<string>()
  const whole = await engine.eachPageOfNodes(flow, 'pending', nodes => { for (const node of nodes) all.add(node) })
  return whole ? [...all] : null
}

async function readPart (
  engine: FlowEngine, flow: FlowRef, part: ReadablePart
): Promise<Map<string, string> | null> {
  const all = new Map<string, string>()
  const whole = await engine.eachPage(flow, part, entries => {
    for (const [name, entry] of entries) all.set(name, entry)
  })
  return whole ? all : null
}
