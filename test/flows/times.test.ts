/**
 * The times of a flow, and what a retry makes of them: delay, expires, lifetime.
 */
import t, { type Test } from 'tap'
import type { FastifyInstance } from 'fastify'
import { chain, group, Unrecoverable } from '../../lib/plugin.ts'
import {
  build, connect, errorOf, latch, memoryMode, pass, randomPrefix, until, type Latch
} from '../support/helpers.ts'

const LONG = { timeout: 60_000 }
const HOUR = 3_600_000
const member = (task: string, data?: unknown, options: object = {}): any =>
  ({ kind: 'signature', task, data, options })

interface Fixture {
  app: FastifyInstance
  ran: string[]
  started: Latch
  gate: Latch
  key: (name: string) => string
}

async function fixture (t: Test): Promise<Fixture> {
  const prefix = randomPrefix()
  const ran: string[] = []
  const [started, gate] = [latch(), latch()]
  let tries = 0
  const app = await build(t, memoryMode ? {} : { prefix }, app => {
    app.tasks.define('x', async (data: any) => { ran.push(`x ${data}`) })
    app.tasks.define('once', async () => { if (tries++ === 0) throw new Unrecoverable('not yet') })
    app.tasks.define('adds', async (_data: any, task: any) => {
      started.open()
      await gate.promise
      await task.flow.add('more', member('x', 'added'))
      await task.flow.add('own', member('x', 'late', { expires: 60_000 }))
    })
  })
  return { app, ran, started, gate, key: name => `${prefix}:{default}:${name}` }
}

/** How long a task is delayed, from its enqueue on. */
const wait = async (app: FastifyInstance, id: string): Promise<number> => {
  const { dueAt, enqueuedAt } = (await app.tasks.status(id))!
  return dueAt === null ? 0 : Date.parse(dueAt) - Date.parse(enqueuedAt)
}

t.test('a flow is delayed as a whole: no member starts before, and its own delay begins then', async t => {
  const { app } = await fixture(t)
  const soon = new Date(Date.now() + 60_000)
  const late = new Date(Date.now() + 3 * HOUR)
  const { id } = await app.tasks.enqueueFlow(group(
    member('x', 1, { delayUntil: soon }), member('x', 2, { delayUntil: late }), member('x', 3, { delay: HOUR }),
    member('x', 4)
  ), { delay: HOUR })
  const hours = await Promise.all([0, 1, 2, 3].map(async node => Math.round(await wait(app, `${id}.${node}`) / HOUR)))
  t.same(hours, [1, 3, 2, 1])
})

t.test('the lifetime of a flow begins behind its delay, and so does what it took', async t => {
  const { app, key } = await fixture(t)
  const handle = await app.tasks.enqueueFlow(member('x', 1), { delay: HOUR, lifetime: 60_000 })
  const start = Date.parse((await handle.status())!.dueAt!)
  if (memoryMode) {
    await pass(app, HOUR)
    await handle.result(LONG)
    t.match(await handle.status(), { state: 'succeeded', startedAt: new Date(start).toISOString() })
  } else {
    const { started, deadline } = await connect(t).hgetall(key(`flow:${handle.id}`))
    t.ok(Math.abs(Number(started) - start) < 1_000)
    t.equal(Number(deadline) - Number(started), 60_000)
  }
})

t.test('a flow whose last task does not end: its lifetime ends that task, and the flow ends as it was', async t => {
  const app = await build(t, { stallInterval: 1_000 }, app => {
    app.tasks.define('x', async (data: any) => data)
    app.tasks.define('no', () => { throw new Unrecoverable('no luck') })
  })
  await app.tasks.startWorker()
  const options = { finally: member('x', 'last', { delay: HOUR }), lifetime: 1_000 }
  const handles = await Promise.all(['x', 'no'].map(task => app.tasks.enqueueFlow(member(task, 'done'), options)))
  if (memoryMode) await pass(app, HOUR / 2)
  const [succeeded, failed] = handles
  t.equal(await succeeded!.result(LONG), 'done')
  t.match(await errorOf(failed!.result(LONG)), { cause: { code: 'FST_TASKS_FLOW_FAILED' } })
  for (const { id } of handles) t.match(await app.tasks.status(`${id}.finally`), { state: 'cancelled' })
})

t.test('the last task of a flow that has lived too long runs', async t => {
  const ran: string[] = []
  const app = await build(t, { stallInterval: 1_000 }, app => {
    app.tasks.define('x', async (data: any) => { ran.push(data) })
  })
  await app.tasks.startWorker()
  const handle = await app.tasks.enqueueFlow(member('x', 'late', { delay: HOUR }),
    { finally: member('x', 'last'), lifetime: 1_000 })
  if (memoryMode) await pass(app, HOUR / 2)
  t.match(await errorOf(handle.result(LONG)), { cause: { code: 'FST_TASKS_FLOW_TIMEOUT' } })
  t.same(ran, ['last'])
})

t.test('a flow that is cancelled before it was due has not started', async t => {
  const { app } = await fixture(t)
  const handle = await app.tasks.enqueueFlow(member('x', 1), { delay: HOUR })
  t.equal(await handle.cancel(), 'cancelled')
  t.match(await handle.status(), { state: 'cancelled', startedAt: null, finishedAt: String })
})

t.test('a retried flow waits for no delay that is over, and does not expire, as a task that is retried', async t => {
  const { app, key } = await fixture(t)
  const handle = await app.tasks.enqueueFlow(chain(
    group(member('once', 1, { delay: 1_000 }), member('x', 'beside')), member('x', 'behind', { delay: HOUR })
  ), { delay: 1_000, expires: HOUR })
  await app.tasks.startWorker()
  await pass(app, 2_000)
  await errorOf(handle.result(LONG))
  if (memoryMode) await pass(app, HOUR)
  t.equal(await app.tasks.retry(handle.id), 'queued')
  const next = await until('what is behind it starts', () => app.tasks.status(`${handle.id}.2-1`))
  t.match(await app.tasks.status(`${handle.id}.0-1`), { state: 'succeeded' })
  if (!memoryMode) t.notMatch(await connect(t).hget(key('jobs'), `${handle.id}.2-1`), '"expires"')
  t.match(next, { state: 'delayed' }, 'it has not run: it waits from now on')
  t.ok(await wait(app, `${handle.id}.2-1`) >= HOUR)
})

t.test('a member that is added expires with the flow, unless it has a time of its own', async t => {
  const { app, ran, started, gate, key } = await fixture(t)
  const handle = await app.tasks.enqueueFlow(member('adds'), { expires: HOUR, failFast: false })
  await app.tasks.startWorker()
  await started.promise
  if (memoryMode) await pass(app, HOUR, { wait: false })
  else await connect(t).hset(key(`flow:${handle.id}`), 'expires', Date.now() - 1) // as if it were an hour later
  gate.open()
  t.match(await errorOf(handle.result(LONG)), { code: 'FST_TASKS_EXPIRED' })
  t.same(ran, ['x late'])
})
