/** The process of an operator: counts, retries, cancels and removes many tasks, and measures what that costs Redis. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { mainThreadCpu } from '../info.ts'
import { openApp } from '../peers/ours.ts'
import { payload } from '../work.ts'
import type { FastifyInstance } from 'fastify'
import type { ManyOptions, TaskFilter } from '../../lib/types.ts'

/** The task that fails. The other one, `work`, is that of the workers. */
export const BROKEN = 'broken'
const BULK = 1_000
/** Memory is measured after so many steps. */
const HEAP_EVERY = 250

export type ChangeCall = 'retryMany' | 'cancelMany' | 'removeMany'

/** CPU of Redis, in ms; memory in MiB. */
export interface WalkFigures {
  ms: number
  matched: number
  changed: number
  steps: number
  /** CPU of the process that walks. */
  cpuOfWalker: number
  /** CPU of a step, all of its calls together. */
  cpuOfStep: number
  /**
   * CPU of what Redis reads from a socket at once, the most of all steps: of up to 16 KiB of commands, between which it
   * serves no other client. Of `count` it is the mean of all steps.
   */
  heldUp: number
  /** The longest call, as Redis measured it: with the waits for its core. */
  longestCall: number
  /** In use after garbage collection: most during the walk, less what there was at its first tenth. */
  heapGrowth: number | null
  cursor: string | null
}

export async function operator (url: string): Promise<OperatorRole> {
  const redis = new Redis(url)
  // All calls, however short: the longest is looked for.
  await redis.config('SET', 'slowlog-log-slower-than', 500)
  await redis.config('SET', 'slowlog-max-len', 100_000)
  const app = await openApp({ redis: url })
  app.tasks.define(BROKEN)
  return new OperatorRole(app, redis, url)
}

export class OperatorRole {
  readonly #app: FastifyInstance
  readonly #redis: Redis
  readonly #url: string

  constructor (app: FastifyInstance, redis: Redis, url: string) {
    this.#app = app
    this.#redis = redis
    this.#url = url
  }

  /** Enqueues tasks that will fail, each with the tag `all`, the first `few` of them with the tag `few` too. */
  async fill ({ count, few = 0 }: { count: number, few?: number }): Promise<void> {
    for (let done = 0; done < count; done += BULK) {
      const items = Array.from({ length: Math.min(BULK, count - done) }, (_, i) =>
        ({ data: payload(), tags: done + i < few ? ['all', 'few'] : ['all'] }))
      await this.#app.tasks.enqueueMany(BROKEN, items)
    }
  }

  /** Runs what `fill` made, with a worker of its own, until all of it has failed. */
  async failAll ({ count }: { count: number }): Promise<void> {
    const app = await openApp({ redis: this.#url })
    app.tasks.define(BROKEN, () => { throw new Error('this task fails') })
    await app.tasks.startWorker({ concurrency: 200 })
    while ((await app.tasks.counts()).default!.failed < count) await sleep(20)
    await app.close()
  }

  /** Looks at all tasks of a filter, whose name is that of the tasks that fail. */
  async change (
    { call, filter, limit, cursor }: { call: ChangeCall, filter: Partial<TaskFilter>, limit?: number, cursor?: string }
  ): Promise<WalkFigures> {
    const meter = new StepMeter(this.#redis)
    const options: ManyOptions = { onProgress: () => meter.step(), ...limit && { limit }, ...cursor && { cursor } }
    await meter.start()
    const result = await this.#app.tasks[call]({ name: BROKEN, ...filter } as any, options)
    return { ...await meter.end(), ...result }
  }

  async count ({ filter, steps }: { filter: TaskFilter, steps: number }): Promise<WalkFigures> {
    const meter = new StepMeter(this.#redis)
    await meter.start()
    const matched = await this.#app.tasks.count({ name: BROKEN, ...filter })
    return { ...await meter.end(steps), matched, changed: 0, cursor: null }
  }

  /** CPU of Redis for each of the first pages of a list by tag, in ms. */
  async pages ({ tag, count, limit }: { tag: string, count: number, limit: number }): Promise<number[]> {
    const costs: number[] = []
    for (let cursor: string | null | undefined; costs.length < count && cursor !== null;) {
      const before = await mainThreadCpu(this.#redis)
      cursor = (await this.#app.tasks.list({ tag, limit, ...cursor && { cursor } })).cursor
      costs.push(await mainThreadCpu(this.#redis) - before)
    }
    return costs
  }
}

/** Bytes in use after garbage collection, in MiB. Needs node --expose-gc. */
function heapUsed (): number {
  globalThis.gc!()
  return process.memoryUsage().heapUsed / 2 ** 20
}

/** In ms. */
function ownCpu (): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}

interface Usage { cpu: number, reads: number }

class StepMeter {
  readonly #redis: Redis
  readonly #heap: number[] = []
  #heldUp = 0
  #steps = 0
  #started = 0
  #paused = 0
  #walker = 0
  #first!: Usage
  #last!: Usage

  constructor (redis: Redis) {
    this.#redis = redis
  }

  async start (): Promise<void> {
    await this.#redis.slowlog('RESET')
    this.#heap.push(heapUsed())
    this.#first = this.#last = await this.#usage()
    this.#started = performance.now()
    this.#walker = ownCpu()
  }

  async #usage (): Promise<Usage> {
    const [cpu, stats] = await Promise.all([mainThreadCpu(this.#redis), this.#redis.info('stats')])
    return { cpu, reads: Number(/total_reads_processed:(\d+)/.exec(stats)![1]) }
  }

  /** The time that measuring takes does not count. */
  async step (): Promise<void> {
    const start = performance.now()
    const walker = ownCpu()
    const usage = await this.#usage()
    this.#heldUp = Math.max(this.#heldUp, cpuOfRead(this.#last, usage))
    if (++this.#steps % HEAP_EVERY === 0) this.#heap.push(heapUsed())
    this.#last = usage
    this.#paused += performance.now() - start
    this.#walker += ownCpu() - walker
  }

  async end (steps = this.#steps): Promise<Omit<WalkFigures, 'matched' | 'changed' | 'cursor'>> {
    const ms = performance.now() - this.#started - this.#paused
    const cpuOfWalker = ownCpu() - this.#walker
    const usage = await this.#usage()
    const slow = await this.#redis.slowlog('GET', 100_000) as Array<[number, number, number]>
    const settled = this.#heap.slice(Math.ceil(this.#heap.length / 10))
    return {
      ms,
      steps,
      cpuOfWalker,
      cpuOfStep: (usage.cpu - this.#first.cpu) / Math.max(1, steps),
      heldUp: this.#heldUp || cpuOfRead(this.#first, usage),
      longestCall: Math.max(0, ...slow.map(([, , microseconds]) => microseconds / 1_000)),
      heapGrowth: settled.length > 1 ? Math.max(...settled) - settled[0]! : null
    }
  }
}

/** Without the read of the meter itself. */
const cpuOfRead = (before: Usage, after: Usage): number =>
  (after.cpu - before.cpu) / Math.max(1, after.reads - before.reads - 1)
