/**
 * Writes a new flow: its record, then nodes, joins and edges, then the records of its members, each in chunks. Members
 * that wait for nothing start as soon as their chunk is written. Until it is sealed the flow cannot end.
 */
import * as errors from '../errors.ts'
import { endOfBatch } from '../store/batches.ts'
import { encodeJoin, encodeNode, type FlowNode } from '../store/flow-node.ts'
import type { FlowPlan, GraphNode } from './graph.ts'
import type { FlowEngine } from './engine.ts'
import { keepOf, type FlowRef } from './flow-ref.ts'
import type { FlowChunk, FlowCommand, NewFlow } from '../store/flow-contract.ts'

/** Bound one Lua call. */
const NODES = 500
/** A last batch that is smaller than this goes with the one before it: it would be a round trip of its own. */
const REST = 100
const JOINS = 400

/** A batch on its way: whether the flow is being built still, and the texts in it. */
interface Sent { isBuilding: Promise<boolean>, texts: Array<[string, string]> }

/** A member that is checked, as it will be stored. */
export interface PlannedMember {
  graph: GraphNode
  queue: string
  task: string
  text: string
  ttl: number
  mayFail: boolean
}

export interface PlannedFlow {
  flow: NewFlow
  home: string
  plan: FlowPlan
  members: PlannedMember[]
}

export class FlowWriter {
  readonly #engine: FlowEngine
  readonly #planned: PlannedFlow
  readonly #ref: FlowRef
  readonly #entries: Map<string, string>
  readonly #joins: Map<string, string>
  readonly #written = new Set<string>()
  #rootsLeft: string[]
  /** A member has failed, or the flow was cancelled, before all was written. */
  #isOver = false

  constructor (engine: FlowEngine, planned: PlannedFlow) {
    const { flow: { id, life, final }, home, plan, members } = planned
    this.#engine = engine
    this.#planned = planned
    const decoded = new Map<string, FlowNode>()
    for (const { graph: { node, key, joins }, mayFail, queue, task, ttl } of members) {
      decoded.set(node, { generation: 0, mayFail, joins, queue, task, key, ttl })
    }
    this.#entries = new Map([...decoded].map(([node, entry]) => [node, encodeNode(entry)]))
    this.#joins = new Map(plan.joins.map(join => [join.join, encodeJoin(join)]))
    this.#rootsLeft = [...plan.roots]
    const texts = new Map(members.map(({ graph: { node }, text }) => [node, text]))
    if (final) texts.set('finally', final.text)
    const nodes = new Map(final ? [...this.#entries, ['finally', final.entry] as const] : this.#entries)
    this.#ref = { id, home, life: keepOf(life), known: { nodes, decoded, texts, joins: this.#joins } }
  }

  /** False if the id is taken. */
  async write (): Promise<boolean> {
    const isNew = await this.#call(flows => flows.begin(this.#planned.flow, this.#engine.lookAfter))
    if (!isNew) return false
    try {
      await this.#writeAll()
    } catch (error) {
      void this.#giveUp().catch(() => {}) // then the sweep does it
      throw error
    }
    return true
  }

  async #call<T> (send: (flows: ReturnType<FlowEngine['flowsOf']>) => Promise<T>): Promise<T> {
    const reply = await this.#engine.call('an enqueue of a flow', () => send(this.#engine.flowsOf(this.#planned)))
    return reply as T
  }

  async #giveUp (): Promise<void> {
    const { code, message } = new errors.FlowIncomplete()
    await this.#engine.step(this.#ref, [{ name: 'cancel', cause: 'failed', code, message }])
  }

  /**
   * One batch of texts is on its way while the one before it is waited for. Members start while the texts of the next
   * ones are written, and those of the next batch start. Nothing is on its way any more when it returns, or throws.
   */
  async #writeAll (): Promise<void> {
    const chunks = this.#structure()
    const texts = [...this.#texts()]
    const isSmall = chunks.length === 1 && texts.length === 1
    if (isSmall) chunks[0]!.texts = texts[0]!
    const later = isSmall ? [] : texts
    const sending = [this.#sendAll(chunks, isSmall ? texts[0]! : [])]
    const starting: Array<Promise<void>> = []
    try {
      for (const [i, { isBuilding, texts }] of sending.entries()) {
        if (later[i]) sending.push(this.#sendAll([{ ...EMPTY, texts: later[i] }], later[i]))
        const [isGoingOn] = await Promise.all([isBuilding, starting.at(-2)])
        if (!isGoingOn) continue // a retry needs the other records, and so does who asks whether it may see the flow
        starting.push(watched(this.#startWritten(texts)))
      }
      await starting.at(-1) // it is sealed now, and goes on without us
    } finally {
      await Promise.allSettled([...sending.map(({ isBuilding }) => isBuilding), ...starting])
    }
  }

  #sendAll (chunks: FlowChunk[], texts: Array<[string, string]>): Sent {
    const sent = Promise.all(chunks.map(chunk => this.#send(chunk)))
    return { isBuilding: watched(sent.then(all => !all.includes(false))), texts }
  }

  /** Starts the joins whose members are all written, and seals the flow with the last. */
  async #startWritten (texts: Array<[string, string]>): Promise<void> {
    for (const [node] of texts) this.#written.add(node)
    const ready = this.#ready()
    const isLast = texts.length > 0 && this.#written.size === this.#planned.members.length
    if (ready.length > 0 || isLast) await this.#step(isLast ? [...ready, { name: 'seal' }] : ready, isLast)
  }

  /**
   * False if the flow is being cancelled already: a member has failed.
   * @throws FST_TASKS_FLOW_INCOMPLETE
   */
  async #send (chunk: FlowChunk): Promise<boolean> {
    const stage = await this.#call(flows => flows.write(this.#planned.flow.id, chunk))
    if (stage === 'gone' && !this.#isOver) throw new errors.FlowIncomplete()
    this.#isOver = stage !== 'building'
    return !this.#isOver
  }

  /** Once the flow is sealed it goes on without us: the sweep starts what could not be started here. */
  async #step (commands: FlowCommand[], isLast: boolean): Promise<void> {
    const { flow: { id } } = this.#planned
    const reply = await this.#call(flows => flows.step(id, commands, this.#engine.lookAfter))
    if (reply.stage === 'gone' || reply.done === 'refused') throw new errors.FlowIncomplete()
    const goingOn = this.#engine.goOn(this.#ref, reply)
    if (isLast) await goingOn.catch(() => {})
    else await goingOn
  }

  /** Nodes, joins and edges in chunks. */
  #structure (): FlowChunk[] {
    const { plan: { edges, output } } = this.#planned
    const nodes = [...this.#entries]
    const joins = [...this.#joins, ['output', encodeJoin({ targets: [], input: output })] as [string, string]]
    const count = Math.max(nodes.length / NODES, joins.length / JOINS)
    const slice = <T>(all: T[], i: number, size: number): T[] => all.slice(i * size, (i + 1) * size)
    return Array.from({ length: Math.ceil(count) }, (_, i) => ({
      nodes: slice(nodes, i, NODES), joins: slice(joins, i, JOINS), edges: slice(edges, i, JOINS), texts: []
    }))
  }

  /** The records of members in batches: first those that wait for nothing. */
  * #texts (): Generator<Array<[string, string]>> {
    const roots = new Set(this.#planned.plan.roots.flatMap(root => this.#targetsOf(root)))
    const isRoot = ({ graph: { node } }: PlannedMember): boolean => roots.has(node)
    const { members } = this.#planned
    const all = [...members.filter(isRoot), ...members.filter(member => !isRoot(member))]
    for (let start = 0, end = 0; start < all.length; start = end) {
      const left = all.length - start
      end = endOfBatch(all, start, left < NODES + REST ? left : NODES, ({ text }) => text.length)
      yield all.slice(start, end).map(({ graph: { node }, text }) => [node, text])
    }
  }

  #targetsOf (join: string): string[] { return this.#planned.plan.joins[Number(join)]!.targets }

  /** The joins that wait for nothing, and whose members are written. */
  #ready (): FlowCommand[] {
    const isWritten = (join: string): boolean => this.#targetsOf(join).every(node => this.#written.has(node))
    const ready = this.#rootsLeft.filter(isWritten)
    this.#rootsLeft = this.#rootsLeft.filter(join => !isWritten(join))
    return ready.map(join => ({ name: 'ready', join }))
  }
}

/** A promise that may reject before anybody waits for it. */
function watched<T> (promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}

const EMPTY: FlowChunk = { nodes: [], texts: [], joins: [], edges: [] }
