/**
 * Looks at the flows of a queue that had no change for a while, and goes on with what somebody left undone:
 *
 * 1. members that were to be started;
 * 2. ends that nobody told: the queues of open members say how these ended, whoever ended them. A member without a
 *    record was removed, unless somebody is starting members of the flow just then: the next look says;
 * 3. a cancel, a release, a retry that broke off midway;
 * 4. flows that were never written to their end, and those that have lived too long.
 */
import type { FastifyBaseLogger } from 'fastify'
import * as errors from '../errors.ts'
import type { FlowEngine } from './engine.ts'
import { keepOf, type FlowRef } from './flow-ref.ts'
import { toEnd } from './member-end.ts'
import { areOwn } from './own-members.ts'
import { reopen } from './reopen.ts'
import { decodeNode, memberId } from '../store/flow-node.ts'
import type { FlowCommand, FlowProgress, MemberOutcome } from '../store/flow-contract.ts'

/** Flows of one look. */
const FLOWS = 10

export interface FlowSweepOptions {
  engine: FlowEngine
  home: string
  /** How long a flow may be without a change, in ms. */
  quiet: number
  log: FastifyBaseLogger
}

export class FlowSweep {
  readonly #options: FlowSweepOptions

  constructor (options: FlowSweepOptions) {
    this.#options = options
  }

  /** No look is planned for later than that, in ms from now: not by a process with a longer `stallInterval` either. */
  get #latest (): number { return 10 * this.#options.quiet + 60_000 }

  /** @param flow when a flow has to be looked at, by the clock of Redis, which may have been set back since */
  isDue (flow: number, now: number): boolean { return flow <= now || flow > now + this.#latest }

  /** Returns how many flows it looked at. */
  async lookAtDue (): Promise<number> {
    const { engine, home, quiet } = this.#options
    const flows = engine.flowsOf({ home })
    const ids = await engine.call('look for flows', () => flows.takeDue(FLOWS, quiet, this.#latest)) ?? []
    await Promise.all(ids.map(id => this.#look(id)))
    return ids.length
  }

  async #look (id: string): Promise<void> {
    const { engine, home } = this.#options
    const progress = await engine.call('read of a flow', () => engine.flowsOf({ home }).read(id))
    if (progress === undefined) return
    // Members stay until the flow is released, also if it has lived too long.
    const life = keepOf(progress ? progress.deadline - progress.startedAt : 0)
    const flow: FlowRef = { id, home, life }
    if (!progress) await engine.step(flow, [])
    else await this.#mend(flow, progress)
  }

  async #mend (flow: FlowRef, progress: FlowProgress): Promise<void> {
    const { engine, quiet, log } = this.#options
    const { stage, now, changedAt, deadline } = progress
    log.debug({ event: 'flow.checked', flowId: flow.id, stage }, 'flow checked: it had no change')
    switch (stage) {
      case 'ended': return engine.release(flow)
      case 'cancelling':
        await engine.step(flow, [])
        return engine.cancelOpen(flow, true)
      case 'building':
        if (now - changedAt > 2 * quiet) await this.#giveUp(flow, new errors.FlowIncomplete())
        return
      case 'reopening': return reopen(engine, flow)
      case 'running':
      case 'finally':
        if (deadline <= now) return this.#giveUp(flow, new errors.FlowTimeout(Math.round(now - progress.startedAt)))
        return this.#goOn(flow, progress)
      default: stage satisfies never
    }
  }

  async #giveUp (flow: FlowRef, { code, message }: Error & { code: string }): Promise<void> {
    const { engine, log } = this.#options
    log.warn({ event: 'flow.abandoned', flowId: flow.id, code }, 'flow abandoned: what has not ended is cancelled')
    await engine.step(flow, [{ name: 'cancel', cause: 'failed', code, message }])
  }

  async #goOn (flow: FlowRef, { todo, open, pending }: FlowProgress): Promise<void> {
    const { engine } = this.#options
    const starts = todo.filter(entry => !entry.startsWith('W'))
    if (starts.length > 0) return engine.start(flow, starts)
    if (open === 0 || todo.length > 0) await engine.step(flow, [])
    if (open > 0 || pending > 0) await this.#findEnds(flow)
  }

  async #findEnds (flow: FlowRef): Promise<void> {
    const { engine } = this.#options
    await engine.eachPageOfNodes(flow, 'open', async nodes => {
      // After the nodes, and before their records: one that was open and is in no list of starts by now had a record.
      const progress = await engine.call('read of a flow', () => engine.flowsOf(flow).read(flow.id))
      if (!progress) return
      const isStarting = progress.todo.length > 0
      const ends = await this.#endsOf(flow, nodes)
      await engine.ended(flow, isStarting ? ends.filter(({ outcome }) => outcome !== 'removed') : ends)
    })
  }

  async #endsOf (flow: FlowRef, nodes: string[]): Promise<Array<FlowCommand & { name: 'end' }>> {
    const { engine } = this.#options
    const entries = await engine.call('read of a flow', () => engine.flowsOf(flow).readMany(flow.id, 'nodes', nodes))
    if (!entries) return []
    const members = nodes.flatMap((node, i) => entries[i] ? [{ node, ...decodeNode(entries[i]) }] : [])
    const ends = nodes.filter((_node, i) => !entries[i]).map(node => toEnd(node, '0', 'removed'))
    for (const queue of new Set(members.map(member => member.queue))) {
      const own = members.filter(member => member.queue === queue)
      const ids = own.map(({ node, generation }) => memberId(flow.id, node, generation))
      const states = await this.#statesOf(flow, queue, ids, nodes[0]!) ?? []
      for (const [i, { node, generation, key, task }] of own.entries()) {
        if (states[i]) ends.push(toEnd(node, String(generation), states[i], { key, task }))
      }
    }
    return ends
  }

  /** The end of a task of somebody else is not that of a member: the member has no record. */
  async #statesOf (
    flow: FlowRef, queue: string, ids: string[], node: string
  ): Promise<Array<MemberOutcome | null> | undefined> {
    const { engine } = this.#options
    const states = await engine.call('look at members', () => engine.queueOf(queue).flows.memberStates(ids))
    if (!states) return undefined
    const ended = ids.filter((_id, i) => states[i] && states[i] !== 'removed')
    const own = await areOwn(engine, flow, queue, ended, node)
    if (!own) return undefined
    const others = new Set(ended.filter((_id, i) => !own[i]))
    return states.map((state, i) => others.has(ids[i]!) ? 'removed' : state)
  }
}
