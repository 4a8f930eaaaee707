/**
 * What a store must do for flows. Two stores do it, as with the rest of the contract.
 *
 * A flow lives in one queue, its home. Its members may be in any queue. Each call here is one step in one queue.
 * Times are ms since 1970 on the store's clock.
 */
import type { TerminalState } from '../types.ts'

/** How a member ended. `removed`: there is no record of it any more. */
export type MemberOutcome = TerminalState | 'removed'

/** How a node ended that did not succeed. `skipped`: it never started, because a node before it did not succeed. */
export type NodeEnd = Exclude<MemberOutcome, 'succeeded'> | 'skipped'

/**
 * `building`: not all is written yet. `reopening`: the same, for a retry. `cancelling`: what has not ended is being
 * cancelled. `finally`: the task behind all others runs. `gone`: there is no such flow.
 */
export type FlowStage = 'building' | 'running' | 'cancelling' | 'finally' | 'ended' | 'reopening' | 'gone'

export interface NewFlow {
  id: string
  /** Its record, without the status at its end. */
  record: string
  ttl: number
  /** Its longest life, from its start on. */
  life: number
  /** When it starts, if it is delayed. */
  startsAt?: number | undefined
  failFast: boolean
  /** Members that have not started by then never start. */
  expires: number | null
  /** Entry and text of the node that runs when all others have ended. */
  final: { entry: string, text: string } | null
}

/** A part of a flow that is written in one step. Entries of nodes and joins: see flow-node.ts. */
export interface FlowChunk {
  nodes: Array<[node: string, entry: string]>
  texts: Array<[node: string, text: string]>
  joins: Array<[join: string, entry: string]>
  /** All nodes that a join waits for. None: a join of a flow that is opened again waits for its nodes once more. */
  edges: Array<[join: string, nodes: string[]]>
}

/**
 * `end`: a member ended. `ready`: a join that waits for nothing, or for nothing any more. `start`: a node that is in no
 * join. `done`: the caller has carried out an entry of the list of what is to be done. `seal`: all is written.
 */
export type FlowCommand =
  | { name: 'end', node: string, generation: string, outcome: MemberOutcome, message: string }
  | { name: 'ready', join: string }
  | { name: 'start', node: string }
  | { name: 'done', entry: string }
  | { name: 'seal' }
  | { name: 'cancel', cause: 'failed' | 'cancelled', code: string, message: string }
  | { name: 'add', node: string, entry: string, text: string, parent: string, generation: string, most: number }
  | { name: 'reopen', record: string }
  | { name: 'forget' }
  | { name: 'remove' }

export interface StepReply {
  stage: FlowStage
  /** There is more to do: the caller steps again. */
  more: boolean
  /** This step began to cancel: the caller cancels what is open. */
  cancels: boolean
  /** This step ended the flow: the caller releases its members. */
  ends: boolean
  /**
   * What the last seal, add, reopen or remove did. A seal is refused if others have given the flow up.
   * `unreleased`: the caller releases the members, and removes the flow then. `too many`: the flow has `most` members.
   */
  done: 'done' | 'done before' | 'refused' | 'unreleased' | 'too many'
  /** What the caller has to start: "J<join>" or "N<node>". */
  starts: string[]
}

/** How far a flow is. */
export interface FlowProgress {
  stage: Exclude<FlowStage, 'gone'>
  /** The node behind all others: it is no part of the flow, has yet to run, or has started. */
  final: 'none' | 'waits' | 'started'
  startedAt: number
  changedAt: number
  deadline: number
  /** Why it does not succeed, and the code of its error. Empty if it may. */
  cause: string
  code: string
  attempt: number
  now: number
  nodes: number
  open: number
  pending: number
  /** Some of what is to be done: at most MOST_TODO. */
  todo: string[]
}

export const MOST_TODO = 500

/** A part of a flow whose entries are read by name. */
export type ReadablePart = 'nodes' | 'texts' | 'joins' | 'ends'

/** A flow of a page, and its place at the time. */
export interface FlowPosition { id: string, place: number }

/** A page, with the place of each. */
export interface FlowIds { ids: string[], places: number[] }

export interface QueueFlows {
  /** False if the id is taken. */
  begin (flow: NewFlow, lookAfter: number | null): Promise<boolean>
  /**
   * Only texts are written unless the stage that it returns is `building` or `reopening`. `gone`: others have given it
   * up, because it was not written to its end in time, or it has ended and nothing of it stays.
   */
  write (id: string, chunk: FlowChunk): Promise<FlowStage>
  /** @param lookAfter when somebody has to look at the flow, in ms from now. Null: at its deadline */
  step (id: string, commands: FlowCommand[], lookAfter: number | null): Promise<StepReply>
  read (id: string): Promise<FlowProgress | null>
  readMany (id: string, part: ReadablePart, names: string[]): Promise<Array<string | null>>
  /** A page of the entries of a part. The cursor is "0" to begin, and at the end. An entry may come twice. */
  page (id: string, part: ReadablePart, cursor: string): Promise<{ cursor: string, entries: Array<[string, string]> }>
  /** A page of the nodes that have started and not ended, or that have not started. */
  pageOfNodes (id: string, which: 'open' | 'pending', cursor: string): Promise<{ cursor: string, nodes: string[] }>
  /** For each of these nodes: whether it has started and not ended, and the flow is not being cancelled. */
  areOpen (id: string, nodes: string[]): Promise<boolean[]>
  /**
   * Flows that somebody has to look at. They are due again after `ms`.
   * @param latest no look is planned for later than that, in ms from now: one that is was planned before the clock was
   *   set back
   */
  takeDue (limit: number, ms: number, latest?: number): Promise<string[]>
  /** A page of the ids of flows, newest first, behind that of the page before, whatever comes and goes. */
  list (limit: number, after?: FlowPosition): Promise<FlowIds>

  // Of members, in their own queue

  /** How tasks ended. Null if they have not. */
  memberStates (ids: string[]): Promise<Array<MemberOutcome | null>>
  /** How long the records of members that have ended stay, in ms from now. 0 removes one. */
  keepMembers (members: Array<[id: string, ms: number]>): Promise<void>
}
