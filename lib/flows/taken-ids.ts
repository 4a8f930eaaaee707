/**
 * Who has the id of a member that is about to start. A flow may have the id of an earlier one, whose members may stay
 * longer than its record: their ids are those of the new members.
 */
import { isMemberOf, readable } from './member.ts'
import { decode, isTerminal } from '../records/task-record.ts'
import type { FlowCall } from './flow-ref.ts'
import type { NewJob, Queue } from '../store/contract.ts'

/**
 * `member`: it was added before. `another`: a task that is no such member, and stays. `nobody`: the id is free now, as
 * that of an earlier flow's member that had ended. Undefined if the process closes.
 */
export async function whoHasId (
  queue: Queue, flow: string, { id, text }: NewJob, call: FlowCall
): Promise<'member' | 'another' | 'nobody' | undefined> {
  const { nonce } = decode(text).options
  for (;;) {
    const found = await call('read of a member', () => queue.readTask(id))
    if (found === undefined) return undefined
    if (found === null) return 'member' // it has ended, and is gone
    const stored = readable(found)
    if (!stored || !isMemberOf(stored, flow)) return 'another'
    if (stored.options.nonce === nonce) return 'member'
    if (!isTerminal(stored.status)) return 'another'
    const reply = await call('removal of an earlier member', () =>
      queue.remove(id, found.raw, stored.options.lane, true))
    if (reply === undefined) return undefined
    if (reply !== 'changed') return reply === 'active' ? 'another' : 'nobody'
  }
}
