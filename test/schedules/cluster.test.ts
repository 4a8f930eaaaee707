/**
 * Schedules on a Redis Cluster: each lives in the slot of its task's queue, and moves with its task to another slot.
 */
import t, { type Test } from 'tap'
import { startCluster } from '../../scripts/redis-cluster.ts'
import { build, connect, latch, randomPrefix, until } from '../support/helpers.ts'
import type { FastifyInstance } from 'fastify'
import type { ScheduleOptions, ScheduleRecord, TasksOptions } from '../../lib/types.ts'

t.setTimeout(120_000) // the servers must find each other, on a busy machine

/** Names whose slots are spread over the three masters. */
const QUEUES = ['default', 'a', 'b', 'c', 'd', 'e', 'f']
const EVERY = 250

// Servers that suspect each other drop the messages between them: on a busy machine a second is soon over.
const cluster = await startCluster({ nodeTimeout: 15_000 })
t.teardown(() => cluster.stop())
const redis = { cluster: cluster.startupNodes }

type Interval = Omit<ScheduleOptions, 'cron' | 'timezone' | 'seconds'>
interface Version { queue: string, handler?: (plannedAt: string) => unknown, schedule?: Interval }

/** One version of an app: its task is in some queue, and its schedule with it. */
function start (
  t: Test, prefix: string, { queue, handler, schedule = {} }: Version, options: TasksOptions = {}
): Promise<FastifyInstance> {
  return build(t, { redis, prefix, worker: true, ...options }, app => {
    app.tasks.define('x', { queue }, async (_data, task) => handler?.(task.schedule!.plannedAt))
    app.tasks.defineSchedule('s', { task: 'x', ...schedule, every: schedule.every ?? EVERY })
  })
}

const read = async (app: FastifyInstance): Promise<ScheduleRecord> => (await app.tasks.schedules.get('s'))!

t.test('a schedule lives in the slot of its task, and fires there', async t => {
  const prefix = randomPrefix()
  const ran: string[] = []
  const app = await build(t, { redis, prefix, queues: QUEUES.slice(1), worker: true }, app => {
    app.tasks.define('x', async (_data, task) => { ran.push(`${task.queue} ${task.schedule!.id}`) })
    for (const queue of QUEUES) {
      app.tasks.defineSchedule(`in-${queue}`, { task: 'x', every: EVERY, overlap: 'allow', options: { queue } })
    }
  })
  for (const queue of QUEUES) await until(`it fires in ${queue}`, () => ran.includes(`${queue} in-${queue}`), 20_000)
  const { schedules: records } = await app.tasks.schedules.list()
  t.same(records.map(({ id, queue }) => `${id} ${queue}`), QUEUES.map(queue => `in-${queue} ${queue}`).sort())
  for (const queue of QUEUES) {
    const owner = await cluster.ownerOf(`{${queue}}`)
    const keys = await connect(t, owner.url).keys(`${prefix}:{${queue}}:*`)
    for (const key of ['schedules', 'scheduleStates', 'ticks']) t.ok(keys.includes(`${prefix}:{${queue}}:${key}`), key)
  }
})

t.test('its task moves to a queue in another slot: no tick is doubled, none is lost', async t => {
  const prefix = randomPrefix()
  const runs = new Map<string, string[]>()
  const version = (queue: string): Version => ({
    queue,
    schedule: { overlap: 'allow' },
    handler: plannedAt => runs.set(plannedAt, [...runs.get(plannedAt) ?? [], queue])
  })
  const ranIn = (queue: string): number => [...runs.values()].filter(queues => queues.includes(queue)).length
  let app!: FastifyInstance
  for (const queue of ['a', 'b', 'c', 'a']) {
    const before = ranIn(queue)
    app = await start(t, prefix, version(queue))
    await until(`it runs in ${queue}`, () => ranIn(queue) >= before + 4, 20_000)
  }
  await app.tasks.schedules.pause('s')
  const { fired, skipped, missed, queue } = await read(app)
  await until('all have run', () => runs.size === fired)
  t.equal(queue, 'a')
  t.same([...runs.values()].filter(queues => queues.length > 1), [], 'none was doubled')
  const times = [...runs.keys()].map(time => Date.parse(time)).sort((one, other) => one - other)
  const last = Date.parse((await read(app)).last!.plannedAt)
  t.equal(last, times.at(-1))
  const planned = (last - times[0]!) / EVERY + 1
  // A tick that was due at the pause, and had not fired, is missed after the last one.
  t.ok([planned, planned + 1].includes(fired + skipped + missed), `${planned} planned: ${fired}, ${skipped}, ${missed}`)
  t.equal(skipped, 0)
})

t.test('a move alone changes no tick that is planned', async t => {
  const prefix = randomPrefix()
  const schedule = { every: 3_600_000, jitter: 1_000_000 }
  const before = await read(await start(t, prefix, { queue: 'a', schedule }))
  const after = await read(await start(t, prefix, { queue: 'd', schedule }))
  t.same(after, { ...before, queue: 'd' })
})

for (const overlap of ['skip', 'queue'] as const) {
  t.test(`right after the move the last task still runs in the old slot: ${overlap}`, async t => {
    const prefix = randomPrefix()
    const [started, end] = [latch(), latch()]
    const handler = (): Promise<void> => {
      started.open()
      return end.promise
    }
    await start(t, prefix, { queue: 'a', handler, schedule: { overlap } })
    await started.promise
    let ranThere = 0
    const app = await start(t, prefix, { queue: 'f', handler: () => { ranThere++ }, schedule: { overlap } })
    const before = (await read(app)).skipped
    await until('ticks are skipped there', async () => (await read(app)).skipped >= before + 3, 20_000)
    t.equal((await read(app)).held, overlap === 'queue')
    t.equal(ranThere, 0)
    end.open()
    await until('it runs there', () => ranThere > 0, 20_000)
    t.match(await read(app), { queue: 'f', last: { taskId: String } })
  })
}
