/**
 * The flows of one queue in Redis. Each call that writes runs one script, which is one transition.
 */
import { toPage } from './codec.ts'
import { runQueueScript, runScript, script, type ScriptArgument } from './run-script.ts'
import type { RedisClient } from './connection.ts'
import type { FlowScript, QueueKeys } from './keys.ts'
import { pipelined } from './pipelining.ts'
import { MOST_TODO } from '../flow-contract.ts'
import type {
  FlowChunk, FlowCommand, FlowIds, FlowPosition, FlowProgress, FlowStage, MemberOutcome, NewFlow, QueueFlows,
  ReadablePart, StepReply
} from '../flow-contract.ts'

/** Bounds the reply of one call. */
const PAGE = 300
/** Other numbers are a refusal. */
const DONE: Record<number, StepReply['done']> = { 0: 'done before', 1: 'done', 2: 'unreleased', 3: 'too many' }

export class RedisFlows implements QueueFlows {
  readonly #client: RedisClient
  readonly #keys: QueueKeys

  constructor (client: RedisClient, keys: QueueKeys) {
    this.#client = client
    this.#keys = keys
  }

  #run (name: FlowScript, id: string, args: ScriptArgument[]): Promise<any> {
    return runScript(this.#client, script(name), this.#keys.ofFlow(name, id), args)
  }

  async begin (flow: NewFlow, lookAfter: number | null): Promise<boolean> {
    const { id, record, ttl, life, failFast, expires, startsAt, final } = flow
    const args = [id, record, ttl, life, failFast ? 1 : 0, expires ?? '', final?.entry ?? '', final?.text ?? '']
    return await this.#run('flow-begin', id, [...args, lookAfter ?? '', startsAt ?? 0]) === 1
  }

  write (id: string, { nodes, texts, joins, edges }: FlowChunk): Promise<FlowStage> {
    const counts = [nodes, texts, joins, edges].map(part => part.length)
    const before = edges.flatMap(([join, waitsFor]) => [join, waitsFor.map(node => `${node} `).join('')])
    return this.#run('flow-write', id, [...counts, ...nodes.flat(), ...texts.flat(), ...joins.flat(), ...before])
  }

  async step (id: string, commands: FlowCommand[], lookAfter: number | null): Promise<StepReply> {
    const args = argumentsOfAll(commands)
    const [stage, more, cancels, ends, done, ...starts] =
      await this.#run('flow-step', id, [id, this.#keys.prefix, lookAfter ?? '', ...args])
    return {
      stage,
      more: more === 1,
      cancels: cancels === 1,
      ends: ends === 1,
      done: DONE[done] ?? 'refused',
      starts
    }
  }

  async read (id: string): Promise<FlowProgress | null> {
    const reply = await this.#run('flow-read', id, [MOST_TODO])
    if (!reply) return null
    const [stage, final, startedAt, changedAt, deadline, cause, code, attempt, now, ...counts] = reply
    const [nodes, open, pending, ...todo] = counts
    return {
      stage,
      final: final === '0' ? 'none' : final === '1' ? 'waits' : 'started',
      startedAt: Number(startedAt),
      changedAt: Number(changedAt),
      deadline: Number(deadline),
      cause,
      code,
      attempt: Number(attempt),
      now,
      nodes,
      open,
      pending,
      todo
    }
  }

  readMany (id: string, part: ReadablePart, names: string[]): Promise<Array<string | null>> {
    return names.length === 0 ? Promise.resolve([]) : this.#client.hmget(this.#keys.flow(id, part), ...names)
  }

  async page (
    id: string, part: ReadablePart, cursor: string
  ): Promise<{ cursor: string, entries: Array<[string, string]> }> {
    const [next, flat] = await this.#client.hscan(this.#keys.flow(id, part), cursor, 'COUNT', PAGE)
    const entries = flat.flatMap((name, i): Array<[string, string]> => i % 2 === 0 ? [[name, flat[i + 1]!]] : [])
    return { cursor: next, entries }
  }

  async pageOfNodes (
    id: string, which: 'open' | 'pending', cursor: string
  ): Promise<{ cursor: string, nodes: string[] }> {
    const [next, nodes] = await this.#client.sscan(this.#keys.flow(id, which), cursor, 'COUNT', PAGE)
    return { cursor: next, nodes }
  }

  async areOpen (id: string, nodes: string[]): Promise<boolean[]> {
    let both!: Promise<[state: string | null, open: number[]]>
    pipelined(this.#client, () => {
      both = Promise.all([
        this.#client.hget(this.#keys.flow(id, ''), 'state'),
        this.#client.smismember(this.#keys.flow(id, 'open'), ...nodes)
      ])
    })
    const [state, open] = await both
    return open.map(is => is === 1 && state !== 'cancelling')
  }

  takeDue (limit: number, ms: number, latest?: number): Promise<string[]> {
    return runQueueScript(this.#client, this.#keys, 'flow-due', [limit, ms, latest ?? ''])
  }

  async list (limit: number, after?: FlowPosition): Promise<FlowIds> {
    const args = [after?.id ?? '', limit, 'desc', after?.place ?? 0]
    return toPage(await runScript(this.#client, script('page'), [this.#keys.flowList], args))
  }

  async memberStates (ids: string[]): Promise<Array<MemberOutcome | null>> {
    if (ids.length === 0) return []
    const states: string[] = await runQueueScript(this.#client, this.#keys, 'member-states', ids)
    return states.map(state => state === '' ? null : state as MemberOutcome)
  }

  async keepMembers (members: Array<[id: string, ms: number]>): Promise<void> {
    if (members.length > 0) await runQueueScript(this.#client, this.#keys, 'keep-members', inGroups(members))
  }
}

/** Members that stay equally long, one after the other, are one group. */
function inGroups (members: Array<[id: string, ms: number]>): ScriptArgument[] {
  const args: ScriptArgument[] = []
  for (let i = 0, end = 0; i < members.length; i = end) {
    const ms = members[i]![1]
    while (end < members.length && members[end]![1] === ms) end++
    args.push(ms, end - i)
    for (let k = i; k < end; k++) args.push(members[k]![0])
  }
  return args
}

/** Ends of members of one generation that succeeded, one after the other, are one command: they are the many. */
function argumentsOfAll (commands: FlowCommand[]): ScriptArgument[] {
  const args: ScriptArgument[] = []
  let succeeded: string[] = []
  let of = ''
  const flush = (): void => {
    if (succeeded.length > 0) args.push('succeeded', succeeded.length + 1, of, ...succeeded)
    succeeded = []
  }
  for (const command of commands) {
    if (command.name === 'end' && command.outcome === 'succeeded') {
      if (command.generation !== of) flush()
      of = command.generation
      succeeded.push(command.node)
      continue
    }
    flush()
    const own = argumentsOf(command)
    args.push(command.name, own.length, ...own)
  }
  flush()
  return args
}

/** In the order in which flow-step.lua reads them. */
function argumentsOf (command: FlowCommand): string[] {
  switch (command.name) {
    case 'end': return [command.node, command.generation, command.outcome, command.message]
    case 'ready': return [command.join]
    case 'start': return [command.node]
    case 'done': return [command.entry]
    case 'cancel': return [command.cause, command.code, command.message]
    case 'add': {
      const { node, entry, text, parent, generation, most } = command
      return [node, entry, text, parent, generation, String(most)]
    }
    case 'reopen': return [command.record]
    case 'seal':
    case 'forget':
    case 'remove': return []
    default: return command satisfies never
  }
}
