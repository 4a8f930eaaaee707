/**
 * Random programs of everything that holds a task back, or ends it, in pairs that no other test crosses: keys of
 * `unique`, `debounce`, limits and rates, flows, delays, expiry, pauses, operations on many tasks, dead workers. At no
 * time do more tasks of a key run than may; at the end each task has ended, and nothing is left but counts.
 *
 * The seed is in the name of each test. `--long` tries many more.
 */
import t, { type Test } from 'tap'
import { setTimeout as sleep } from 'node:timers/promises'
import { chain, group, RateLimited, Snooze, Unrecoverable } from '../../lib/plugin.ts'
import { build, connect, memoryMode, pass, randomPrefix, until } from '../support/helpers.ts'
import { random } from '../support/random.ts'
import type { FastifyInstance } from 'fastify'
import type { DefineOptions, TaskState, TaskWorker } from '../../lib/types.ts'

const SEEDS = process.argv.includes('--long') ? 200 : 2
const STEPS = 150
if (SEEDS > 2) t.setTimeout(3_600_000)

const key = ({ k }: any): string => k
const KEYS = ['a', '', 'é\n __proto__']
const BASE: DefineOptions = { retries: 2, backoff: { strategy: 'fixed', delay: 20 }, resultTtl: 400 }
const RATE = { max: 3, timeWindow: 200, key }

/** Those whose names begin with `u` or `d` cannot be members of flows. */
const DEFINITIONS: Record<string, DefineOptions> = {
  plain: BASE,
  gone: { ...BASE, resultTtl: 0, backoff: { strategy: 'immediate' } },
  limited: { ...BASE, limit: { max: 2, key } },
  ordered: { ...BASE, limit: { ordered: true, key } },
  rated: { ...BASE, rate: RATE },
  both: { ...BASE, limit: { max: 2, key }, rate: [{ max: 6, timeWindow: 200 }] },
  uKeep: { ...BASE, unique: { key } },
  uReplace: { ...BASE, unique: { key, onConflict: 'replace' }, limit: { max: 1, key } },
  uRerun: { ...BASE, unique: { key, onConflict: 'rerun' } },
  uOrdered: { ...BASE, unique: { key, onConflict: 'rerun' }, limit: { ordered: true, key }, rate: RATE },
  uWindow: { ...BASE, unique: { key, scope: 300 } },
  uWaiting: { ...BASE, unique: { key, scope: 'waiting' } },
  debounced: { ...BASE, debounce: { key, wait: 50, maxWait: 200 }, limit: { max: 1, key } }
}
const NAMES = Object.keys(DEFINITIONS)
const MEMBERS = NAMES.filter(name => !/^[ud]/.test(name))
/** How many tasks of a key may run at once, however a limit is set meanwhile. */
const MOST: Record<string, number> = {
  limited: 3, ordered: 1, both: 2, uKeep: 1, uReplace: 1, uRerun: 1, uOrdered: 1, debounced: 1
}
const REFUSALS = /FST_TASKS_(ID_TAKEN|ID_AMBIGUOUS|FLOW_INCOMPLETE)/

class Program {
  readonly app: FastifyInstance
  readonly prefix: string
  readonly random: () => number
  readonly faults: string[] = []
  readonly ids: string[] = []
  readonly flows: string[] = []
  readonly #running = new Map<string, Set<string>>()
  /** A `retry` by hand takes no key. */
  readonly #retried = new Set<string>()
  #workers: TaskWorker[] = []
  #count = 0

  constructor (app: FastifyInstance, prefix: string, seed: number) {
    this.app = app
    this.prefix = prefix
    this.random = random(seed)
  }

  pick<T> (values: readonly T[]): T { return values[Math.floor(this.random() * values.length)]! }
  maybe<T extends object> (chance: number, value: T): T | undefined {
    return this.random() < chance ? value : undefined
  }

  /** What becomes of an attempt is in the data. */
  async handle (name: string, data: any, task: any): Promise<unknown> {
    const of = `${name} ${data.k}`
    const running = this.#running.get(of) ?? new Set()
    this.#running.set(of, running.add(task.id))
    task.signal.addEventListener('abort', () => running.delete(task.id))
    const counted = [...running].filter(id => !this.#retried.has(id))
    if (counted.length > (MOST[name] ?? Infinity)) this.faults.push(`${counted.length} of "${of}" run at once`)
    try {
      if (data.act === 'slow' && !memoryMode) await sleep(30, undefined, { signal: task.signal })
      if (data.act === 'snooze' && data.times-- > 0) throw new Snooze({ delay: 30 })
      if (data.act === 'limited' && data.times-- > 0) throw new RateLimited({ retryAfter: 40 })
      if (data.act === 'fatal') throw new Unrecoverable('fatal')
      if (data.act === 'fails' && task.attempt <= data.times) throw new Error('fails')
      return data.n
    } finally {
      running.delete(task.id)
    }
  }

  data (): object {
    const act = this.pick(['ok', 'ok', 'slow', 'snooze', 'limited', 'fatal', 'fails', 'fails'])
    return { k: this.pick(KEYS), n: this.#count++, act, times: this.pick([1, 2, 3]) }
  }

  options (name: string): object {
    return {
      ...this.maybe(0.2, { priority: this.pick(['high', 'low']) }),
      ...this.maybe(0.2, { expires: this.pick([1, 50, 400]) }),
      ...this.maybe(0.3, { tags: ['one', 'two'] }),
      ...name !== 'debounced' && this.maybe(0.3, { delay: this.pick([10, 60, 300]) }),
      ...name !== 'debounced' && this.maybe(0.1, { id: this.pick(['own1', 'own2', 'own3']) })
    }
  }

  async enqueue (count: number): Promise<void> {
    const name = this.pick(NAMES)
    const items = Array.from({ length: count }, () => ({ data: this.data(), ...this.options(name) }))
    const handles = await this.app.tasks.enqueueMany(name, items)
    this.ids.push(...handles.map(({ id }) => id))
  }

  signature (): any {
    const options = {
      ...this.maybe(0.3, { allowFailure: true }), ...this.maybe(0.2, { expires: 50 }), ...this.maybe(0.2, { delay: 30 })
    }
    return { kind: 'signature', task: this.pick(MEMBERS), data: this.data(), options }
  }

  shape (depth = 0): any {
    if (depth > 2 || this.random() < 0.4) return this.signature()
    const parts = Array.from({ length: this.pick([1, 2, 3]) }, () => this.shape(depth + 1))
    return this.random() < 0.5 ? chain(...parts as [any]) : group(...parts)
  }

  async flow (): Promise<void> {
    const { id } = await this.app.tasks.enqueueFlow(this.shape(), {
      resultTtl: this.pick([0, 200, 1_000]),
      ...this.maybe(0.4, { failFast: false }),
      ...this.maybe(0.3, { finally: this.signature() }),
      ...this.maybe(0.3, { id: this.pick(['flow1', 'flow2']) }),
      ...this.maybe(0.2, { expires: 100 })
    })
    this.flows.push(id)
    this.ids.push(id, `${id}.0`, `${id}.1`)
  }

  async setLimit (): Promise<unknown> {
    const [name, limits] = this.pick<[string, any]>([
      ['limited', { limit: { max: 1 } }], ['limited', { limit: { max: 3 } }], ['limited', null],
      ['rated', { rate: [] }], ['rated', null],
      ['both', { rate: [] }], ['both', null], ['uOrdered', { rate: [] }], ['uOrdered', null]
    ])
    return this.app.tasks.setLimit(name, limits)
  }

  filter (...states: TaskState[]): any {
    return {
      state: this.pick(states), ...this.maybe(0.5, { name: this.pick(NAMES) }), ...this.maybe(0.3, { tag: 'one' })
    }
  }

  async startWorker (): Promise<void> {
    this.#workers.push(await this.app.tasks.startWorker({ concurrency: this.pick([1, 4, 8]) }))
  }

  async changeWorkers (): Promise<void> {
    if (this.#workers.length < 3) await this.startWorker()
    else await this.#workers.shift()!.close()
  }

  /** A worker claims what waits, and dies. */
  async stall (): Promise<void> {
    if (memoryMode) return
    const keyOf = (name: string): string => `${this.prefix}:{default}:${name}`
    const redis = this.#redis!
    const script = "local id = redis.call('RPOP', KEYS[1]) if not id then return end " +
      "if redis.call('HEXISTS', KEYS[4], id) == 0 or redis.call('ZSCORE', KEYS[5], id) then return end " +
      "redis.call('HSET', KEYS[2], id, 'dead.1 1000') redis.call('ZADD', KEYS[3], -1000, 'dead')"
    await redis.eval(script, 5, ...['waiting', 'claims', 'leases', 'jobs', 'done:cancelled'].map(keyOf))
  }

  #redis: ReturnType<typeof connect> | undefined
  use (redis: ReturnType<typeof connect>): void { this.#redis = redis }

  readonly steps: Array<() => Promise<unknown>> = [
    ...Array.from({ length: 5 }, () => () => this.enqueue(this.pick([1, 4]))),
    ...Array.from({ length: 4 }, () => () => memoryMode ? pass(this.app, 50) : sleep(this.pick([1, 10, 40]))),
    () => this.flow(), () => this.flow(), () => this.setLimit(), () => this.changeWorkers(), () => this.stall(),
    () => this.app.tasks.cancel(this.#id()), () => this.app.tasks.remove(this.#id()), () => this.#retry(),
    () => this.app.tasks.promote(this.#id()),
    () => this.app.tasks.reschedule(this.#id(), { delay: this.pick([1, 40, 200]) }),
    () => this.#retryMany(),
    () => this.app.tasks.cancelMany(this.filter('waiting', 'delayed', 'active', 'retrying'), { limit: 5 }),
    () => this.app.tasks.removeMany(this.filter('waiting', 'delayed', 'failed', 'retrying'), { limit: 5 }),
    async () => this.random() < 0.3 && this.app.tasks.purge('default'),
    () => this.app.tasks.pause(this.pick([{ queue: 'default' }, { name: this.pick(NAMES) }])),
    () => this.resume(), () => this.resume()
  ]

  #id (): string { return this.pick(this.ids) ?? 'none' }

  async #retry (): Promise<void> {
    const id = this.#id()
    this.#retried.add(id)
    await this.app.tasks.retry(id)
  }

  async #retryMany (): Promise<void> {
    for (const id of this.ids) this.#retried.add(id)
    await this.app.tasks.retryMany(this.filter('failed'))
  }

  async resume (): Promise<void> {
    await this.app.tasks.resume({ queue: 'default' })
    for (const name of NAMES) await this.app.tasks.resume({ name })
  }

  async haveEnded (): Promise<boolean> {
    await pass(this.app, 1_000)
    const { waiting, delayed, active } = (await this.app.tasks.counts()).default!
    const flows = await Promise.all(this.flows.map(id => this.app.tasks.status(id)))
    return waiting + delayed + active === 0 && flows.every(flow => !flow || flow.finishedAt !== null)
  }
}

const programs = new Map<FastifyInstance, Program>()

/** What stays: counts, what was declared, and what expires. */
const STAYS = new RegExp(':(limits|stallInterval|tick|stallBlock|leases|floors|timekeepers|lastClaims|watched|' +
  'cancelledWaits)$|:[hm]:\\d+$|:starts:|worker')

async function run (t: Test, seed: number): Promise<void> {
  const prefix = randomPrefix()
  const app = await build(t, { stallInterval: 1_000, ...!memoryMode && { prefix } }, app => {
    for (const [name, options] of Object.entries(DEFINITIONS)) {
      app.tasks.define(name, options, (data, task) => programs.get(app)!.handle(name, data, task))
    }
  })
  const program = new Program(app, prefix, seed)
  programs.set(app, program)
  if (!memoryMode) program.use(connect(t))
  await program.startWorker()
  for (let i = 0; i < STEPS; i++) {
    await program.pick(program.steps)().catch(error => { if (!REFUSALS.test(error.code)) throw error })
  }
  await program.resume()
  await program.startWorker()
  await until('all have ended', () => program.haveEnded(), 60_000)
  t.strictSame(program.faults, [])
  if (memoryMode) return
  const redis = connect(t)
  const left = async (): Promise<string[]> => (await redis.keys(`${prefix}*`)).filter(name => !STAYS.test(name))
  await until('nothing is left', async () => (await left()).length === 0, 30_000)
    .catch(async () => t.strictSame(await left(), []))
}

for (let seed = 1; seed <= SEEDS; seed++) t.test(`program ${seed}`, t => run(t, seed))
