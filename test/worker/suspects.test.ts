/**
 * A task at the last start that maxStalls allows starts with no other task beside it: it may be the one that ends its
 * worker each time.
 */
import { once } from 'node:events'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { build, connect, latch, logger, randomPrefix, reaches, until, type Latch } from '../support/helpers.ts'
import { spawnWorker } from '../support/worker-process.ts'
import type { TasksOptions } from '../../lib/types.ts'

const STALL = 1_000

t.test('a task that ends its worker fails alone: those that ran beside it succeed', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix, stallInterval: STALL }, app => {
    app.tasks.define('culprit')
    app.tasks.define('innocent')
  })
  const innocents = await app.tasks.enqueueMany('innocent', Array.from({ length: 9 }, () => ({})))
  const culprit = await app.tasks.enqueue('culprit')
  let deaths = 0
  const isOver = async (): Promise<boolean> => {
    const states = await Promise.all([culprit, ...innocents].map(async ({ id }) => (await app.tasks.status(id))!.state))
    return states.every(state => state === 'succeeded' || state === 'failed')
  }
  for (let worker = spawnWorker(t, { prefix, stall: STALL }); ; worker = spawnWorker(t, { prefix, stall: STALL })) {
    const died = once(worker, 'exit').then(() => true)
    if (!await Promise.race([died, until('all have ended', isOver, 40_000).then(() => false, () => false)])) break
    deaths++
  }
  t.equal(deaths, 3)
  t.match(await app.tasks.status(culprit.id), { state: 'failed', error: { code: 'FST_TASKS_STALLED' } })
  for (const { id } of innocents) t.match(await app.tasks.status(id), { state: 'succeeded' })
})

interface Scene {
  app: FastifyInstance
  /** Opened, it ends the task with this id. */
  gates: Record<string, Latch>
  /** `id started` and `id ended`, in their order. */
  course: string[]
  log: ReturnType<typeof logger>
  /** Enqueues a task that stalled twice. */
  enqueueSuspect: (id: string, queue?: string) => Promise<void>
}

/** An app without a worker, whose task `x` ends when its gate is opened. Two queues. */
async function scene (t: Test, options: TasksOptions = {}): Promise<Scene> {
  const prefix = randomPrefix()
  const redis = connect(t)
  const course: string[] = []
  const gates: Record<string, Latch> = {}
  const log = logger()
  const app = await build(t, { prefix, queues: ['default', 'other'], ...options }, app => {
    app.tasks.define('x', async (_data, task) => {
      course.push(`${task.id} started`)
      await gates[task.id]?.promise
      course.push(`${task.id} ended`)
    })
  }, { logger: { stream: log.stream } } as any)
  t.teardown(() => { for (const gate of Object.values(gates)) gate.open() })
  const enqueueSuspect = async (id: string, queue = 'default'): Promise<void> => {
    const key = (name: string): string => `${prefix}:{${queue}}:${name}`
    await app.tasks.enqueue('x', null, { id, queue, delay: 3_600_000 })
    await redis.multi().hset(key('stalls'), id, 2).zrem(key('delayed'), id).lpush(key('waiting'), id).exec()
  }
  return { app, gates, course, log, enqueueSuspect }
}

t.test('a suspect waits until nothing runs in its process; nothing starts before it has ended', async t => {
  for (const concurrency of [1, 3]) {
    const { app, gates, course, enqueueSuspect } = await scene(t)
    Object.assign(gates, { elsewhere: latch(), suspect: latch(), second: latch() })
    await app.tasks.startWorker({ concurrency })
    await app.tasks.enqueue('x', null, { id: 'elsewhere', queue: 'other' })
    await until('it runs', () => course.length === 1)
    await enqueueSuspect('suspect')
    await reaches(app, 'suspect', 'active')
    await app.tasks.enqueue('x', null, { id: 'late', queue: 'other' }) // a wait in flight may claim it
    await enqueueSuspect('second', 'other')
    const ids = (await app.tasks.enqueueMany('x', Array.from({ length: 20 }, () => ({})))).map(({ id }) => id)
    t.same(course, ['elsewhere started'])
    gates.elsewhere!.open()
    await until('the suspect runs', () => course.includes('suspect started'))
    gates.suspect!.open()
    await until('the second suspect runs', () => course.includes('second started'))
    gates.second!.open()
    for (const id of ids) await reaches(app, id, 'succeeded')
    const order = course.filter(line => /^(elsewhere|suspect|second)/.test(line))
    await reaches(app, 'late', 'succeeded')
    t.ok(course.indexOf('late started') > course.indexOf('suspect ended'))
    t.same(order.slice(0, 4), ['elsewhere started', 'elsewhere ended', 'suspect started', 'suspect ended'])
    for (const id of ['suspect', 'second']) t.equal(course.indexOf(`${id} ended`), course.indexOf(`${id} started`) + 1)
    await app.close()
  }
})

t.test('a suspect that waits too long is deferred, and the worker goes on with other tasks', async t => {
  const { app, gates, course, log, enqueueSuspect } = await scene(t, { stallInterval: STALL })
  gates.long = latch()
  await app.tasks.startWorker({ concurrency: 2 })
  await app.tasks.enqueue('x', null, { id: 'long' })
  await until('it runs', () => course.length === 1)
  await enqueueSuspect('suspect')
  const quick = await app.tasks.enqueue('x')
  await reaches(app, quick.id, 'succeeded')
  const lines = await until('it is deferred twice', () => {
    const found = log.lines.filter(line => line.event === 'task.suspect_deferred')
    return found.length > 1 ? found : undefined
  })
  t.match(lines[0], { level: 40, taskId: 'suspect', running: [{ taskId: 'long' }] })
  t.same(lines.map(line => line.delayMs), [STALL, 2 * STALL], 'the second time it was waited for longer')
  t.notOk(course.includes('suspect started'))
  gates.long!.open()
  t.match(await reaches(app, 'suspect', 'succeeded'), { attempt: 1 })
})

t.test('a suspect that takes long: other tasks start beside it after a while, but no other suspect', async t => {
  const { app, gates, course, enqueueSuspect } = await scene(t, { stallInterval: STALL })
  Object.assign(gates, { parent: latch() })
  await app.tasks.startWorker({ concurrency: 2 })
  await enqueueSuspect('parent')
  await until('it runs', () => course.length === 1)
  await app.tasks.enqueue('x', null, { id: 'child' })
  await reaches(app, 'child', 'succeeded')
  await enqueueSuspect('second')
  await reaches(app, 'second', 'active')
  gates.parent!.open()
  await reaches(app, 'second', 'succeeded')
  t.same(course, [
    'parent started', 'child started', 'child ended', 'parent ended', 'second started', 'second ended'
  ])
})

t.test('another suspect that waits, and is deferred, does not keep other tasks from starting beside it', async t => {
  const { app, gates, course, enqueueSuspect } = await scene(t, { stallInterval: STALL })
  Object.assign(gates, { parent: latch() })
  await app.tasks.startWorker({ concurrency: 2 })
  await enqueueSuspect('parent')
  await until('it runs', () => course.length === 1)
  await enqueueSuspect('second', 'other') // the wait of its queue was on its way
  await reaches(app, 'second', 'active')
  await app.tasks.enqueue('x', null, { id: 'child' })
  await reaches(app, 'child', 'succeeded')
  t.same(course, ['parent started', 'child started', 'child ended'])
})

t.test('a suspect that waits can be cancelled', async t => {
  const { app, gates, course, enqueueSuspect } = await scene(t)
  gates.long = latch()
  await app.tasks.startWorker({ concurrency: 2 })
  await app.tasks.enqueue('x', null, { id: 'long' })
  await until('it runs', () => course.length === 1)
  await enqueueSuspect('suspect')
  await reaches(app, 'suspect', 'active')
  const after = await app.tasks.enqueue('x')
  await app.tasks.cancel('suspect')
  await reaches(app, 'suspect', 'cancelled')
  await reaches(app, after.id, 'succeeded')
  t.notOk(course.includes('suspect started'))
})

t.test('a close gives a suspect that waits back, and other workers of the process go on', async t => {
  const { app, gates, course, enqueueSuspect } = await scene(t)
  gates.long = latch()
  const worker = await app.tasks.startWorker({ concurrency: 2, closeTimeout: 100 })
  await app.tasks.enqueue('x', null, { id: 'long' })
  await until('it runs', () => course.length === 1)
  await enqueueSuspect('suspect')
  await reaches(app, 'suspect', 'active')
  const closed = worker.close()
  await reaches(app, 'suspect', 'waiting')
  gates.long!.open()
  await closed
  await app.tasks.startWorker()
  t.match(await reaches(app, 'suspect', 'succeeded'), { attempt: 1 })
})
