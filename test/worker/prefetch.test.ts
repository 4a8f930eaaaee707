/**
 * If tasks are quick, a worker prefetches: it claims more tasks than it has free slots. That must not delay any task.
 */
import { once } from 'node:events'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { uptime } from '../../lib/timers.ts'
import { PrefetchWindow } from '../../lib/worker/prefetch.ts'
import { RedisQueue } from '../../lib/store/redis/queue.ts'
import { build, connect, latch, randomPrefix, reaches, until, type Latch } from '../support/helpers.ts'
import { ALONE } from '../support/room.ts'
import type { ClaimReply } from '../../lib/store/contract.ts'
import type { EnqueueOptions, WorkerOptions } from '../../lib/types.ts'

/** Ids of the quick tasks that wait behind the slow task. */
const BEHIND = ['b1', 'b2', 'b3', 'b4']

interface Scene {
  /** An app without a worker that defines both tasks. */
  app: FastifyInstance
  prefix: string
  /** Opened, it ends the slow task. */
  gate: Latch
  /** Ids of the quick tasks that ran. */
  ran: string[]
  /** Published events of the tasks behind, as `id event`. */
  events: string[]
  /** The claims of all workers, in their order. */
  claims: Array<{ worker: string, id: string }>
  /** Resolves once the tasks behind are claimed and the slow task runs. */
  claimed: () => Promise<void>
  /** Starts an app with a worker. */
  startWorker: (worker?: WorkerOptions) => Promise<FastifyInstance>
}

/**
 * A queue of many quick tasks, then a slow task, then four quick tasks. When a worker starts the slow task, it has
 * prefetched the last four.
 */
async function scene (t: Test, options: EnqueueOptions = {}): Promise<Scene> {
  const prefix = randomPrefix()
  const gate = latch()
  const started = latch()
  const ran: string[] = []
  const events: string[] = []
  const claims = recordClaims(t)
  const define = (app: FastifyInstance): void => {
    app.tasks.define('quick', (_data, task) => { ran.push(task.id) })
    app.tasks.define('slow', () => {
      started.open()
      return gate.promise
    })
  }
  const startWorker = (worker: WorkerOptions = {}): Promise<FastifyInstance> =>
    build(t, { prefix, worker: { concurrency: 1, ...worker } }, define)
  const app = await build(t, { prefix }, define)
  t.teardown(() => gate.open())
  await app.tasks.enqueueMany('quick', Array.from({ length: 300 }, () => ({})))
  await app.tasks.enqueue('slow', null, { id: 'slow' })
  await app.tasks.enqueueMany('quick', BEHIND.map(id => ({ id, ...options })))

  await new RedisQueue(connect(t), 'default', prefix).watch(BEHIND, 60_000)
  const listener = connect(t)
  await listener.psubscribe(`${prefix}:*`)
  listener.on('pmessage', (_pattern, channel, message) => {
    if (channel.includes(':task:b')) events.push(`${channel.split(':task:')[1]} ${message}`)
  })
  const claimed = async (): Promise<void> => {
    while (!events.includes('b1 active')) await once(listener, 'pmessage')
    await started.promise
  }
  return { app, prefix, gate, ran, events, claims, claimed, startWorker }
}

/** Records the claims of the workers in this process, until the test ends. */
function recordClaims (t: Test): Scene['claims'] {
  const { claim, claimNext } = RedisQueue.prototype
  const claims: Scene['claims'] = []
  const record = (reply: ClaimReply): ClaimReply => {
    for (const { id, token } of reply.jobs) claims.push({ worker: token.slice(0, token.lastIndexOf('.')), id })
    return reply
  }
  RedisQueue.prototype.claim = async function (...args) { return record(await claim.apply(this, args)) }
  RedisQueue.prototype.claimNext = async function (...args) { return record(await claimNext.apply(this, args)) }
  t.teardown(() => { Object.assign(RedisQueue.prototype, { claim, claimNext }) })
  return claims
}

const states = async ({ app }: Scene): Promise<string[]> =>
  Promise.all(BEHIND.map(async id => (await app.tasks.status(id))!.state))
const areAll = async (scene: Scene, expected: string): Promise<boolean> =>
  (await states(scene)).every(state => state === expected)

t.test('a slow task does not hold up prefetched tasks', ALONE, async t => {
  const s = await scene(t)
  await s.startWorker()
  await s.claimed()
  await until('they wait again', () => areAll(s, 'waiting'))
  t.equal((await s.app.tasks.status('slow'))!.state, 'active', 'while the slow task runs')
  const queue = new RedisQueue(connect(t), 'default', s.prefix)
  t.strictSame((await queue.pageOf('waiting', 10)).ids, BEHIND, 'in their old order')
  await s.startWorker()
  await until('another worker runs them', () => areAll(s, 'succeeded'))
  t.equal((await s.app.tasks.status('slow'))!.state, 'active')
  t.strictSame(s.ran.slice(-4), BEHIND)
  t.equal((await s.app.tasks.status('b1'))!.attempt, 1, 'no attempt was spent')
  s.gate.open()
})

t.test('no task is prefetched while the slow task runs', ALONE, async t => {
  const s = await scene(t)
  await s.startWorker()
  await s.claimed()
  await until('they wait again', () => areAll(s, 'waiting'))
  const before = s.claims.length
  const busy = s.claims.find(({ id }) => id === 'slow')!.worker
  await s.app.tasks.enqueue('quick', null, { id: 'b5' })
  await s.startWorker()
  await until('the other worker runs them', () => areAll(s, 'succeeded'))
  const late = s.claims.slice(before).filter(({ worker }) => worker === busy).map(({ id }) => id)
  // A wait in Redis that began before the slow task may claim one task, which is released at once.
  t.ok(late.length <= 1, `the busy worker claims no more: ${late}`)
  s.gate.open()
})

t.test('a close hands prefetched tasks back at once, and waits for the slow task', ALONE, async t => {
  const s = await scene(t)
  const worker = await s.startWorker({ closeTimeout: 30_000 })
  await s.claimed()
  const closed = worker.close()
  await until('they wait again', () => areAll(s, 'waiting'))
  t.equal((await s.app.tasks.status('slow'))!.state, 'active')
  s.gate.open()
  await closed
  t.equal((await reaches(s.app, 'slow', 'succeeded')).attempt, 1)
})

t.test('a prefetched task that is cancelled never runs', ALONE, async t => {
  const s = await scene(t)
  await s.startWorker()
  await s.claimed()
  t.match(await s.app.tasks.cancel('b1'), /^(cancelled|requested)$/)
  await reaches(s.app, 'b1', 'cancelled')
  s.gate.open()
  for (const id of BEHIND.slice(1)) await reaches(s.app, id, 'succeeded')
  t.notOk(s.ran.includes('b1'))
})

t.test('with prefetch too, at most concurrency tasks run at once, and each task runs once', async t => {
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
  await until('all tasks have ended', async () => (await app.tasks.counts()).default!.succeeded === 2_000)
  t.equal(most, 3)
  t.equal(ran.size, 2_000)
  t.ok([...ran.values()].every(times => times === 1))
})

t.test('quick tasks are settled and claimed in large batches, slow ones in small ones', async t => {
  const batchOf = (concurrency: number, runMs?: number): number => {
    const window = new PrefetchWindow(concurrency, () => false)
    if (runMs !== undefined) window.taskEnded(uptime() - runMs)
    return window.batch()
  }
  t.equal(batchOf(100), 100, 'at first: nothing is known')
  t.equal(batchOf(100, 0), 100)
  t.equal(batchOf(100, 1_000), 10)
  t.equal(batchOf(4, 1_000), 8)
  t.equal(batchOf(5_000, 1_000), 100)
})
