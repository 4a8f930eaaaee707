/**
 * Moves flows on, in whatever process:
 *
 * 1. tells a flow what happened to its members, and carries out what follows: starts members in their queues;
 * 2. cancels what is open, once a flow is being cancelled;
 * 3. releases the records of the members, once a flow has ended.
 *
 * Each step may be repeated, by anybody. Whoever dies between two steps leaves the rest to the sweep: flow-sweep.ts.
 */
import { eachPage } from './flow-pages.ts'
import { keepAll } from './keep-members.ts'
import type { FlowCall, FlowRef } from './flow-ref.ts'
import { isMemberOf, makeMember, readable } from './member.ts'
import { toEnd, toLostEnd, toTakenEnd } from './member-end.ts'
import { whoHasId } from './taken-ids.ts'
import { encode, isTerminal } from '../records/task-record.ts'
import { decodeJoin, decodeNode, memberId } from '../store/flow-node.ts'
import { endOfBatch } from '../store/batches.ts'
import { MOST_TODO } from '../store/flow-contract.ts'
import type { NewJob, Queue } from '../store/contract.ts'
import type {
  FlowCommand, FlowStage, MemberOutcome, QueueFlows, ReadablePart, StepReply
} from '../store/flow-contract.ts'
import type { StoredMembership } from '../records/membership.ts'

export interface FlowEngineOptions {
  /** Any queue, also one that the app does not know. */
  queueOf: (name: string) => Queue
  call: FlowCall
  now: () => number
  /** How long a flow may be without a change until somebody looks at it, in ms. Null: nobody has to. */
  lookAfter: number | null
}

/** A member that is about to start. */
interface MemberJob { queue: string, task: string, flow: StoredMembership, job: NewJob }

/** Null if there is no entry. */
type NodeEntry = [node: string, entry: string | null]

/** Bounds one Lua call. */
const BATCH = 500
const STEP = 200
/** Members that are looked at one by one. */
const SINGLY = 50

const isOver = (stage: FlowStage): boolean => stage === 'cancelling' || stage === 'ended' || stage === 'gone'

export class FlowEngine {
  readonly #options: FlowEngineOptions

  constructor (options: FlowEngineOptions) {
    this.#options = options
  }

  get lookAfter (): number | null { return this.#options.lookAfter }

  flowsOf ({ home }: { home: string }): QueueFlows { return this.#options.queueOf(home).flows }

  queueOf (name: string): Queue { return this.#options.queueOf(name) }

  get call (): FlowCall { return this.#options.call }

  /** Tells a flow what happened, and carries out what follows. Undefined if the process closes. */
  async step (flow: FlowRef, commands: FlowCommand[]): Promise<StepReply | undefined> {
    const { lookAfter } = this.#options
    const reply = await this.call('step of a flow', () => this.flowsOf(flow).step(flow.id, commands, lookAfter))
    if (reply) await this.goOn(flow, reply)
    return reply
  }

  /** The ends of members of one flow. */
  async ended (flow: FlowRef, ends: Array<FlowCommand & { name: 'end' }>): Promise<void> {
    for (let i = 0; i < ends.length; i += STEP) await this.step(flow, ends.slice(i, i + STEP))
  }

  /** Carries out what follows from a step. */
  async goOn (flow: FlowRef, { starts, cancels, more, ends }: StepReply): Promise<void> {
    if (starts.length > 0) await this.start(flow, starts)
    if (cancels) await this.cancelOpen(flow)
    if (more) await this.step(flow, [])
    if (ends) await this.release(flow)
  }

  // Start

  /** Adds the members of joins, or single ones, to their queues. */
  async start (flow: FlowRef, entries: string[]): Promise<void> {
    for (const entry of entries) {
      const started = await this.#startEntry(flow, entry)
      if (!started) return
      const { lookAfter } = this.#options
      const reply = await this.call('step of a flow', () =>
        this.flowsOf(flow).step(flow.id, [{ name: 'done', entry }], lookAfter))
      if (!reply) return
      await this.goOn(flow, reply)
      // Of a flow that is gone the entries are gone too.
      if (isOver(reply.stage)) await this.#cancelNodes(flow, started, reply.stage)
    }
  }

  async #startEntry (flow: FlowRef, entry: string): Promise<NodeEntry[] | undefined> {
    const [kind, name] = [entry[0], entry.slice(1)]
    if (kind !== 'J') return this.#startNodes(flow, [name])
    const join = flow.known?.joins.get(name) ?? (await this.#read(flow, 'joins', [name]))?.[0]
    return join ? this.#startNodes(flow, decodeJoin(join).targets, name) : []
  }

  #read (flow: FlowRef, part: ReadablePart, names: string[]): Promise<Array<string | null> | undefined> {
    const known = part === 'ends' ? undefined : flow.known?.[part]
    if (known && names.every(name => known.has(name))) return Promise.resolve(names.map(name => known.get(name)!))
    return this.call('read of a flow', () => this.flowsOf(flow).readMany(flow.id, part, names))
  }

  /** One batch is on its way while the next is made. Undefined if the process closes. */
  async #startNodes (flow: FlowRef, nodes: string[], join?: string): Promise<NodeEntry[] | undefined> {
    const started: NodeEntry[] = []
    let before: Promise<NodeEntry[] | undefined> = Promise.resolve([])
    for (let i = 0; i < nodes.length; i += BATCH) {
      const next = this.#startBatch(flow, nodes.slice(i, i + BATCH), join)
      next.catch(() => {}) // the one before it may fail first
      const batch = await before
      if (!batch) return undefined
      started.push(...batch)
      before = next
    }
    const last = await before
    return last && [...started, ...last]
  }

  /** Undefined if the process closes. */
  async #startBatch (flow: FlowRef, batch: string[], join?: string): Promise<NodeEntry[] | undefined> {
    const [entries, texts, open] = await Promise.all([
      this.#read(flow, 'nodes', batch), this.#read(flow, 'texts', batch), this.#areOpen(flow, batch)
    ])
    if (!entries || !texts || !open) return undefined
    const there = batch.flatMap((node, k) =>
      open[k] && entries[k] && texts[k] ? [{ node, entry: entries[k], text: texts[k] }] : [])
    const lost = batch.filter((_node, k) => open[k] && !(entries[k] && texts[k]))
    const taken = await this.#addAll(there.map(member => this.#toJob(flow, member, join)))
    if (!taken) return undefined
    const removed = lost.map(node => toLostEnd(node, entries[batch.indexOf(node)]))
    await this.ended(flow, [...removed, ...taken.map(({ flow, task }) => toTakenEnd(flow, task))])
    return batch.map((node, k) => [node, entries[k]!])
  }

  /**
   * Whether nodes have started and not ended. One that has ended may have no record any more: its id is free, and it
   * would run again. Of a flow that is being cancelled none starts. While a flow is being written all of them are open.
   */
  #areOpen (flow: FlowRef, nodes: string[]): Promise<boolean[] | undefined> {
    if (flow.known) return Promise.resolve(nodes.map(() => true))
    return this.call('read of a flow', () => this.flowsOf(flow).areOpen(flow.id, nodes))
  }

  #toJob (
    { id, home, life, known }: FlowRef, { node, entry, text }: Record<'node' | 'entry' | 'text', string>, join?: string
  ): MemberJob {
    const { generation, key, queue, task } = known?.decoded.get(node) ?? decodeNode(entry)
    const flow: StoredMembership = join === undefined
      ? { id, home, node, generation, key, keep: life }
      : { id, home, node, generation, join, key, keep: life }
    return { queue, flow, task, job: makeMember(text, memberId(id, node, generation), flow, this.#options.now()) }
  }

  /** Returns those that cannot be started: a task of somebody else has their id. Undefined if the process closes. */
  async #addAll (jobs: MemberJob[]): Promise<MemberJob[] | undefined> {
    const taken: MemberJob[] = []
    for (const name of new Set(jobs.map(({ queue }) => queue))) {
      const own = jobs.filter(({ queue }) => queue === name)
      for (let start = 0, end = 0; start < own.length; start = end) {
        end = endOfBatch(own, start, BATCH, ({ job }) => job.text.length)
        const batch = own.slice(start, end)
        const added = await this.call('start of members', () => this.queueOf(name).addMany(batch.map(({ job }) => job)))
        if (!added) return undefined
        const others = await this.#addAgain(batch.filter((_member, i) => !added[i]))
        if (!others) return undefined
        taken.push(...others)
      }
    }
    return taken
  }

  /** Of members whose ids are taken. Returns as `addAll`. */
  async #addAgain (jobs: MemberJob[]): Promise<MemberJob[] | undefined> {
    const taken: MemberJob[] = []
    for (let i = 0; i < jobs.length; i += SINGLY) {
      const batch = jobs.slice(i, i + SINGLY)
      const owners = await Promise.all(batch.map(({ queue, flow, job }) =>
        whoHasId(this.queueOf(queue), flow.id, job, this.call)))
      const again = await this.#addAll(batch.filter((_member, k) => owners[k] === 'nobody'))
      if (!again || owners.includes(undefined)) return undefined
      taken.push(...batch.filter((_member, k) => owners[k] === 'another'), ...again)
    }
    return taken
  }

  // Cancel

  /**
   * Cancels all members that have started and not ended. While members are being started, one without a record may get
   * it any moment: it stays open. Who starts it cancels it, and if that process dies, the next look does.
   * @param isLook nobody has started members for so long that who was to do it is dead
   */
  async cancelOpen (flow: FlowRef, isLook = false): Promise<void> {
    await this.eachPageOfNodes(flow, 'open', async nodes => {
      // After the nodes, and before their records: one that was open and is in no list of starts by now had a record.
      const mayStart = !isLook && await this.#areStarting(flow)
      const entries = await this.#read(flow, 'nodes', nodes)
      const all = nodes.map((node, i): NodeEntry => [node, entries?.[i] ?? null])
      if (entries) await this.#cancelNodes(flow, all, 'cancelling', mayStart)
    })
  }

  /** Whether somebody is starting members of the flow. Records of joins that wait for theirs are never written. */
  async #areStarting (flow: FlowRef): Promise<boolean> {
    const progress = await this.call('read of a flow', () => this.flowsOf(flow).read(flow.id))
    const todo = progress?.todo ?? []
    return todo.length >= MOST_TODO || todo.some(entry => !entry.startsWith('W'))
  }

  async #cancelNodes (flow: FlowRef, nodes: NodeEntry[], stage: FlowStage, mayStart = false): Promise<void> {
    for (let i = 0; i < nodes.length; i += SINGLY) {
      const batch = nodes.slice(i, i + SINGLY)
      const ends = await Promise.all(batch.map(node => this.#cancelNode(flow, node, stage, mayStart)))
      const known = ends.filter(end => end !== null)
      if (known.length > 0) await this.ended(flow, known)
    }
  }

  /** Null if it is running: its worker tells how it ended. Null too if it may be about to start. */
  async #cancelNode (
    flow: FlowRef, [node, entry]: NodeEntry, stage: FlowStage, mayStart: boolean
  ): Promise<(FlowCommand & { name: 'end' }) | null> {
    if (!entry) return toEnd(node, '0', 'removed')
    const { queue, generation, ttl, key, task } = decodeNode(entry)
    const id = memberId(flow.id, node, generation)
    const keep = stage === 'cancelling' ? flow.life : ttl
    const outcome = await this.call('cancel of a member', () => this.#cancelTask(flow, this.queueOf(queue), id, keep))
    if (outcome === 'removed') return mayStart ? null : toEnd(node, String(generation), 'cancelled', { key, task })
    return outcome ? toEnd(node, String(generation), outcome, { key, task }) : null
  }

  /** `removed`: it has no record, or none yet. */
  async #cancelTask (flow: FlowRef, queue: Queue, id: string, keep: number): Promise<MemberOutcome | null> {
    for (;;) {
      const found = await queue.readTask(id)
      const stored = found && readable(found)
      if (!found || !stored || !isMemberOf(stored, flow.id)) return 'removed'
      if (isTerminal(stored.status)) return stored.status
      const after = encode({ ...stored, status: 'cancelled', finishedAt: this.#options.now() })
      const reply = await queue.cancel(id, found.raw, after, keep, stored.options.lane, true)
      if (reply === 'requested') return null
      if (reply !== 'changed') return 'cancelled'
    }
  }

  // Release

  /** The records of the members stay for their own resultTtl from now on. Then the flow needs nobody any more. */
  async release (flow: FlowRef): Promise<void> {
    if (!await this.keepAll(flow)) return
    await this.call('step of a flow', () => this.flowsOf(flow).step(flow.id, [{ name: 'forget' }], null))
  }

  /** See `keepAll`. */
  keepAll (flow: FlowRef, ms?: number): Promise<boolean> { return keepAll(this, flow, ms) }

  // Read page by page

  /** Calls `use` with the entries of a part. False if the process closes before it has read all. */
  eachPage (
    flow: FlowRef, part: ReadablePart, use: (entries: Array<[name: string, entry: string]>) => Promise<unknown> | void
  ): Promise<boolean> {
    const read = (cursor: string): ReturnType<QueueFlows['page']> => this.flowsOf(flow).page(flow.id, part, cursor)
    return eachPage(cursor => this.call('read of a flow', () => read(cursor)), ({ entries }) => use(entries))
  }

  /** The same for the nodes that have started and not ended, or that have not started. */
  eachPageOfNodes (
    flow: FlowRef, which: 'open' | 'pending', use: (nodes: string[]) => Promise<unknown> | void
  ): Promise<boolean> {
    const read = (cursor: string): ReturnType<QueueFlows['pageOfNodes']> =>
      this.flowsOf(flow).pageOfNodes(flow.id, which, cursor)
    return eachPage(cursor => this.call('read of a flow', () => read(cursor)), ({ nodes }) => use(nodes))
  }
}
