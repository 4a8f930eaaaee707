/**
 * The end of a member, as its flow is told it.
 */
import * as errors from '../errors.ts'
import { decodeNode } from '../store/flow-node.ts'
import type { StoredMembership } from '../records/membership.ts'
import type { FlowCommand, MemberOutcome } from '../store/flow-contract.ts'

/** The end of a member, in the words of the flow's error. */
export function toEnd (
  node: string, generation: string, outcome: MemberOutcome,
  { key = node, task = 'unknown', message = '' }: { key?: string, task?: string, message?: string } = {}
): FlowCommand & { name: 'end' } {
  if (outcome === 'succeeded') return { name: 'end', node, generation, outcome, message: '' }
  const told = outcome === 'failed' && message !== '' ? `failed: ${message}` : WORDS[outcome]
  return { name: 'end', node, generation, outcome, message: new errors.FlowFailed(key, task, told).message }
}

/** Its text or its entry is lost: it cannot start. */
export function toLostEnd (node: string, entry: string | null | undefined): ReturnType<typeof toEnd> {
  if (!entry) return toEnd(node, '0', 'removed')
  const { generation, key, task } = decodeNode(entry)
  return toEnd(node, String(generation), 'removed', { key, task })
}

/** A task of somebody else has its id. */
export function toTakenEnd (
  { node, generation, key }: StoredMembership, task: string
): ReturnType<typeof toEnd> {
  const { message } = new errors.FlowFailed(key, task, 'cannot be started: another task has its id')
  return { ...toEnd(node, String(generation), 'removed'), message }
}

const WORDS: Record<Exclude<MemberOutcome, 'succeeded'>, string> = {
  failed: 'failed',
  cancelled: 'was cancelled',
  expired: 'expired before a worker started it',
  removed: 'was removed'
}
