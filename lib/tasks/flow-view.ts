/**
 * What this room needs of flows: their records are read, cancelled and retried as those of tasks are. lib/flows has it.
 */
import type { FastifyRequest } from 'fastify'
import type { StoredMembership } from '../records/membership.ts'
import type { MemberOutcome } from '../store/flow-contract.ts'
import type { AuthorizeRecord, CancelOutcome, RemoveOutcome, RetryOutcome, TaskPage } from '../types.ts'
import type { DrawnMember } from '../boot/app-registry.ts'
import type { FoundTask } from './found-task.ts'

export interface FlowView {
  /** The record of a flow, with how far it is. */
  show (found: FoundTask): Promise<FoundTask>
  cancel (found: FoundTask): Promise<CancelOutcome>
  retry (found: FoundTask): Promise<RetryOutcome>
  remove (found: FoundTask): Promise<RemoveOutcome>
  /** Members were ended by a call of the app. Never rejects: the sweep finds what was not told. */
  ended (members: Array<{ flow: StoredMembership, task: string }>, outcome: MemberOutcome): Promise<void>
  /** A page of the members of a flow, or of flows. */
  list (options: { flow?: string, limit: number, cursor?: string | undefined }): Promise<TaskPage>
  /** Its graph. Null if it has more members than `most`, or is gone. */
  graph (found: FoundTask, most: number): Promise<DrawnMember[] | null>
  /** The members whose tasks say who may see the flow. */
  membersToAsk (request: FastifyRequest, found: FoundTask): AsyncIterable<AuthorizeRecord>
  /** Looks at flows that had no change for a while. Returns how many. */
  lookAtDue (queue: string): Promise<number>
}
