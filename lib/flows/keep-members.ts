/**
 * How long the records of the members of a flow stay.
 */
import { membersByQueue } from './flow-pages.ts'
import { areOwn } from './own-members.ts'
import { placeOfNode } from '../store/flow-node.ts'
import type { FlowCall, FlowRef } from './flow-ref.ts'
import type { Queue } from '../store/contract.ts'
import type { QueueFlows, ReadablePart } from '../store/flow-contract.ts'

/** Bounds one Lua call. */
const BATCH = 500

/** What it needs of the engine. */
interface FlowReader {
  readonly call: FlowCall
  queueOf (name: string): Queue
  flowsOf (flow: FlowRef): QueueFlows
  eachPage (
    flow: FlowRef, part: ReadablePart, use: (entries: Array<[name: string, entry: string]>) => Promise<unknown> | void
  ): Promise<boolean>
}

type Kept = Array<[id: string, ms: number]>

/**
 * Sets how long the records of all members stay, else their own resultTtl, with those of earlier generations. False if
 * the process closes.
 */
export async function keepAll (engine: FlowReader, flow: FlowRef, ms?: number): Promise<boolean> {
  const removed = new Set<string>()
  let isOpen = await engine.eachPage(flow, 'ends', entries => {
    for (const [node, end] of entries) if (end === 'removed') removed.add(node)
  })
  if (!isOpen) return false
  const readAll = await engine.eachPage(flow, 'nodes', async entries => {
    const isSure = ([node, entry]: [string, string]): boolean =>
      !removed.has(node) && placeOfNode(entry).generation === 0
    const sure = entries.filter(isSure)
    for (const [queue, members] of membersByQueue(flow, sure, ms)) isOpen &&= await keep(engine, queue, members)
    if (sure.length === entries.length) return
    const others = entries.filter(entry => !isSure(entry))
    for (const [queue, members] of membersByQueue(flow, others, ms)) {
      isOpen &&= await keep(engine, queue, await ownOf(engine, flow, queue, members, others[0]![0]))
    }
  })
  return readAll && isOpen
}

/** False if the process closes. */
async function keep (engine: FlowReader, queue: string, members: Kept | undefined): Promise<boolean> {
  if (!members) return false
  for (let i = 0; i < members.length; i += BATCH) {
    const batch = members.slice(i, i + BATCH)
    const sent = await engine.call('release of members', async () => {
      await engine.queueOf(queue).flows.keepMembers(batch)
      return true
    })
    if (!sent) return false
  }
  return true
}

/**
 * Of a member that was removed, or was tried before: one of its ids may be that of somebody else's task, for which it
 * failed. Records of its earlier tries are left.
 */
async function ownOf (
  engine: FlowReader, flow: FlowRef, queue: string, members: Kept, node: string
): Promise<Kept | undefined> {
  const own = await areOwn(engine, flow, queue, members.map(([id]) => id), node)
  return own && members.filter((_member, i) => own[i])
}
