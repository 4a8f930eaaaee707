/**
 * One step of a flow in memory: what flow-step.lua does in Redis.
 */
import { decodeJoin, decodeNode, encodeNode } from '../flow-node.ts'
import type { FlowHost, MemoryFlow } from './flow-state.ts'
import type { FlowCommand, NodeEnd, StepReply } from '../flow-contract.ts'

type Command<Name extends FlowCommand['name']> = FlowCommand & { name: Name }

export class FlowSteps {
  readonly #id: string
  readonly #flow: MemoryFlow
  readonly #host: FlowHost
  readonly #starts: string[] = []
  /** Joins behind a member that failed: they are skipped when all commands are carried out. */
  readonly #skips: string[] = []
  /** Joins behind members that have ended. */
  readonly #waiting = new Set<string>()
  #cancels = false
  #ends = false
  #done: StepReply['done'] = 'done before'
  /** How many members it has, or how many have ended, is not what it was. */
  #moved = false

  constructor (id: string, flow: MemoryFlow, host: FlowHost) {
    this.#id = id
    this.#flow = flow
    this.#host = host
  }

  step (commands: FlowCommand[]): StepReply {
    const flow = this.#flow
    flow.changedAt = this.#host.now()
    for (const command of commands) {
      if (command.name !== 'end') this.#endTogether()
      this.#carryOut(command)
    }
    this.#endTogether()
    const last = commands.at(-1)?.name
    if (last !== 'forget' && last !== 'remove') this.#goOn()
    const { stage } = flow
    return { stage, more: false, cancels: this.#cancels, ends: this.#ends, done: this.#done, starts: this.#starts }
  }

  #carryOut (command: FlowCommand): void {
    const flow = this.#flow
    switch (command.name) {
      case 'end': return this.#end(command)
      case 'ready': return this.#ready(command.join)
      case 'start': return this.#start(command.node)
      case 'done': return void flow.todo.delete(command.entry)
      case 'seal': return void (this.#done = this.#seal())
      case 'cancel': return this.#cancel({ outcome: command.cause, code: command.code, message: command.message })
      case 'add': return void (this.#done = this.#add(command))
      case 'reopen': return void (this.#done = this.#reopen(command.record))
      case 'forget': return this.#forget()
      case 'remove': return this.#remove()
      default: return command satisfies never
    }
  }

  get #isLive (): boolean { return this.#flow.stage === 'running' || this.#flow.stage === 'building' }

  #end ({ node, generation, outcome, message }: Command<'end'>): void {
    const flow = this.#flow
    const { generation: current, mayFail, joins } = decodeNode(flow.nodes.get(node) ?? '0 0 - []')
    if (String(current) !== generation || !flow.open.delete(node)) return
    this.#moved = true
    if (outcome !== 'succeeded') flow.ends.set(node, outcome)
    if (outcome !== 'succeeded' && !mayFail) return this.#fail(outcome, message, joins)
    for (const join of joins) this.#waiting.add(join)
  }

  /** Of all ends that were told together: one look at each join. */
  #endTogether (): void {
    for (const join of this.#waiting) if (this.#isLive && this.#isReady(join)) this.#startJoin(join)
    this.#waiting.clear()
  }

  #isReady (join: string): boolean {
    const { edges, open, pending, blocked } = this.#flow
    if (blocked.has(join)) return false
    const before = edges.get(join)
    if (!before) return true
    const isOutstanding = (node: string | undefined): boolean =>
      node !== undefined && (open.has(node) || pending.has(node))
    while (before.place < before.nodes.length && !isOutstanding(before.nodes[before.place])) before.place++
    return before.place === before.nodes.length
  }

  /** Joins behind a node that did not succeed. */
  #skip (joins: string[]): void {
    for (const join of joins) this.#flow.blocked.add(join)
    this.#skips.push(...joins)
  }

  #fail (end: NodeEnd, message: string, joins: string[]): void {
    const flow = this.#flow
    const isLate = end === 'expired' && flow.expires !== null && flow.expires <= this.#host.now()
    const cause = isLate
      ? { outcome: 'expired', code: '', message } as const
      : { outcome: 'failed', code: 'FST_TASKS_FLOW_FAILED', message } as const
    if (flow.failFast) return this.#cancel(cause)
    flow.cause ??= cause
    this.#skip(joins)
  }

  #cancel (cause: NonNullable<MemoryFlow['cause']>): void {
    const flow = this.#flow
    if (cause.code === 'FST_TASKS_FLOW_TIMEOUT') this.#cancelFinally()
    if (!this.#isLive && flow.stage !== 'reopening') return
    if (cause.code === 'FST_TASKS_FLOW_INCOMPLETE' && flow.stage === 'building') flow.ttl = 0 // nobody was told of it
    flow.cause ??= cause
    flow.stage = 'cancelling'
    this.#cancels = true
  }

  /** How the flow ends is known. If its last task has lived too long, only that one is cancelled. */
  #cancelFinally (): void {
    const { stage, deadline } = this.#flow
    if (stage !== 'finally' || deadline > this.#host.now()) return
    this.#flow.stage = 'cancelling'
    this.#cancels = true
  }

  /** Nodes behind one that failed never start. */
  #skipAll (): void {
    const flow = this.#flow
    for (const joins = this.#skips; joins.length > 0;) {
      for (const node of this.#targetsOf(joins.pop()!)) {
        if (!flow.pending.delete(node)) continue
        this.#moved = true
        flow.ends.set(node, 'skipped')
        this.#skip(decodeNode(flow.nodes.get(node)!).joins)
      }
    }
  }

  #targetsOf (join: string): string[] {
    const entry = this.#flow.joins.get(join)
    return entry === undefined ? [] : decodeJoin(entry).targets
  }

  #startJoin (join: string): void {
    const { pending, open, stage } = this.#flow
    const started = this.#targetsOf(join).filter(node => pending.delete(node))
    for (const node of started) open.add(node)
    if (started.length > 0) this.#do((stage === 'building' ? 'W' : 'J') + join)
  }

  /** What waits for its records (W) is not for the caller yet. */
  #do (entry: string): void {
    this.#flow.todo.add(entry)
    if (!entry.startsWith('W')) this.#starts.push(entry)
  }

  #ready (join: string): void {
    if (!this.#isLive) return
    this.#startJoin(join)
    if (this.#flow.todo.delete(`W${join}`)) this.#do(`J${join}`)
  }

  #start (node: string): void {
    if (this.#flow.stage !== 'running' || !this.#flow.pending.delete(node)) return
    this.#flow.open.add(node)
    this.#do(`N${node}`)
  }

  #seal (): StepReply['done'] {
    const flow = this.#flow
    if (flow.cause?.code === 'FST_TASKS_FLOW_INCOMPLETE') return 'refused'
    if (flow.stage !== 'building' && flow.stage !== 'reopening') return 'done before'
    flow.stage = 'running'
    for (const entry of [...flow.todo]) if (entry.startsWith('W')) this.#ready(entry.slice(1))
    return 'done'
  }

  #add ({ node, entry, text, parent, generation, most }: Command<'add'>): StepReply['done'] {
    const flow = this.#flow
    if (flow.nodes.has(node)) return 'done before'
    const before = decodeNode(flow.nodes.get(parent) ?? '0 0 - []')
    const isOpen = flow.open.has(parent) && String(before.generation) === generation
    if (!isOpen || !this.#isLive) return 'refused'
    if (flow.nodes.size - (flow.nodes.has('finally') ? 1 : 0) >= most) return 'too many'
    flow.nodes.set(node, encodeNode({ ...decodeNode(entry), joins: before.joins }))
    flow.texts.set(node, this.#withExpiry(text))
    flow.open.add(node)
    for (const join of before.joins) {
      const { nodes, place } = flow.edges.get(join) ?? { nodes: [parent], place: 0 }
      flow.edges.set(join, { nodes: [...nodes, node], place })
      const added = flow.joins.get(`+${join}`)
      flow.joins.set(`+${join}`, added === undefined ? node : `${added},${node}`)
    }
    this.#do(`N${node}`)
    this.#moved = true
    return 'done'
  }

  /** It expires with the flow, unless it has a time of its own. */
  #withExpiry (text: string): string {
    const { expires } = this.#flow
    return expires === null ? text : text.replace(/^(\[[^,]*,[^,]*),null,null\]/, `$1,null,${expires}]`)
  }

  #reopen (record: string): StepReply['done'] {
    const flow = this.#flow
    if (flow.stage === 'reopening') return 'done'
    if (flow.stage !== 'ended' || flow.cause?.outcome !== 'failed') return 'refused'
    const now = this.#host.now()
    const deadline = now + flow.life
    Object.assign(flow, { stage: 'reopening', cause: null, released: false, expiry: null, expires: null, deadline })
    flow.attempt++
    this.#host.putRecord(this.#id, `${record},"status":"created","progress":null}`)
    this.#moved = true
    return 'done'
  }

  #forget (): void {
    const flow = this.#flow
    if (flow.stage !== 'ended') return
    flow.released = true
    if (flow.ttl <= 0) flow.removed = true
  }

  #remove (): void {
    const { stage, released } = this.#flow
    this.#done = stage !== 'ended' ? 'refused' : released ? 'done' : 'unreleased'
    if (this.#done === 'done') this.#flow.removed = true
  }

  #goOn (): void {
    const flow = this.#flow
    this.#skipAll()
    if (flow.stage === 'cancelling') {
      this.#moved ||= flow.pending.size > 0
      for (const node of flow.pending) flow.ends.set(node, 'cancelled')
      flow.pending.clear()
    }
    const canEnd = ['running', 'cancelling', 'finally'].includes(flow.stage)
    if (canEnd && flow.open.size + flow.pending.size === 0) this.#finish()
    if (this.#moved && !this.#ends) this.#host.publish(this.#id, 'progress')
  }

  #finish (): void {
    const flow = this.#flow
    if (flow.final !== 'waits') return this.#endFlow()
    flow.stage = 'finally'
    flow.final = 'started'
    flow.deadline = this.#host.now() + flow.life // it runs also behind a flow that has lived too long
    flow.open.add('finally')
    this.#do('Nfinally')
  }

  #endFlow (): void {
    const flow = this.#flow
    const { cause, nodes: { size: total }, ttl } = flow
    const outcome = cause?.outcome ?? 'succeeded'
    const now = this.#host.now()
    flow.stage = 'ended'
    flow.todo.clear()
    this.#ends = true
    if (ttl > 0) {
      flow.expiry = now + ttl
      const end = JSON.stringify({
        progress: { done: total, total },
        stage: null,
        attempt: flow.attempt,
        ...errorOf(cause),
        ...flow.startedAt > now ? {} : { startedAt: flow.startedAt }, // cancelled before it was due
        finishedAt: now,
        status: outcome
      })
      this.#host.putRecord(this.#id, `${flow.record},${end.slice(1)}`)
    } else this.#host.deleteRecord(this.#id)
    this.#host.publish(this.#id, outcome)
  }
}

function errorOf (cause: MemoryFlow['cause']): object {
  if (!cause?.code) return {}
  const { code, message } = cause
  return { error: { name: 'FastifyError', code, message } }
}
