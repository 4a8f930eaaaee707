/**
 * Where tasks are quick a worker claims some ahead of its free slots. That must hold up nobody.
 */
import { once } from 'node:events'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { RedisQueue } from '../../lib/store/redis/queue.ts'
import { build, connect, latch, randomPrefix, reaches, until, type Latch } from '../support/helpers.ts'
import type { EnqueueOptions, WorkerOptions } from '../../lib/types.ts'

const BEHIND = ['b1', 'b2', 'b3', 'b4']

interface Scene {
  /** Defines all, works on nothing. */
  app: FastifyInstance
  prefix: string
  gate: Latch
  /** Ids that ran. */
  ran: string[]
  /** What is published of those behind, as `id event`. */
  events: string[]
  /** Resolves once those behind are claimed, and the slow one runs. */
  claimed: () => Promise<void>
  /** An app that works. */
  work: (worker?: WorkerOptions) => Promise<FastifyInstance>
}

/** A queue of many quick tasks, then a slow one, then some more: a worker that comes to the slow one has those behind it. */
async function scene (t: Test, options: EnqueueOptions = {}): Promise<Scene> {
  const prefix = randomPrefix()
  const gate = latch()
  const started = latch()
  const ran: string[] = []
  const events: string[] = []
  const define = (app: FastifyInstance): void => {
    app.tasks.define('quick', (_data, task) => { ran.push(task.id) })
    app.tasks.define('slow', () => {
      started.open()
      return gate.promise
    })
  }
  const work = (worker: WorkerOptions = {}): Promise<FastifyInstance> => build(t, { prefix, worker: { concurrency: 1, ...worker } }, define)
  const app = await build(t, { prefix }, define)
  t.teardown(() => gate.open())
  await app.tasks.enqueueMany('quick', Array.from({ length: 300 }, () => ({})))
  await app.tasks.enqueue('slow', null, { id: 'slow' })
  await app.tasks.enqueueMany('quick', BEHIND.map(id => ({ id, ...options })))

  await new RedisQueue(connect(t), 'default', prefix).watch(BEHIND, 60_000)
  const listener = connect(t)
  await listener.psubscribe(`${prefix}:*`)
  listener.on('pmessage', (_pattern, channel, message) => { if (channel.includes(':task:b')) events.push(`${channel.split(':task:')[1]} ${message}`) })
  const claimed = async (): Promise<void> => {
    while (!events.includes('b1 active')) await once(listener, 'pmessage')
    await started.promise
  }
  return { app, prefix, gate, ran, events, claimed, work }
}

const states = async ({ app }: Scene): Promise<string[]> => Promise.all(BEHIND.map(async id => (await app.tasks.status(id))!.state))
const areAll = async (scene: Scene, state: string): Promise<boolean> => (await states(scene)).every(one => one === state)

t.test('one slow task holds up none of those that were claimed with it', async t => {
  const s = await scene(t)
  await s.work()
  await s.claimed()
  await until('they wait again', () => areAll(s, 'waiting'))
  t.equal((await s.app.tasks.status('slow'))!.state, 'active', 'while the slow one runs')
  t.strictSame((await new RedisQueue(connect(t), 'default', s.prefix).pageOf('waiting', 10)).ids, BEHIND, 'in their old order')
  await s.work()
  await until('another worker runs them', () => areAll(s, 'succeeded'))
  t.equal((await s.app.tasks.status('slow'))!.state, 'active')
  t.strictSame(s.ran.slice(-4), BEHIND)
  t.equal((await s.app.tasks.status('b1'))!.attempt, 1, 'no attempt was spent')
  s.gate.open()
})

t.test('it claims none ahead while the slow one runs', async t => {
  const s = await scene(t)
  await s.work()
  await s.claimed()
  await until('they wait again', () => areAll(s, 'waiting'))
  const before = s.events.length
  await s.app.tasks.enqueue('quick', null, { id: 'b5' })
  await s.work()
  await until('the other worker runs them', () => areAll(s, 'succeeded'))
  t.equal(s.events.slice(before).filter(event => event === 'b1 active').length, 1, 'by the other worker, once')
  s.gate.open()
})

t.test('a close hands them back at once, and waits for the slow one', async t => {
  const s = await scene(t)
  const worker = await s.work({ closeTimeout: 30_000 })
  await s.claimed()
  const closed = worker.close()
  await until('they wait again', () => areAll(s, 'waiting'))
  t.equal((await s.app.tasks.status('slow'))!.state, 'active')
  s.gate.open()
  await closed
  t.equal((await reaches(s.app, 'slow', 'succeeded')).attempt, 1)
})

t.test('one that is cancelled meanwhile never runs', async t => {
  const s = await scene(t)
  await s.work()
  await s.claimed()
  t.match(await s.app.tasks.cancel('b1'), /^(cancelled|requested)$/)
  await reaches(s.app, 'b1', 'cancelled')
  s.gate.open()
  for (const id of BEHIND.slice(1)) await reaches(s.app, id, 'succeeded')
  t.notOk(s.ran.includes('b1'))
})

t.test('with ahead and without, no more than concurrency run at once, and each once', async t => {
  let running = 0
  let most = 0
  const ran = new Map<string, number>()
  const app = await build(t, {}, app => {
    app.tasks.define('quick', async (_data, task) => {
      most = Math.max(most, ++running)
      ran.set(task.id, (ran.get(task.id) ?? 0) + 1)
      await new Promise(resolve => setImmediate(resolve))
      running--
    })
  })
  await app.tasks.enqueueMany('quick', Array.from({ length: 2_000 }, () => ({})))
  await app.tasks.startWorker({ concurrency: 3 })
  await until('all have ended', async () => (await app.tasks.counts()).default!.succeeded === 2_000)
  t.equal(most, 3)
  t.equal(ran.size, 2_000)
  t.ok([...ran.values()].every(times => times === 1))
})
