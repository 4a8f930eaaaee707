/**
 * Random programs of schedules beside all that can stop, hold back or end their tasks: overlap policies, limits, rates,
 * unique tasks, flows, pauses, operations on many tasks, expiry, dead workers, moves to another queue, deploys. No tick
 * fires twice, no task of a tick starts before the one before it has ended, and each tick is counted. At the end
 * nothing waits, and nothing is left but counts.
 *
 * The seed is in the name of each test. `--long` tries many more.
 */
import t, { type Test } from 'tap'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { setTimeout as sleep } from 'node:timers/promises'
import { chain, group, RateLimited, Snooze, Unrecoverable } from '../../lib/plugin.ts'
import { build, connect, memoryMode, pass, randomPrefix, until } from '../support/helpers.ts'
import { random } from '../support/random.ts'
import type { FastifyInstance } from 'fastify'
import type { DefineOptions, TaskPage, TaskState, TaskWorker } from '../../lib/types.ts'
import type { TickEvent } from '../../lib/telemetry.ts'

const SEEDS = process.argv.includes('--long') ? 200 : 2
const STEPS = 80
if (SEEDS > 2) {
  t.jobs = 2 // programs mostly wait
  t.setTimeout(3_600_000)
}

const key = ({ k }: any): string => k
const BASE: DefineOptions = { retries: 2, backoff: { strategy: 'fixed', delay: 20 }, resultTtl: 300 }

const DEFINITIONS: Record<string, DefineOptions> = {
  plain: BASE,
  gone: { ...BASE, resultTtl: 0 },
  limited: { ...BASE, limit: { max: 1, key } },
  ordered: { ...BASE, limit: { ordered: true, key } },
  rated: { ...BASE, rate: { max: 3, timeWindow: 200, key } },
  common: { ...BASE, limit: { max: 1, key }, rate: { max: 8, timeWindow: 200 } }
}
const NAMES = Object.keys(DEFINITIONS)
/** Without limit or rate: may be in another queue. */
const MOVABLE = ['plain', 'gone']
const QUEUES = ['default', 'other']

/**
 * `steady`: only moved and triggered, so each of its ticks is counted. `one…`: changed, but they never run beside
 * themselves. `any…`: removed too. `code`: declared, by each deploy again.
 */
const STEADY = { every: 100, overlap: 'queue', catchUpWindow: 0 } as const
const IDS = ['one1', 'one2', 'any1', 'any2']
const ALL = ['steady', 'code', ...IDS]
const REFUSALS = /FST_TASKS_(ID_AMBIGUOUS|SCHEDULE_NOT_FOUND|FLOW_INCOMPLETE)/
const ENDED: Array<TaskState | undefined> = ['succeeded', 'failed', 'cancelled', 'expired', undefined]

class Program {
  readonly #t: Test
  readonly #prefix: string
  readonly random: () => number
  readonly faults: string[] = []
  /** The task of each tick that fired. */
  readonly fired = new Map<string, string>()
  readonly #last = new Map<string, string>()
  readonly #ids: string[] = ['none']
  readonly #flows: string[] = []
  /** A `retry` by hand starts a task beside what fires meanwhile. */
  readonly #retried = new Set<string>()
  readonly #redis: ReturnType<typeof connect> | null
  readonly #instances = new Set<string>()
  app!: FastifyInstance
  #workers: TaskWorker[] = []
  #count = 0

  constructor (t: Test, prefix: string, seed: number) {
    this.#t = t
    this.#prefix = prefix
    this.#redis = memoryMode ? null : connect(t)
    this.random = random(seed)
  }

  pick<T> (values: readonly T[]): T { return values[Math.floor(this.random() * values.length)]! }
  maybe<T extends object> (chance: number, value: T): T | undefined {
    return this.random() < chance ? value : undefined
  }

  /** An app of which the schedule in code is another one than before, beside the app before. */
  async deploy (): Promise<void> {
    const before = this.app
    const spec = before ? this.spec('one') : STEADY
    this.app = await build(this.#t, { stallInterval: 1_000, ...!memoryMode && { prefix: this.#prefix } }, app => {
      for (const [name, options] of Object.entries(DEFINITIONS)) {
        app.tasks.define(name, options, (data, task) => this.#handle(data, task))
      }
      const unique: DefineOptions = { ...BASE, unique: { key, onConflict: 'rerun' } }
      app.tasks.define('uRerun', unique, (data, task) => this.#handle(data, task))
      app.tasks.define('elsewhere', { queue: 'other', retries: 0 }, async () => {})
      app.tasks.defineSchedule('code', { task: 'plain', data: this.data(), ...spec })
    })
    this.#instances.add(this.app.tasks.instanceId)
    await this.changeWorkers()
    if (this.random() < 0.5) await before?.close()
  }

  readonly onTick = (message: unknown): void => {
    const { instance, schedule, outcome, plannedAt, taskId } = message as TickEvent
    if (outcome !== 'fired' || !this.#instances.has(instance)) return
    const tick = `${schedule} ${plannedAt}`
    if (this.fired.has(tick)) this.faults.push(`${tick} fired twice: ${this.fired.get(tick)}, ${taskId}`)
    this.fired.set(tick, taskId!)
  }

  async #handle (data: any, task: any): Promise<unknown> {
    const { schedule, id } = task
    if (schedule && id.startsWith(`${schedule.id}:`) && !schedule.id.startsWith('any')) await this.#checkOverlap(task)
    if (data.act === 'slow' && !memoryMode) await sleep(30, undefined, { signal: task.signal })
    if (data.act === 'long' && !memoryMode) await sleep(250, undefined, { signal: task.signal })
    if (data.act === 'snooze' && task.attempt === 1 && this.random() < 0.5) throw new Snooze({ delay: 130 })
    if (data.act === 'limited' && this.random() < 0.5) throw new RateLimited({ retryAfter: 40 })
    if (data.act === 'fatal') throw new Unrecoverable('fatal')
    if (data.act === 'fails' && task.attempt < 3) throw new Error('fails')
    return data.n
  }

  /** The task of the tick before has ended. */
  async #checkOverlap ({ schedule, id }: any): Promise<void> {
    const last = this.#last.get(schedule.id)
    this.#last.set(schedule.id, id)
    if (last === undefined || last === id || this.#retried.has(last) || this.#retried.has(id)) return
    const states = await Promise.all(QUEUES.map(queue => this.app.tasks.status(last, { queue })))
    const state = states.find(record => record !== null)?.state
    if (!ENDED.includes(state)) this.faults.push(`${id} started, and ${last} is ${state}`)
  }

  data (): object {
    const act = this.pick(['ok', 'ok', 'ok', 'slow', 'slow', 'long', 'snooze', 'limited', 'fatal', 'fails'])
    return { k: this.pick(['a', '', 'é\n __proto__']), n: this.#count++, act }
  }

  spec (id: string): any {
    const task = this.pick(NAMES)
    const timing = this.random() < 0.7
      ? { every: this.pick([100, 130, 300]), ...this.maybe(0.2, { startAt: Date.now() + 200 }) }
      : { cron: this.pick(['* * * * * *', '*/2 * * * * *']), seconds: true }
    return {
      task,
      data: this.data(),
      ...timing,
      overlap: id.startsWith('one') ? this.pick(['skip', 'queue']) : this.pick(['skip', 'queue', 'allow']),
      ...this.maybe(0.4, { catchUpWindow: this.pick([0, 200]) }),
      ...this.maybe(0.3, { jitter: this.pick([20, 300]) }),
      ...this.maybe(0.3, { maxRuns: this.pick([1, 3, 10]) }),
      ...this.maybe(0.1, { endAt: Date.now() + 1_000 }),
      options: {
        ...this.maybe(0.2, { delay: this.pick([10, 150]) }),
        ...this.maybe(0.2, { expires: this.pick([1, 50, 400]) }),
        ...this.maybe(0.3, { tags: ['one', 'two'] }),
        ...this.maybe(0.2, { priority: this.pick(['high', 'low']) }),
        ...MOVABLE.includes(task) && this.maybe(0.5, { queue: this.pick(QUEUES) })
      }
    }
  }

  /** Of `steady`: not before it is stored. */
  startAt = 0

  /** Only the queue is another one. */
  async move (): Promise<void> {
    const spec = { task: 'plain', data: { k: 'a', act: 'slow' }, ...STEADY, startAt: this.startAt }
    await this.app.tasks.schedules.set('steady', { ...spec, options: { queue: this.pick(QUEUES) } })
  }

  async #set (): Promise<void> {
    const id = this.pick(IDS)
    await this.app.tasks.schedules.set(id, this.spec(id))
  }

  async #enqueue (): Promise<void> {
    const name = this.pick([...NAMES, 'uRerun'])
    const items = Array.from({ length: this.pick([1, 4]) }, () => ({
      data: this.data(), ...this.maybe(0.2, { delay: 60 }), ...this.maybe(0.2, { expires: 50 }), tags: ['one']
    }))
    this.#ids.push(...(await this.app.tasks.enqueueMany(name, items)).map(({ id }) => id))
  }

  async #flow (): Promise<void> {
    const member = (): any => ({ kind: 'signature', task: this.pick(NAMES), data: this.data(), options: {} })
    const shape = chain(group(member(), member()), member())
    const { id } = await this.app.tasks.enqueueFlow(shape, { resultTtl: 200 })
    this.#flows.push(id)
  }

  async changeWorkers (): Promise<void> {
    if (this.#workers.length < 3) {
      this.#workers.push(await this.app.tasks.startWorker({ concurrency: this.pick([1, 4, 8]) }))
    } else {
      await this.#workers.shift()!.close()
    }
  }

  /** Nobody fires ticks, or runs tasks, for a while. */
  async stop (): Promise<void> {
    await Promise.all(this.#workers.splice(0).map(worker => worker.close()))
  }

  /** A worker claims what waits, and dies. */
  async #stall (): Promise<void> {
    const queue = this.pick(QUEUES)
    const script = "local id = redis.call('RPOP', KEYS[1]) if not id then return end " +
      "if redis.call('HEXISTS', KEYS[4], id) == 0 or redis.call('ZSCORE', KEYS[5], id) then return end " +
      "redis.call('HSET', KEYS[2], id, 'dead.1 1000') redis.call('ZADD', KEYS[3], -1000, 'dead')"
    const names = ['waiting', 'claims', 'leases', 'jobs', 'done:cancelled']
    await this.#redis?.eval(script, names.length, ...names.map(name => `${this.#prefix}:{${queue}}:${name}`))
  }

  async #retry (): Promise<void> {
    const id = this.#anyId()
    this.#retried.add(id)
    await this.app.tasks.retry(id)
  }

  async #retryMany (): Promise<void> {
    for (const id of [...this.#ids, ...this.fired.values()]) this.#retried.add(id)
    await this.app.tasks.retryMany(this.filter('failed'), { limit: 5 })
  }

  #anyId (): string { return this.random() < 0.5 ? this.pick(this.#ids) : this.pick([...this.fired.values(), 'none']) }

  filter (...states: TaskState[]): any {
    return {
      state: this.pick(states), ...this.maybe(0.5, { name: this.pick(NAMES) }), ...this.maybe(0.3, { tag: 'one' })
    }
  }

  readonly #steps: Array<() => Promise<unknown>> = [
    ...Array.from({ length: 6 }, () => () => memoryMode ? pass(this.app, 150) : sleep(this.pick([10, 40, 150]))),
    ...Array.from({ length: 3 }, () => () => this.#set()),
    () => this.#enqueue(), () => this.#enqueue(), () => this.#flow(), () => this.move(), () => this.#stall(),
    () => this.changeWorkers(), () => this.changeWorkers(),
    () => this.random() < 0.3 ? this.stop() : this.changeWorkers(),
    async () => memoryMode || this.random() < 0.6 || this.deploy(),
    () => this.app.tasks.schedules.remove(this.pick(['any1', 'any2'])),
    () => this.app.tasks.schedules.pause(this.pick(['code', ...IDS])),
    () => this.app.tasks.schedules.resume(this.pick(['code', ...IDS])),
    async () => { this.#ids.push((await this.app.tasks.schedules.trigger(this.pick(ALL))).id) },
    () => this.app.tasks.cancel(this.#anyId()), () => this.app.tasks.remove(this.#anyId()), () => this.#retry(),
    () => this.app.tasks.promote(this.#anyId()), () => this.#retryMany(),
    () => this.app.tasks.cancelMany(this.filter('waiting', 'delayed', 'active', 'retrying'), { limit: 5 }),
    () => this.app.tasks.removeMany(this.filter('waiting', 'delayed', 'failed', 'retrying'), { limit: 5 }),
    async () => this.random() < 0.3 && this.app.tasks.purge(this.pick(QUEUES)),
    () => this.app.tasks.pause(this.pick([{ queue: this.pick(QUEUES) }, { name: this.pick(NAMES) }])),
    () => this.resumeTasks(), () => this.resumeTasks()
  ]

  async step (): Promise<void> {
    await this.pick(this.#steps)().catch(error => { if (!REFUSALS.test(error.code)) throw error })
  }

  async resumeTasks (): Promise<void> {
    for (const queue of QUEUES) await this.app.tasks.resume({ queue })
    for (const name of NAMES) await this.app.tasks.resume({ name })
  }

  async haveEnded (): Promise<boolean> {
    await pass(this.app, 1_000)
    const counts = Object.values(await this.app.tasks.counts())
    const flows = await Promise.all(this.#flows.map(id => this.app.tasks.status(id)))
    return counts.every(({ waiting, delayed, active }) => waiting + delayed + active === 0) &&
      flows.every(flow => !flow || flow.finishedAt !== null)
  }
}

/** What stays: counts, what was declared, and what expires. A schedule that has moved leaves the number of its move. */
const STAYS = new RegExp(':(limits|stallInterval|tick|stallBlock|leases|floors|timekeepers|lastClaims|watched|' +
  'cancelledWaits|tickBlock)$|:[hm]:\\d+$|:starts:|worker')

async function lengthOf (app: FastifyInstance, queue: string, state: TaskState): Promise<number> {
  let [found, cursor]: [number, string | null | undefined] = [0, undefined]
  while (cursor !== null) {
    const page: TaskPage = await app.tasks.list({ queue, state, limit: 7, ...cursor && { cursor } })
    found += page.tasks.length
    cursor = page.cursor
  }
  return found
}

/** While nobody works, counts are the lengths of lists. Tasks between two attempts wait, or are delayed. */
async function compareCounts (t: Test, app: FastifyInstance): Promise<void> {
  const counts = await app.tasks.counts()
  for (const queue of QUEUES) {
    const { waiting, delayed, active, succeeded, failed, cancelled, expired } = counts[queue]!
    const lists = (...states: TaskState[]): Promise<number[]> =>
      Promise.all(states.map(state => lengthOf(app, queue, state)))
    const [one, two, three] = await lists('waiting', 'delayed', 'retrying')
    t.equal(one! + two! + three!, waiting + delayed, `${queue}: waiting, delayed, retrying`)
    const found = await lists('active', 'succeeded', 'failed', 'cancelled', 'expired')
    t.strictSame(found, [active, succeeded, failed, cancelled, expired], queue)
  }
}

/** Each planned time up to a pause is counted once. */
async function compareTicks (t: Test, program: Program): Promise<void> {
  const { schedules } = program.app.tasks
  // None before its start: a quick machine may be here before that.
  const plannedBy = (time: number): number => Math.max(0, Math.floor((time - program.startAt) / STEADY.every) + 1)
  const least = plannedBy(Date.now() - STEADY.every)
  await schedules.pause('steady')
  const most = plannedBy(Date.now() + STEADY.every)
  const { fired, skipped, missed } = (await schedules.get('steady'))!
  const times = [...program.fired.keys()].filter(tick => tick.startsWith('steady '))
  t.equal(times.length, fired, 'each tick that counts as fired was fired')
  const planned = fired + skipped + missed
  if (!memoryMode) t.ok(least <= planned && planned <= most, `${least} <= ${planned} <= ${most}`)
}

async function run (t: Test, seed: number): Promise<void> {
  const prefix = randomPrefix()
  const program = new Program(t, prefix, seed)
  subscribe('fastify-tasks.tick', program.onTick)
  t.teardown(() => unsubscribe('fastify-tasks.tick', program.onTick))
  await program.deploy()
  program.startAt = Date.now() + 2_000
  await program.move()
  for (let i = 0; i < STEPS; i++) await program.step()
  const { tasks } = program.app
  await compareTicks(t, program)
  for (const id of ['code', ...IDS]) await tasks.schedules.pause(id).catch(() => {})
  await program.stop()
  await compareCounts(t, program.app)
  await program.resumeTasks()
  await program.changeWorkers()
  await until('all have ended', () => program.haveEnded(), 60_000)
  t.strictSame(program.faults, [])
  for (const id of [...IDS, 'steady']) await tasks.schedules.remove(id)
  if (!memoryMode) await nothingIsLeft(t, prefix)
}

/** But for the schedule that code declares. */
async function nothingIsLeft (t: Test, prefix: string): Promise<void> {
  const redis = connect(t)
  const left = async (): Promise<string[]> => {
    const keys = (await redis.keys(`${prefix}*`)).filter(name => !STAYS.test(name))
    const found = await Promise.all(keys.map(async name => /:schedule(s|States)$/.test(name)
      ? Object.entries(await redis.hgetall(name)).filter(([id, text]) => id !== 'code' && !/"moved":true/.test(text))
      : [name]))
    return found.flat().map(String)
  }
  await until('nothing is left', async () => (await left()).length === 0, 15_000)
    .catch(async () => t.strictSame(await left(), []))
}

for (let seed = 1; seed <= SEEDS; seed++) t.test(`program ${seed}`, t => run(t, seed))
