/**
 * The flows of one plugin instance, for the decorators, and for whoever reads a record that is a flow's:
 *
 * 1. enqueues: checks everything before anything is written;
 * 2. shows how far a flow is, and its result;
 * 3. cancels, retries and removes flows.
 */
import { randomUUID } from 'node:crypto'
import { readGraph } from './flow-picture.ts'
import type { BriefPage, DrawnMember } from '../boot/app-registry.ts'
import type { FastifyBaseLogger } from 'fastify'
import * as errors from '../errors.ts'
import { FlowEngine } from './engine.ts'
import type { FlowCall, FlowRef } from './flow-ref.ts'
import { FlowSweep } from './flow-sweep.ts'
import { FlowWriter } from './flow-writer.ts'
import { dataOf } from './member.ts'
import { toEnd } from './member-end.ts'
import { ask, flowOf, showFlow, showProgress } from './flow-record.ts'
import { listFlowBriefs, listFlows } from './flow-list.ts'
import { briefMembers, listMembers, wholeMembers } from './member-list.ts'
import { planFlow } from './plan.ts'
import { queueFinder } from './queue-finder.ts'
import { reopen } from './reopen.ts'
import { checkFlow, defaults, timeOf } from '../options.ts'
import { decodeNode } from '../store/flow-node.ts'
import { toLoggable } from '../records/failure.ts'
import { encode, isTerminal, lifeOf, NEW_RECORD_TAIL, toTaskRecord } from '../records/task-record.ts'
import { TRY_AGAIN } from '../tasks/advice.ts'
import { spansOf } from '../tasks/spans.ts'
import { enqueueInSpan, tellMade, type MadeEvent } from '../tasks/traced-enqueue.ts'
import { sleep, uptime } from '../timers.ts'
import type { StoredMembership } from '../records/membership.ts'
import type { MemberOutcome } from '../store/flow-contract.ts'
import type { AppTasks } from '../tasks/app-tasks.ts'
import type { FlowPageOptions, FlowView } from '../tasks/flow-view.ts'
import type { FoundTask } from '../tasks/found-task.ts'
import type { Handle } from '../tasks/handle.ts'
import type {
  AuthorizeRecord, CancelOutcome, FlowOptions, FlowShape, RemoveOutcome, RetryOutcome, TaskPage, TaskRecord
} from '../types.ts'

/** How often a flow is looked at that another call is writing. */
const WRITING_POLL_MS = 20

const ENQUEUE_IN_DOUBT = 'If it is not complete it is removed.'

type FlowAsStored = Parameters<FlowView['showProgress']>[0]

export class AppFlows implements FlowView {
  readonly #tasks: AppTasks
  readonly #log: FastifyBaseLogger
  readonly #engine: FlowEngine

  constructor (tasks: AppTasks, log: FastifyBaseLogger) {
    const { store, queues, calls, clock, settings } = tasks
    this.#tasks = tasks
    this.#log = log
    const call: FlowCall = (what, send) => calls.call(what, ENQUEUE_IN_DOUBT, send)
    const lookAfter = settings.mode === 'memory' ? null : settings.stallInterval
    this.#engine = new FlowEngine({ queueOf: queueFinder(store, queues), call, now: () => clock.now(), lookAfter })
  }

  /** See `FastifyTasks.enqueueFlow`. */
  enqueueWatched (shape: FlowShape<any, any>, options?: FlowOptions): Promise<Handle> {
    const { telemetry } = this.#tasks.settings
    if (!telemetry) return this.enqueue(shape, options)
    const info = { name: 'flow', queue: defaults.queue, count: 1, ids: [] }
    return enqueueInSpan(telemetry, info, () => this.enqueue(shape, options, info))
  }

  /** @param info is told of the flow when it is made */
  async enqueue (shape: FlowShape<any, any>, given: FlowOptions = {}, info?: MadeEvent): Promise<Handle> {
    const { clock } = this.#tasks
    const options = checkFlow(given)
    const id = options.id ?? randomUUID()
    const plan = (): ReturnType<typeof planFlow> => this.#plan(id, shape, options)
    let planned = plan()
    if (spansOf(options) && await clock.refresh()) planned = plan() // the clock was set
    const { stored, home } = planned
    if (info) tellMade(info, [{ id, queue: { name: home } }])
    while (!await new FlowWriter(this.#engine, planned).write()) {
      const existing = await this.#existing(id, home)
      if (existing) return existing
    }
    const snapshot = (): TaskRecord => ({
      ...toTaskRecord(id, home, stored, {}, false),
      state: options.delay ? 'delayed' : 'active',
      progress: { done: 0, total: planned.total },
      flow: { id, key: null, done: 0, total: planned.total }
    })
    const life = lifeOf(stored.options)
    const identity = { id, name: 'flow', queue: home, hasUniqueId: options.id === undefined, life }
    return this.#tasks.makeHandle(identity, snapshot)
  }

  #plan (id: string, shape: FlowShape<any, any>, options: ReturnType<typeof checkFlow>): ReturnType<typeof planFlow> {
    const { clock, settings } = this.#tasks
    const expires = toTime(options.expires, clock)
    const ttl = options.resultTtl ?? settings.resultTtl
    return planFlow(this.#tasks, { id, shape, options, now: clock.now(), expires, ttl })
  }

  /**
   * An id of the caller's own that was used before. Null if there is no such flow any more. One that another call is
   * writing may turn out to be incomplete: then it is removed, and nobody may have been told that it is enqueued.
   * @throws FST_TASKS_ID_TAKEN, FST_TASKS_FLOW_INCOMPLETE
   */
  async #existing (id: string, home: string): Promise<Handle | null> {
    const end = uptime() + this.#tasks.settings.redisTimeout
    for (;; await sleep(WRITING_POLL_MS)) {
      const found = await this.#tasks.find(id, home)
      if (!found && await this.#isCleared({ id, home, life: 0 })) return null
      if (found && !found.stored.options.graph) throw new errors.TaskIdTaken(id, 'flow')
      if (found && await this.#isWhole(flowOf(found))) {
        return this.#tasks.makeHandle({ id, name: 'flow', queue: home, hasUniqueId: false, life: found.life }, null)
      }
      if (uptime() > end) throw new errors.FlowIncomplete()
    }
  }

  async #isWhole (flow: FlowRef): Promise<boolean> {
    const progress = await this.#engine.call('read of a flow', () => this.#engine.flowsOf(flow).read(flow.id))
    return progress?.stage !== 'building' && progress?.code !== new errors.FlowIncomplete().code
  }

  /** Of a flow without a record: whoever was to release its members may be dead. False if it has not ended. */
  async #isCleared (flow: FlowRef): Promise<boolean> {
    const progress = await this.#engine.call('read of a flow', () => this.#engine.flowsOf(flow).read(flow.id))
    if (progress?.stage === 'ended') await this.#engine.release(flow)
    else if (!progress) await this.#engine.step(flow, [])
    return !progress || progress.stage === 'ended'
  }

  show (found: FoundTask): Promise<FoundTask> { return showFlow(this.#engine, found) }

  showProgress ({ id, home, stored }: FlowAsStored, record: TaskRecord): Promise<TaskRecord> {
    return showProgress(this.#engine, { id, home, life: stored.options.graph!.life }, stored, record)
  }

  graph (found: FoundTask, most: number): Promise<DrawnMember[] | null> { return readGraph(this.#engine, found, most) }

  async cancel (found: FoundTask): Promise<CancelOutcome> {
    const flow = flowOf(found)
    if (isTerminal(found.stored.status)) return 'finished'
    const reply = await this.#engine.step(flow, [{ name: 'cancel', cause: 'cancelled', code: '', message: '' }])
    if (!reply?.cancels && reply?.stage !== 'cancelling') return 'finished'
    const after = await this.#tasks.find(flow.id, flow.home)
    return isTerminal(after?.stored.status ?? 'cancelled') ? 'cancelled' : 'requested'
  }

  async retry (found: FoundTask): Promise<RetryOutcome> {
    const { data, options, status } = found.stored
    if (status !== 'failed') return 'refused'
    const flow = flowOf(found)
    const record = encode({ data, options, status: 'created', progress: null }).slice(0, -NEW_RECORD_TAIL.length)
    const reply = await this.#engine.step(flow, [{ name: 'reopen', record }])
    if (reply?.done !== 'done') return 'refused'
    await reopen(this.#engine, flow)
    return 'queued'
  }

  async remove (found: FoundTask): Promise<RemoveOutcome> {
    const flow = flowOf(found)
    let reply = await this.#engine.step(flow, [{ name: 'remove' }])
    if (reply?.done === 'unreleased') { // whoever is about to do it would not know the members any more
      await this.#engine.release(flow)
      reply = await this.#engine.step(flow, [{ name: 'remove' }])
    }
    if (reply?.stage === 'gone') {
      return await this.#tasks.calls.call('a removal of a flow', TRY_AGAIN, () =>
        found.queue.remove(found.record.id)) as RemoveOutcome
    }
    return reply?.done === 'done' ? 'removed' : 'active'
  }

  async ended (members: Array<{ flow: StoredMembership, task: string }>, outcome: MemberOutcome): Promise<void> {
    const byFlow = new Map<string, typeof members>()
    for (const member of members) {
      const name = `${member.flow.home} ${member.flow.id}`
      byFlow.set(name, [...byFlow.get(name) ?? [], member])
    }
    for (const group of byFlow.values()) {
      const { id, home, keep } = group[0]!.flow
      const ends = group.map(({ flow: { node, generation, key }, task }) =>
        toEnd(node, String(generation), outcome, { key, task }))
      await this.#engine.ended({ id, home, life: keep }, ends).catch(error => {
        const fields = { event: 'flow.missed', flowId: id, err: toLoggable(error) }
        this.#log.debug(fields, 'flow did not hear of an end: the next look finds it')
      })
    }
  }

  async list (options: FlowPageOptions): Promise<TaskPage> {
    if (options.flow === undefined) return await listFlows(this.#engine, this.#tasks, options)
    const read = wholeMembers(this.#engine, this.#tasks)
    const { tasks, cursor } = await listMembers(this.#engine, this.#tasks, options, read)
    return { tasks, cursor }
  }

  listBriefs (options: FlowPageOptions): Promise<BriefPage> {
    if (options.flow === undefined) return listFlowBriefs(this.#tasks, options)
    return listMembers(this.#engine, this.#tasks, options, briefMembers(this.#engine, this.#tasks))
  }

  /** One after the other: the first that refuses is enough. */
  async * membersToAsk (found: FoundTask): AsyncGenerator<AuthorizeRecord> {
    const flow = flowOf(found)
    const { authorize, asked } = found.stored.options.graph!
    // Not all of its members are known yet: nobody sees it.
    if (!isTerminal(found.stored.status) && !await this.#isWhole(flow)) return
    const flows = this.#engine.flowsOf(flow)
    if (authorize !== undefined) {
      const [text] = await ask(this.#engine, () => flows.readMany(flow.id, 'texts', [asked ?? '']))
      return yield * this.#membersOf(flow, found, text ? [[asked!, text]] : [])
    }
    let cursor = '0'
    do {
      const page = await ask(this.#engine, () => flows.page(flow.id, 'texts', cursor))
      yield * this.#membersOf(flow, found, page.entries)
      cursor = page.cursor
    } while (cursor !== '0')
  }

  async * #membersOf (
    flow: FlowRef, found: FoundTask, texts: Array<[node: string, text: string]>
  ): AsyncGenerator<AuthorizeRecord> {
    const names = texts.map(([node]) => node)
    const nodes = await ask(this.#engine, () => this.#engine.flowsOf(flow).readMany(flow.id, 'nodes', names))
    for (const [i, node] of nodes.entries()) {
      if (!node) continue
      const { task: name, queue } = decodeNode(node)
      yield { ...found.record, name, queue, data: dataOf(texts[i]![1]) }
    }
  }

  lookAtDue (queue: string): Promise<number> {
    const quiet = this.#tasks.settings.stallInterval
    return new FlowSweep({ engine: this.#engine, home: queue, quiet, log: this.#log }).lookAtDue()
  }
}

/** On the store's clock. */
function toTime (expires: number | Date | undefined, clock: AppTasks['clock']): number | null {
  if (expires === undefined) return null
  return expires instanceof Date ? clock.toStoreTime(timeOf(expires)) : clock.now() + expires
}
