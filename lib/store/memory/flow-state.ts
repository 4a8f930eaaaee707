/**
 * What is kept of a flow in memory, and what flows need of their queue.
 */
import type { FlowStage, MemberOutcome } from '../flow-contract.ts'

/** What flows need of their queue. */
export interface FlowHost {
  now (): number
  hasRecord (id: string): boolean
  putRecord (id: string, text: string): void
  deleteRecord (id: string): void
  publish (id: string, change: string): void
  /** The end of this member is told. */
  onTold (member: string): void
  /** Called after a change. */
  onChanged (): void
  stateOf (id: string): MemberOutcome | null
  keep (id: string, ms: number): void
}

export interface MemoryFlow {
  stage: Exclude<FlowStage, 'gone'>
  record: string
  ttl: number
  life: number
  failFast: boolean
  expires: number | null
  final: 'none' | 'waits' | 'started'
  deadline: number
  startedAt: number
  changedAt: number
  attempt: number
  cause: { outcome: 'failed' | 'cancelled' | 'expired', code: string, message: string } | null
  /** Its members have their own expiry. */
  released: boolean
  removed?: boolean
  /** When its record is removed. */
  expiry: number | null
  nodes: Map<string, string>
  texts: Map<string, string>
  /** "+<join>" has the nodes that were added by members that the join waits for. */
  joins: Map<string, string>
  open: Set<string>
  pending: Set<string>
  /** What joins wait for. Those before the place have ended. */
  edges: Map<string, { nodes: string[], place: number }>
  /** Joins that never start, as a node before them did not succeed. */
  blocked: Set<string>
  todo: Set<string>
  ends: Map<string, string>
}
