/**
 * What this room needs of flows: their records are read, cancelled and retried as those of tasks are. lib/flows has it.
 */
import type { StoredMembership } from '../records/membership.ts'
import type { StoredTask } from '../records/task-record.ts'
import type { MemberOutcome } from '../store/flow-contract.ts'
import type { AuthorizeRecord, CancelOutcome, RemoveOutcome, RetryOutcome, TaskPage, TaskRecord } from '../types.ts'
import type { BriefPage, DrawnMember } from '../boot/app-registry.ts'
import type { FoundTask } from './found-task.ts'

export interface FlowPageOptions { flow?: string, limit: number, cursor?: string | undefined }

export interface FlowView {
  /** The record of a flow, with how far it is. */
  show (found: FoundTask): Promise<FoundTask>
  /** The same without its result. */
  showProgress (flow: { id: string, home: string, stored: StoredTask }, record: TaskRecord): Promise<TaskRecord>
  cancel (found: FoundTask): Promise<CancelOutcome>
  retry (found: FoundTask): Promise<RetryOutcome>
  remove (found: FoundTask): Promise<RemoveOutcome>
  /** Members were ended by a call of the app. Never rejects: the sweep finds what was not told. */
  ended (members: Array<{ flow: StoredMembership, task: string }>, outcome: MemberOutcome): Promise<void>
  /** A page of the members of a flow, or of flows. */
  list (options: FlowPageOptions): Promise<TaskPage>
  listBriefs (options: FlowPageOptions): Promise<BriefPage>
  /** Its graph. Null if it has more members than `most`, or is gone. */
  graph (found: FoundTask, most: number): Promise<DrawnMember[] | null>
  /** The members whose tasks say who may see the flow. */
  membersToAsk (found: FoundTask): AsyncIterable<AuthorizeRecord>
  /** Looks at flows that had no change for a while. Returns how many. */
  lookAtDue (queue: string): Promise<number>
}
