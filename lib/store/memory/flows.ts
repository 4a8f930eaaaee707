/**
 * The flows of one queue in this process: what flow-begin.lua, flow-write.lua, flow-step.lua, flow-read.lua and
 * flow-due.lua do in Redis, without their slices: nothing here holds up other clients.
 */
import { memberId } from '../flow-node.ts'
import { pageOf } from './reads.ts'
import { FlowSteps } from './flow-steps.ts'
import type { FlowHost, MemoryFlow } from './flow-state.ts'
import type {
  FlowChunk, FlowCommand, FlowIds, FlowPosition, FlowProgress, FlowStage, MemberOutcome, NewFlow, QueueFlows,
  ReadablePart, StepReply
} from '../flow-contract.ts'

export class MemoryFlows implements QueueFlows {
  readonly #host: FlowHost
  readonly #flows = new Map<string, MemoryFlow>()

  constructor (host: FlowHost) {
    this.#host = host
  }

  /** False while somebody has to go on with a flow, without a task that runs or waits. */
  get idle (): boolean {
    return ![...this.#flows.values()].some(({ stage, todo, released }) =>
      todo.size > 0 || ['building', 'reopening', 'cancelling'].includes(stage) || (stage === 'ended' && !released))
  }

  /** When a flow has lived for so long that it has to be cancelled. Null if there is none. */
  get due (): number | null {
    const times = [...this.#flows.values()].filter(hasDeadline).map(flow => flow.deadline)
    return times.length === 0 ? null : Math.min(...times)
  }

  /** Removes the records that are past their expiry. */
  onClockMoved (): void {
    for (const [id, { expiry }] of this.#flows) if (expiry !== null && expiry <= this.#host.now()) this.#delete(id)
  }

  #delete (id: string): void {
    this.#flows.delete(id)
    this.#host.deleteRecord(id)
  }

  async begin (flow: NewFlow): Promise<boolean> {
    const { id, record } = flow
    if (this.#host.hasRecord(id) || this.#flows.has(id)) return false
    this.#flows.set(id, newFlow(flow, this.#host.now()))
    this.#host.putRecord(id, record + NEW_TAIL)
    return true
  }

  async write (id: string, { nodes, texts, joins, edges }: FlowChunk): Promise<FlowStage> {
    const flow = this.#flows.get(id)
    if (!flow) return 'gone'
    const isBuilt = flow.stage === 'building' || flow.stage === 'reopening'
    if (!isBuilt && flow.cause?.code === 'FST_TASKS_FLOW_INCOMPLETE') return 'gone'
    for (const [node, text] of texts) flow.texts.set(node, text)
    if (!isBuilt) return flow.stage
    for (const [node, entry] of nodes) {
      flow.nodes.set(node, entry)
      flow.pending.add(node)
      flow.ends.delete(node)
    }
    for (const [join, entry] of joins) flow.joins.set(join, entry)
    for (const [join, nodes] of edges) {
      const before = nodes.length > 0 ? nodes : flow.edges.get(join)?.nodes
      if (before) flow.edges.set(join, { nodes: before, place: 0 })
      flow.blocked.delete(join)
    }
    return flow.stage
  }

  async step (id: string, commands: FlowCommand[]): Promise<StepReply> {
    for (const command of commands) {
      if (command.name === 'end') this.#host.onTold(memberId(id, command.node, command.generation))
    }
    const flow = this.#flows.get(id)
    const reply = flow ? new FlowSteps(id, flow, this.#host).step(commands) : GONE
    if (flow?.removed) this.#delete(id)
    this.#host.onChanged()
    return reply
  }

  async read (id: string): Promise<FlowProgress | null> {
    const flow = this.#flows.get(id)
    if (!flow) return null
    const { stage, final, startedAt, changedAt, deadline, cause, attempt, nodes, open, pending, todo } = flow
    return {
      stage,
      final,
      startedAt,
      changedAt,
      deadline,
      cause: cause?.outcome ?? '',
      code: cause?.code ?? '',
      attempt,
      now: this.#host.now(),
      nodes: nodes.size,
      open: open.size,
      pending: pending.size,
      todo: [...todo]
    }
  }

  async readMany (id: string, part: ReadablePart, names: string[]): Promise<Array<string | null>> {
    const entries = this.#flows.get(id)?.[part]
    return names.map(name => entries?.get(name) ?? null)
  }

  async page (id: string, part: ReadablePart): Promise<{ cursor: string, entries: Array<[string, string]> }> {
    return { cursor: '0', entries: [...this.#flows.get(id)?.[part] ?? []] }
  }

  async pageOfNodes (id: string, which: 'open' | 'pending'): Promise<{ cursor: string, nodes: string[] }> {
    return { cursor: '0', nodes: [...this.#flows.get(id)?.[which] ?? []] }
  }

  async areOpen (id: string, nodes: string[]): Promise<boolean[]> {
    const { open, stage } = this.#flows.get(id) ?? {}
    return nodes.map(node => open?.has(node) === true && stage !== 'cancelling')
  }

  async takeDue (limit: number): Promise<string[]> {
    const now = this.#host.now()
    const due = [...this.#flows].filter(([, flow]) => hasDeadline(flow) && flow.deadline <= now)
    return due.slice(0, limit).map(([id]) => id)
  }

  async list (limit: number, after?: FlowPosition): Promise<FlowIds> {
    return pageOf([...this.#flows.keys()].reverse(), limit, after)
  }

  async memberStates (ids: string[]): Promise<Array<MemberOutcome | null>> {
    return ids.map(id => this.#host.stateOf(id))
  }

  async keepMembers (members: Array<[id: string, ms: number]>): Promise<void> {
    for (const [id, ms] of members) this.#host.keep(id, ms)
  }
}

const hasDeadline = ({ stage }: MemoryFlow): boolean => stage === 'running' || stage === 'finally'

function newFlow (flow: NewFlow, now: number): MemoryFlow {
  const { final, life } = flow
  const start = Math.max(now, flow.startsAt ?? 0)
  return {
    ...flow,
    final: final ? 'waits' : 'none',
    stage: 'building',
    deadline: start + life,
    startedAt: start,
    changedAt: now,
    attempt: 1,
    cause: null,
    released: false,
    expiry: null,
    nodes: new Map(final ? [['finally', final.entry]] : []),
    texts: new Map(final ? [['finally', final.text]] : []),
    joins: new Map(),
    open: new Set(),
    pending: new Set(),
    edges: new Map(),
    blocked: new Set(),
    todo: new Set(),
    ends: new Map()
  }
}

const NEW_TAIL = ',"status":"created","progress":null}'

const GONE: StepReply = { stage: 'gone', more: false, cancels: false, ends: false, done: 'done before', starts: [] }
