/**
 * A process that works on flows, and may be cut off: after so many calls of the store it carries out no other. It runs
 * the tasks of two queues one after the other, with the parts that a worker has for flows.
 */
import { Redis } from 'ioredis'
import { FlowEngine } from '../../lib/flows/engine.ts'
import type { FlowRef } from '../../lib/flows/flow-ref.ts'
import { FlowSweep } from '../../lib/flows/flow-sweep.ts'
import { FlowWriter } from '../../lib/flows/flow-writer.ts'
import { MemberContext } from '../../lib/flows/member-context.ts'
import { MemberEnds } from '../../lib/flows/member-ends.ts'
import { planFlow, templateOf, type FlowTemplates } from '../../lib/flows/plan.ts'
import { reopen } from '../../lib/flows/reopen.ts'
import { encodeNamed } from '../../lib/records/task-data.ts'
import { decode, encode, type StoredTask } from '../../lib/records/task-record.ts'
import { RedisQueue } from '../../lib/store/redis/queue.ts'
import type { Queue } from '../../lib/store/contract.ts'
import type { MemberOutcome } from '../../lib/store/flow-contract.ts'
import type { FlowOptions, FlowShape, Signature } from '../../lib/types.ts'

export const FLOW = 'f'
/** The queue of the flow, and another one. Tasks whose name begins with "far" are in the other one. */
export const QUEUES = ['home', 'far']
const KEEP_MS = 60_000

/** How a member ends, and what it does before that. */
export type RunMember = (name: string, context: MemberContext, run: number) => Promise<MemberOutcome>

/** What all processes have in common. */
export interface FlowWorld {
  redis: Redis
  prefix: string
  /** The members that were settled, by name: one line for each time. */
  ran: string[]
  run: RunMember
}

/** From which call on nothing happens, and whether that call was carried out all the same: its reply is lost. */
export interface Cut { at: number, carriedOut: boolean }

export class FlowProcess {
  /** How many calls were asked for. */
  calls = 0
  /** Called before each call. */
  onCall: (what: string) => Promise<unknown> | void = () => {}
  readonly engine: FlowEngine
  readonly #world: FlowWorld
  readonly #cut: Cut
  readonly #queues: Map<string, Queue>
  readonly #ends: MemberEnds
  readonly #claimed: Array<{ id: string, token: string, queue: Queue }> = []

  constructor (world: FlowWorld, cut: Cut = { at: Infinity, carriedOut: false }) {
    this.#world = world
    this.#cut = { ...cut }
    this.#queues = new Map(QUEUES.map(name => [name, new RedisQueue(world.redis, name, world.prefix)]))
    this.engine = new FlowEngine({
      queueOf: name => this.#queues.get(name)!,
      call: (what, send) => this.#call(send, what),
      now: () => Date.now(),
      lookAfter: 0
    })
    this.#ends = new MemberEnds(this.engine)
  }

  get isCut (): boolean { return this.calls > this.#cut.at }
  get flow (): FlowRef { return { id: FLOW, home: 'home', life: KEEP_MS } }

  /** As a worker that closes: undefined once the process is cut off. */
  async #call<T> (send: () => Promise<T>, what = 'settle'): Promise<T | undefined> {
    const at = this.calls++
    await this.onCall(what)
    if (at < this.#cut.at) return send()
    if (at === this.#cut.at && this.#cut.carriedOut) await send()
    return undefined
  }

  /** Call it before a call: neither that one is carried out, nor any other. */
  die (): void { this.#cut.at = Math.min(this.#cut.at, this.calls - 1) }

  /** Writes the flow. Rejects if the process is cut off meanwhile. */
  async write (shape: FlowShape<any, any>, options: FlowOptions = {}): Promise<void> {
    const now = Date.now()
    const checked = { failFast: true, lifetime: KEEP_MS, ...options, id: FLOW }
    const ttl = options.resultTtl ?? KEEP_MS
    const planned = planFlow(templates, { id: FLOW, shape, options: checked, now, expires: null, ttl })
    await new FlowWriter(new FlowEngine({
      queueOf: name => this.#queues.get(name)!,
      call: async (what, send) => {
        const reply = await this.#call(send, what)
        if (reply === undefined) throw new Error('cut off')
        return reply
      },
      now: () => Date.now(),
      lookAfter: 0
    }), planned).write()
  }

  async cancel (): Promise<void> {
    await this.engine.step(this.flow, [{ name: 'cancel', cause: 'cancelled', code: '', message: '' }])
  }

  async retry (): Promise<void> {
    const stored = await this.#queues.get('home')!.readTask(FLOW)
    const { data, options } = decode(stored!.text)
    const record = encode({ data, options, status: 'created', progress: null }).replace(/,"status".*/, '')
    const reply = await this.engine.step(this.flow, [{ name: 'reopen', record }])
    if (reply?.done === 'done') await reopen(this.engine, this.flow)
  }

  /** Runs what waits, until nothing does. */
  async work (): Promise<void> {
    for (let found = true; found && !this.isCut;) {
      found = false
      for (const queue of this.#queues.values()) {
        const { jobs } = await queue.claim(10, 'w.1', false)
        for (const job of jobs) this.#claimed.push({ ...job, queue })
        for (const { id, token, text } of jobs) await this.#attempt(queue, { id, token, text: text! })
        await this.#ends.drained()
        found ||= jobs.length > 0
      }
    }
  }

  async #attempt (queue: Queue, { id, token, text }: { id: string, token: string, text: string }): Promise<void> {
    const stored = decode(text)
    const { ran, run } = this.#world
    const { name } = stored.data
    const context = new MemberContext(this.engine, stored.options.flow!, signature => templateOf(templates, signature))
    const outcome = await run(name, context, ran.filter(line => line.startsWith(name)).length).catch(error => {
      if (!this.isCut) throw error
    })
    if (this.isCut) return
    const after = { ...stored, status: outcome, result: name, finishedAt: Date.now() } as StoredTask
    const settlement = { id, token, outcome: outcome as 'failed', text: encode(after), ms: KEEP_MS }
    const settled = await this.#call(async () => {
      const statuses = await queue.settle([settlement])
      if (statuses[0] === 'owned') ran.push(`${name} ${outcome}`)
      return statuses
    })
    if (settled) this.#ends.add(stored, outcome!, `${name} has failed`)
  }

  /** What a process leaves when it dies: others queue its tasks again. */
  async leave (): Promise<void> {
    for (const { id, token, queue } of this.#claimed) await queue.release([{ id, token }])
  }

  sweep (): Promise<number> {
    const log: any = { debug () {}, warn () {} }
    return new FlowSweep({ engine: this.engine, home: 'home', quiet: 0, log }).lookAtDue()
  }
}

const templates: FlowTemplates = {
  settings: { resultTtl: 0 } as FlowTemplates['settings'],
  encodeData: name => encodeNamed(name, name, Infinity),
  template: name => ({
    name,
    queue: name.startsWith('far') ? 'far' : 'home',
    data: name,
    named: encodeNamed(name, name, Infinity),
    options: { attempts: 1, ttl: 0 }
  })
}

export const member = (task: string, options: Signature['options'] = {}): Signature<any, any> =>
  ({ kind: 'signature', task, data: null, options })
