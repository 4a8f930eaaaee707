/**
 * What a handler can ask of its flow: the results of what came before it, and to add members.
 */
import { describeValue } from '../describe.ts'
import * as errors from '../errors.ts'
import { MAX_MEMBERS } from './graph.ts'
import { encodeMember, isMemberOf } from './member.ts'
import { decode, type StoredTask } from '../records/task-record.ts'
import { decodeJoin, decodeNode, encodeNode, memberId, type FlowInput, type FlowNode } from '../store/flow-node.ts'
import type { FlowEngine } from './engine.ts'
import type { FlowRef } from './flow-ref.ts'
import type { StoredMembership } from '../records/membership.ts'
import type { EncodedTemplate } from '../tasks/task-template.ts'
import type { SettledResult, Signature, TaskErrorRecord, TaskFlow } from '../types.ts'

/** How many records are read at a time. */
const READS = 200

/** A member. Its record is null if there is none any more: then only how it ended is known, if it did not succeed. */
interface MemberRecord { node: FlowNode, stored: StoredTask | null, end?: string | null }

/** By node. */
type Records = Map<string, MemberRecord>

type ReadMany = (part: 'nodes' | 'joins' | 'ends', names: string[]) => Promise<Array<string | null>>

export class MemberContext {
  readonly #engine: FlowEngine
  readonly #member: StoredMembership
  readonly #flow: FlowRef
  readonly #template: (signature: Signature) => EncodedTemplate & { ttl: number }
  #input: Promise<{ input: FlowInput | null, added: string[] }> | null = null

  /** @param template checks a member that is added */
  constructor (
    engine: FlowEngine, member: StoredMembership, template: (signature: Signature) => EncodedTemplate & { ttl: number }
  ) {
    this.#engine = engine
    this.#member = member
    this.#flow = { id: member.id, home: member.home, life: member.keep }
    this.#template = template
  }

  /** `task.flow`: what a handler may have of this object. */
  get flow (): TaskFlow {
    const { id, key } = this.#member
    return { id, key, add: (key, signature) => this.add(key, signature) }
  }

  /** What came before: one result, a list or an object of them. */
  async previous (): Promise<unknown> {
    const { input } = await this.#read()
    if (input === null) return undefined
    const names = typeof input === 'object' && !Array.isArray(input) ? Object.keys(input) : []
    return this.#resolve(names.length === 1 ? (input as Record<string, FlowInput>)[names[0]!]! : input)
  }

  /** A list of results, or an object of them if names were given. Members that were added come behind the others. */
  async results (): Promise<unknown> {
    const { input, added } = await this.#read()
    if (input !== null && typeof input === 'object' && !Array.isArray(input)) {
      const names = await this.#namesOf(Object.keys(input), added)
      return this.#resolve({ ...input, ...Object.fromEntries(added.map((node, i) => [names[i]!, node])) })
    }
    return this.#resolve([...input === null ? [] : [input].flat(), ...added])
  }

  /** Two members may have added one of the same key: such a one is read by its whole name, `a:part`. */
  async #namesOf (others: string[], added: string[]): Promise<string[]> {
    const keys = added.map(keyOfAdded)
    const count = new Map<string, number>()
    for (const key of [...others, ...keys]) count.set(key, (count.get(key) ?? 0) + 1)
    const isTaken = (key: string): boolean => count.get(key)! > 1
    if (!keys.some(isTaken)) return keys
    const entries = await this.#readMany('nodes', added)
    return keys.map((key, i) => isTaken(key) && entries[i] ? decodeNode(entries[i]).key : key)
  }

  #read (): Promise<{ input: FlowInput | null, added: string[] }> {
    return (this.#input ??= this.#readInput())
  }

  async #readInput (): Promise<{ input: FlowInput | null, added: string[] }> {
    const { join } = this.#member
    if (join === undefined) return { input: null, added: [] }
    const [entry, added] = await this.#readMany('joins', [join, `+${join}`])
    if (!entry) throw new errors.FlowResultGone(this.#member.key)
    return { input: decodeJoin(entry).input, added: added ? added.split(',') : [] }
  }

  readonly #readMany: ReadMany = async (part, names) => {
    const read = await this.#engine.call('read of a flow', () =>
      this.#engine.flowsOf(this.#flow).readMany(this.#flow.id, part, names))
    if (!read) throw new errors.Shutdown()
    return read
  }

  async #resolve (input: FlowInput): Promise<unknown> {
    const nodes = [...new Set(nodesIn(input))]
    const records = await readRecords(this.#engine, this.#flow, nodes, this.#readMany)
    return valueOf(input, records)
  }

  /** See `TaskFlow.add`. */
  async add (key: string, signature: Signature): Promise<boolean> {
    if (typeof key !== 'string' || !/^[A-Za-z0-9_-]{1,40}$/.test(key)) throw new errors.FlowKeyInvalid(describeValue(key))
    const { node: parent, generation, key: parentKey } = this.#member
    const template = this.#template(signature)
    const { mayFail, ttl } = { mayFail: signature.options?.allowFailure === true, ttl: template.ttl }
    const node = `${parent}:${key}`
    const entry = encodeNode({
      generation: 0, mayFail, joins: [], queue: template.queue, task: template.name, key: `${parentKey}:${key}`, ttl
    })
    const reply = await this.#engine.step(this.#flow, [{
      name: 'add',
      node,
      entry,
      text: encodeMember(template),
      parent,
      generation: String(generation),
      most: MAX_MEMBERS
    }])
    if (!reply) throw new errors.Shutdown()
    if (reply.done === 'too many') throw new errors.FlowTooLarge('has', MAX_MEMBERS, 'members')
    if (reply.done === 'refused' || reply.stage === 'gone') throw new errors.FlowClosed(this.#flow.id)
    return reply.done === 'done'
  }
}

const keyOfAdded = (node: string): string => node.slice(node.indexOf(':') + 1)

export function nodesIn (input: FlowInput): string[] {
  if (typeof input === 'string') return [input]
  return (Array.isArray(input) ? input : Object.values(input)).flatMap(nodesIn)
}

/** Reads the records of members, wherever they are. */
export async function readRecords (
  engine: FlowEngine, flow: FlowRef, nodes: string[], readMany: ReadMany
): Promise<Records> {
  const records: Records = new Map()
  for (let i = 0; i < nodes.length; i += READS) {
    const batch = nodes.slice(i, i + READS)
    const entries = await readMany('nodes', batch)
    await Promise.all(batch.map(async (name, k) => {
      if (!entries[k]) return
      const node = decodeNode(entries[k])
      const id = memberId(flow.id, name, node.generation)
      const found = await engine.call('read of a member', () => engine.queueOf(node.queue).readTask(id))
      if (found === undefined) throw new errors.Shutdown()
      const stored = found ? decode(found.text) : null
      records.set(name, { node, stored: isMemberOf(stored, flow.id) ? stored : null })
    }))
  }
  const gone = [...records].filter(([, { node, stored }]) => node.mayFail && !stored).map(([name]) => name)
  const ends = gone.length > 0 ? await readMany('ends', gone) : []
  for (const [i, name] of gone.entries()) records.get(name)!.end = ends[i]!
  return records
}

export function valueOf (input: FlowInput, records: Records): unknown {
  if (Array.isArray(input)) return input.map(part => valueOf(part, records))
  if (typeof input === 'object') {
    return Object.fromEntries(Object.entries(input).map(([name, part]) => [name, valueOf(part, records)]))
  }
  const found = records.get(input)
  const { stored = null, node, end } = found ?? {}
  if (node?.mayFail && (stored ?? end)) return settled(stored, end!)
  if (stored?.status !== 'succeeded') throw new errors.FlowResultGone(node?.key ?? input)
  return stored.result ?? null
}

function settled (stored: StoredTask | null, end: string): SettledResult {
  if (stored?.status === 'succeeded') return { status: 'fulfilled', value: stored.result ?? null }
  const outcome = stored?.status ?? end
  const message = outcome === 'failed' || outcome === 'expired' ? `The task ${outcome}` : `The task was ${outcome}`
  const reason: TaskErrorRecord = stored?.error ?? { name: 'Error', message, code: null }
  return { status: 'rejected', reason }
}
