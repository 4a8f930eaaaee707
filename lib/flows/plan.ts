/**
 * Everything of a new flow, checked and ready to be written: its graph, its record, and the records of its members.
 */
import { randomUUID } from 'node:crypto'
import { describeValue, tryOr } from '../describe.ts'
import * as errors from '../errors.ts'
import { compile, type GraphNode } from './graph.ts'
import { encodeMember } from './member.ts'
import { encodeNode } from '../store/flow-node.ts'
import { encode, NEW_RECORD_TAIL, type StoredOptions, type StoredTask } from '../records/task-record.ts'
import { keepOf } from './flow-ref.ts'
import type { PlannedFlow, PlannedMember } from './flow-writer.ts'
import { copyOptions, isObject, type CheckedFlow } from '../options.ts'
import type { AppTasks } from '../tasks/app-tasks.ts'
import type { EncodedTemplate } from '../tasks/task-template.ts'
import type { FlowShape, Signature } from '../types.ts'

export interface FlowToPlan {
  id: string
  shape: FlowShape<any, any>
  options: CheckedFlow
  now: number
  /** The time by which members must have started. */
  expires: number | null
  ttl: number
}

/** What makes records of tasks, and checks all that an enqueue checks. */
export type Templates = Pick<AppTasks, 'template' | 'settings'>
export type FlowTemplates = Templates & Pick<AppTasks, 'encodeData'>

/**
 * @throws FST_TASKS_FLOW_INVALID, FST_TASKS_FLOW_TOO_LARGE, FST_TASKS_FLOW_OPTION_INVALID, and as an enqueue of each
 *   member
 */
export function planFlow (
  tasks: FlowTemplates, given: FlowToPlan
): PlannedFlow & { stored: StoredTask, total: number } {
  const { shape, options, now, expires } = given
  const plan = compile(shape)
  const roots = new Set(plan.roots.flatMap(root => plan.joins[Number(root)]!.targets))
  const nonce = options.id === undefined ? undefined : randomUUID()
  const toMember = memberPlanner(tasks, expires, nonce)
  const startsAt = options.delay ? now + options.delay : undefined
  const members = plan.nodes.map(graph => toMember(graph, roots.has(graph.node) ? startsAt : undefined))
  const final = options.finally ? planFinal(tasks, options.finally, nonce) : null
  checkAuthorize(options.authorize, members)
  const home = members.find(({ graph: { node } }) => roots.has(node))!.queue
  const stored = flowRecord(given, members, final, nonce)
  const flow = { ...toNewFlow(given, stored, final), startsAt }
  return { flow, home, plan, members, stored, total: members.length + (final ? 1 : 0) }
}

function toNewFlow (
  { id, options: { lifetime, failFast }, expires, ttl }: FlowToPlan, stored: StoredTask, final: PlannedMember | null
): PlannedFlow['flow'] {
  const record = encode(stored).slice(0, -NEW_RECORD_TAIL.length)
  return { id, record, ttl, life: lifetime, failFast, expires, final: final && toFinal(final) }
}

/** A member, and what it shares with the next of its task that has the same options: all but its data. */
interface Planned { member: PlannedMember, given: Signature['options'], startsAt: number | undefined, text: string[] }

/** Most members are alike. Of one that is like the one before it of its task, only the data is checked and encoded. */
function memberPlanner (
  tasks: FlowTemplates, expires: number | null, nonce: string | undefined
): (graph: GraphNode, startsAt: number | undefined) => PlannedMember {
  const planned = new Map<string, Planned>()
  return (graph, startsAt) => {
    const { kind, task, data, options: given } = graph.signature
    const before = planned.get(task)
    if (before && kind === 'signature' && before.startsAt === startsAt && isSame(before.given, given)) {
      const [times, , options] = before.text
      return { ...before.member, graph, text: `${times}\n${tasks.encodeData(task, data)}\n${options}` }
    }
    const template = templateOf(tasks, graph.signature, nonce)
    const member = planMember(graph, withFlowTimes(template, startsAt, expires))
    // A lane follows from the data.
    const text = member.text.split('\n')
    if (template.options.lane === undefined) planned.set(task, { member, given, startsAt, text })
    return member
  }
}

const isSame = (one: Signature['options'], other: Signature['options']): boolean =>
  one === other || [one, other].every(isEmpty)

/** Without options, which may have been left out. */
const isEmpty = (given: unknown): boolean =>
  given === undefined || (isObject(given) && tryOr(() => Object.keys(given).length === 0, false))

const FINALLY = (signature: Signature): GraphNode => ({ node: 'finally', key: 'finally', signature, joins: [] })

type MemberTemplate = EncodedTemplate & { ttl: number, mayFail: boolean }

/**
 * A task that a flow is to be made of, checked as an enqueue of it.
 * @param nonce tells the members of a flow from those of an earlier one with its id
 */
export function templateOf (tasks: Templates, signature: Signature, nonce?: string): MemberTemplate {
  const { task, data, options = {} } = signature ?? {}
  if (signature?.kind !== 'signature') throw new errors.FlowInvalid('A member of the flow', 'it is no signature')
  const { allowFailure = false, ...own } = copyOptions(task, options, 'options', 'For example { retries: 3 }.')
  if (typeof allowFailure !== 'boolean') {
    const came = describeValue(allowFailure)
    throw new errors.TaskOptionInvalid(task, 'allowFailure', 'true or false', came, 'For example true.')
  }
  if ('id' in own) throw new errors.OptionClash('id', 'signature', 'A flow makes the ids of its members: leave it out')
  const template = tasks.template(task, data, own, true)
  const stored = nonce === undefined ? template.options : { ...template.options, nonce }
  return { ...template, options: stored, ttl: stored.ttl ?? tasks.settings.resultTtl, mayFail: allowFailure }
}

/**
 * A delay of the whole is a point in time: one that it has passed is no delay in a retry. A delay of the member itself
 * begins then.
 */
function withFlowTimes (
  template: MemberTemplate, startsAt: number | undefined, expires: number | null
): MemberTemplate {
  if (startsAt === undefined && expires === null) return template
  const changed = { ...template }
  if (startsAt !== undefined) {
    const due = Math.max(startsAt + (template.delay ?? 0), template.options.delay ?? 0)
    Object.assign(changed, { delay: undefined, options: { ...template.options, delay: due } })
  }
  const hasOwn = template.expires !== undefined || template.expiresAt !== undefined
  if (expires !== null && !hasOwn) changed.expiresAt = expires
  return changed
}

function planMember (graph: GraphNode, template: MemberTemplate): PlannedMember {
  const { queue, name, ttl, mayFail } = template
  return { graph, queue, task: name, text: encodeMember(template), ttl, mayFail }
}

function planFinal (tasks: Templates, signature: Signature, nonce: string | undefined): PlannedMember {
  return planMember(FINALLY(signature), templateOf(tasks, signature, nonce))
}

function toFinal ({ graph: { key }, queue, task, ttl, text }: PlannedMember): { entry: string, text: string } {
  return { entry: encodeNode({ generation: 0, mayFail: true, joins: [], queue, task, key, ttl }), text }
}

const namesOf = (members: PlannedMember[]): string[] => [...new Set(members.map(({ task }) => task))]

function checkAuthorize (authorize: string | undefined, members: PlannedMember[]): void {
  if (authorize === undefined || members.some(({ task }) => task === authorize)) return
  const expected = `one of ${namesOf(members).join(', ')}`
  throw new errors.FlowOptionInvalid('authorize', expected, `"${authorize}"`, 'Name a task of the flow.')
}

/** The record of a flow. It has the origin of its first member: the request that enqueues it. */
function flowRecord (
  { options: { authorize, lifetime, delay }, now, ttl }: FlowToPlan, members: PlannedMember[],
  final: PlannedMember | null, nonce: string | undefined
): StoredTask {
  const { reqId, traceparent, tracestate } = JSON.parse(members[0]!.text.split('\n')[2]!) as StoredOptions
  const all = final ? [...members, final] : members
  const asked = members.find(({ task }) => task === authorize)?.graph.node
  const options: StoredOptions = {
    timestamp: now,
    attempts: 1,
    ttl,
    ...(delay ? { delay: now + delay } : {}),
    ...(nonce === undefined ? {} : { nonce }),
    ...(reqId === undefined ? {} : { reqId }),
    ...(traceparent === undefined ? {} : { traceparent }),
    ...(tracestate === undefined ? {} : { tracestate }),
    graph: {
      tasks: namesOf(all),
      size: all.length,
      life: keepOf(lifetime),
      ...(asked === undefined ? {} : { authorize, asked })
    }
  }
  return { data: { name: 'flow' }, options, status: 'created', progress: null }
}
