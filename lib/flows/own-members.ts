/**
 * Whose records have the ids of members. Anybody may enqueue a task whose id looks like a member's, and a flow may have
 * the id of an earlier one, whose members may stay longer than its record.
 */
import { isMemberOf, nonceOf, readable } from './member.ts'
import type { FlowCall, FlowRef } from './flow-ref.ts'
import type { Queue } from '../store/contract.ts'
import type { QueueFlows } from '../store/flow-contract.ts'

/** Bound one read. */
const BATCH = 500
const MAX_BYTES = 1_048_576

/** What it needs of the engine. */
interface Reader {
  readonly call: FlowCall
  queueOf (name: string): Pick<Queue, 'walk'>
  flowsOf (flow: FlowRef): QueueFlows
}

/**
 * For each of these ids: whether a member of this flow has it. Undefined if the process closes.
 * @param node any member whose text is stored: all members of a flow have the same nonce, or none
 */
export async function areOwn (
  engine: Reader, flow: FlowRef, queue: string, ids: string[], node: string
): Promise<boolean[] | undefined> {
  const own: boolean[] = []
  let nonce: string | null | undefined
  while (own.length < ids.length) {
    const rest = ids.slice(own.length, own.length + BATCH)
    const read = await engine.call('read of members', () => engine.queueOf(queue).walk.readHeads(rest, MAX_BYTES))
    if (!read) return undefined
    for (const task of read.tasks) {
      const stored = task && readable(task)
      const isMember = isMemberOf(stored, flow.id)
      if (isMember && stored!.options.nonce !== undefined) nonce ??= await readNonce(engine, flow, node)
      own.push(isMember && (nonce ?? stored!.options.nonce) === stored!.options.nonce)
    }
  }
  return own
}

/** Null if it is not known: the text of the member is gone. */
async function readNonce (engine: Reader, flow: FlowRef, node: string): Promise<string | null> {
  const texts = await engine.call('read of a flow', () => engine.flowsOf(flow).readMany(flow.id, 'texts', [node]))
  return texts?.[0] ? nonceOf(texts[0]) ?? null : null
}
