/**
 * Lists of large records: those that show no results read their heads, and all others end behind some MiB.
 */
import t, { type Test } from 'tap'
import { appRegistry } from '../../lib/boot/app-registry.ts'
import { search } from '../../lib/dashboard/search.ts'
import { build, connect, errorOf, inRedis, latch, randomPrefix, until } from '../support/helpers.ts'
import { bytesSent } from '../support/monitor.ts'
import { startRedis } from '../../scripts/redis.ts'
import { chain, group } from '../../lib/plugin.ts'
import type { FastifyInstance } from 'fastify'
import type { PluginInstance } from '../../lib/boot/app-registry.ts'
import type { BriefRecord } from '../../lib/boot/app-registry.ts'
import type { Task, TaskRecord } from '../../lib/types.ts'

const LARGE = 3_000_000
const instanceOf = (app: FastifyInstance): PluginInstance => appRegistry(app).instances[0]!

/** Without what brief records have not. */
const toBrief = ({ result, data, blockedBy, ...brief }: TaskRecord): BriefRecord => brief

async function ended (app: FastifyInstance, state: 'succeeded' | 'failed', count: number): Promise<void> {
  await until(`${count} are ${state}`, async () => (await app.tasks.counts()).default![state] === count)
}

t.test('a brief page has all of 20 tasks with large results, and what else their records have', async t => {
  const app = await build(t, { maxResultSize: 2 * LARGE, maxDataSize: 2 * LARGE }, app => {
    app.tasks.define('large', async (_data, task) => {
      await task.updateState('ON', { done: 1 })
      return 'ä'.repeat(LARGE / 2)
    })
    app.tasks.define('fails', () => { throw new Error('no') })
  })
  await app.tasks.enqueueMany('large', Array.from({ length: 20 }, (_, n) => ({ data: n, tags: ['t'] })))
  const data = { options: {}, list: Array.from({ length: 50_000 }, (_, i) => ({ i })) }
  await app.tasks.enqueue('fails', data, { tags: ['t'] })
  await app.tasks.enqueue('large', 'x'.repeat(LARGE))
  const { listBriefs } = instanceOf(app)
  const waiting = await listBriefs({ state: 'waiting', limit: 50 })
  t.equal(waiting.tasks.length, 22)
  t.equal(waiting.lookedAt, 22)
  await app.tasks.startWorker({ concurrency: 2 })
  await ended(app, 'succeeded', 21)
  await ended(app, 'failed', 1)
  const lists = [[{ state: 'succeeded' }, 21], [{ state: 'failed' }, 1], [{ tag: 't' }, 21]] as const
  for (const [options, count] of lists) {
    const { tasks, cursor } = await listBriefs({ ...options, limit: 50 })
    t.equal(cursor, null)
    t.equal(tasks.length, count)
    const whole = await Promise.all(tasks.map(async ({ id }) => toBrief((await app.tasks.status(id))!)))
    t.same(tasks, whole)
    t.notOk(tasks.some(task => 'result' in task || 'data' in task))
  }
})

t.test('brief records say the states of all tasks, and the progress of those that run', async t => {
  const go = latch()
  const app = await build(t, {}, app => {
    app.tasks.define('slow', async (_data, task) => {
      await task.updateState('HALF', 50)
      await go.promise
    })
    app.tasks.define('limited', { limit: { max: 1 } })
  })
  await app.tasks.enqueueMany('slow', [{}, { delay: 60_000 }])
  await app.tasks.startWorker({ concurrency: 1 })
  await until('it runs', async () => (await app.tasks.list({ state: 'active' })).tasks[0]?.stage === 'HALF')
  await app.tasks.enqueueMany('limited', [{}, {}])
  const { listBriefs } = instanceOf(app)
  for (const state of ['active', 'delayed', 'waiting'] as const) {
    const { tasks } = await app.tasks.list({ state })
    t.same((await listBriefs({ state })).tasks, tasks.map(toBrief), state)
  }
  go.open()
})

t.test('the progress of running tasks counts for a page', async t => {
  const go = latch()
  const app = await build(t, { maxProgressSize: 1_000_000 }, app => {
    app.tasks.define('slow', async (_data, task) => {
      await task.reportProgress('x'.repeat(900_000))
      await go.promise
    })
  })
  await app.tasks.enqueueMany('slow', Array.from({ length: 8 }, () => ({})))
  await app.tasks.startWorker({ concurrency: 8 })
  const { listBriefs } = instanceOf(app)
  const all = async (list: typeof listBriefs | typeof app.tasks.list): Promise<TaskRecord[][]> => {
    const pages: TaskRecord[][] = []
    for (let cursor: string | null | undefined; cursor !== null;) {
      const page = await list({ state: 'active', limit: 50, ...cursor && { cursor } })
      pages.push(page.tasks as TaskRecord[])
      cursor = page.cursor
    }
    return pages
  }
  const list = app.tasks.list.bind(app.tasks)
  await until('all have reported', async () => (await all(list)).flat().every(({ progress }) => progress !== null) &&
    (await app.tasks.counts()).default!.active === 8)
  for (const pages of [await all(list), await all(listBriefs)]) {
    t.equal(pages.flat().length, 8)
    t.ok(pages.length >= 2 && pages.every(page => page.length <= 5), pages.map(page => page.length).join(' '))
  }
  go.open()
})

/** An app with 50 ended tasks with large results, of a Redis of its own. */
async function withLargeResults (t: Test): Promise<{ app: FastifyInstance, large: Task, sent: () => Promise<number> }> {
  const server = await startRedis()
  t.teardown(() => server.stop())
  let large!: Task
  const app = await build(t, { redis: server.url, prefix: 'bq', maxResultSize: LARGE * 2 }, app => {
    large = app.tasks.define('large', () => 'x'.repeat(LARGE))
    app.tasks.defineSchedule('s', { task: 'large', cron: '0 0 1 1 *' })
  })
  await app.tasks.schedules.trigger('s')
  const redis = connect(t, server.url)
  return { app, large, sent: () => bytesSent(redis) }
}

inRedis('lists that show no results do not read them', 'counts the bytes that Redis sends', async t => {
  const { app, large, sent } = await withLargeResults(t)
  const { id } = await app.tasks.enqueueFlow(group(...Array.from({ length: 10 }, () => large.signature())))
  await app.tasks.startWorker({ concurrency: 2 })
  await ended(app, 'succeeded', 11)
  await until('the flow has ended', async () =>
    (await instanceOf(app).listBriefs({ kind: 'flow' })).tasks[0]?.state === 'succeeded')
  const before = await sent()
  const { listBriefs } = instanceOf(app)
  t.equal((await listBriefs({ state: 'succeeded', limit: 50 })).tasks.length, 11)
  t.equal((await listBriefs({ flow: id, limit: 50 })).tasks.length, 10)
  t.equal((await listBriefs({ kind: 'flow', limit: 50 })).tasks.length, 1)
  await app.tasks.schedules.list()
  t.ok(await sent() - before < 200_000, `${await sent() - before} bytes`)
})

t.test('a page of flows with large results ends earlier, and the next ones have the others', async t => {
  let large!: Task
  const app = await build(t, { maxResultSize: LARGE }, app => {
    large = app.tasks.define('large', () => 'x'.repeat(1_800_000))
  })
  const flows = []
  for (let i = 0; i < 5; i++) flows.push(await app.tasks.enqueueFlow(chain(large.signature())))
  await app.tasks.startWorker({ concurrency: 1 })
  await ended(app, 'succeeded', 5)
  await until('all have ended', async () =>
    (await instanceOf(app).listBriefs({ kind: 'flow' })).tasks.every(({ state }) => state === 'succeeded'))
  const pages: TaskRecord[][] = []
  for (let cursor: string | null | undefined; cursor !== null;) {
    const page = await app.tasks.list({ kind: 'flow', limit: 50, ...cursor && { cursor } })
    pages.push(page.tasks)
    cursor = page.cursor
  }
  t.same(pages.map(page => page.length), [3, 2])
  t.same(pages.flat().map(({ id }) => id).sort(), flows.map(({ id }) => id).sort())
  for (const { result } of pages.flat()) t.equal((result as string).length, 1_800_000)
})

t.test('a page of members with large results ends earlier, and has those that were added in the end', async t => {
  let large!: Task
  const app = await build(t, { maxResultSize: LARGE }, app => {
    const small = app.tasks.define('small', () => 1)
    large = app.tasks.define('large', async (_data, task) => {
      if (task.flow?.key === '0') await task.flow.add('more', small.signature())
      return 'x'.repeat(1_800_000)
    })
  })
  const { id } = await app.tasks.enqueueFlow(group(...Array.from({ length: 6 }, () => large.signature())))
  await app.tasks.startWorker({ concurrency: 1 })
  await ended(app, 'succeeded', 7)
  const expected = ['0', '1', '2', '3', '4', '5', '0:more']
  for (const [limit, sizes] of [[50, [3, 3, 1]], [2, [2, 2, 2, 1]], [3, [3, 3, 1]], [7, [3, 4]]] as const) {
    const pages: TaskRecord[][] = []
    for (let cursor: string | null | undefined; cursor !== null;) {
      const page = await app.tasks.list({ flow: id, limit, ...cursor && { cursor } })
      pages.push(page.tasks)
      cursor = page.cursor
    }
    t.same(pages.flat().map(({ flow }) => flow!.key), expected, `limit ${limit}`)
    if (limit === 2 || limit === 3) t.same(pages.map(page => page.length), sizes)
    else t.ok(pages.length > 1 && pages.every(page => page.length > 0 && page.length <= 4))
  }
  for (const cursor of ['x', '-1', '+x', '+7', '+:x']) {
    t.match(await errorOf(app.tasks.list({ flow: id, cursor })), { code: 'FST_TASKS_CURSOR_INVALID' })
  }
})

t.test('a search says how many tasks it has read, and no more', async t => {
  const app = await build(t, { maxDataSize: LARGE }, app => { app.tasks.define('x') })
  const data = Array.from({ length: 60_000 }, (_, i) => [i])
  const result = Object.assign([...data], { length: 40_000 })
  await app.tasks.enqueueMany('x', Array.from({ length: 7 }, () => ({ data: result })))
  const filter = { mayMatch: () => false, matches: () => false, isLikely: () => false }
  const page = await search(instanceOf(app), { states: ['waiting', 'delayed'], filter })
  t.equal(page.lookedAt, 7)
  t.equal(page.cursor, null)
})

// Heads in Redis

const KEYS = ['jobs', 'heads'] as const

interface Fixture {
  app: FastifyInstance
  unkept: Task
  sizes: () => Promise<number[]>
  key: (name: string) => string
  redis: ReturnType<typeof connect>
}

async function fixture (t: Test, options = {}): Promise<Fixture> {
  const prefix = randomPrefix()
  let unkept!: Task
  const app = await build(t, { prefix, stallInterval: 1_000, ...options }, app => {
    app.tasks.define('large', async () => 'x'.repeat(100_000))
    unkept = app.tasks.define('never-kept', { resultTtl: 0 }, async () => {})
    app.tasks.define('soon-gone', { resultTtl: 300 }, async () => {})
    app.tasks.define('fails', () => { throw new Error('no') })
  })
  const redis = connect(t)
  const key = (name: string): string => `${prefix}:{default}:${name}`
  return { app, unkept, redis, key, sizes: () => Promise.all(KEYS.map(name => redis.hlen(key(name)))) }
}

const why = 'looks at the heads that are stored'
const big = 'y'.repeat(100_000)

inRedis('a head dies with its record', why, async t => {
  const { app, redis, key, sizes } = await fixture(t)
  const waits = await app.tasks.enqueueMany('large', Array.from({ length: 3 }, () => ({ data: big })))
  const delayed = await app.tasks.enqueue('never-kept', big, { delay: 60_000 })
  t.same(await sizes(), [4, 4])
  await app.tasks.remove(waits[0]!.id)
  await delayed.cancel()
  t.same(await sizes(), [2, 2], 'remove, and a cancel that keeps no record')
  await app.tasks.purge('default')
  t.same(await sizes(), [0, 0], 'purge')

  await app.tasks.enqueue('never-kept', big)
  await app.tasks.enqueue('soon-gone', big)
  const gone = await app.tasks.enqueue('large', big, { delay: 60_000 })
  const worker = await app.tasks.startWorker()
  await until('those that ended are gone', async () => (await sizes()).every(size => size === 1))
  await redis.hdel(key('jobs'), gone.id) // as a plain Bee-Queue does
  await until('its head is found', async () => (await sizes())[1] === 0)
  await worker.close()
})

inRedis('a task that removes itself at its end takes its head along', why, async t => {
  const { app, sizes } = await fixture(t)
  await app.tasks.enqueue('never-kept', big)
  await app.tasks.startWorker()
  const left = await until('the record is gone', async () => {
    const [records, heads] = await sizes()
    return records === 0 && [heads]
  })
  t.same(left, [0])
})

inRedis('the heads of members die with them', why, async t => {
  const { app, unkept, sizes } = await fixture(t)
  const handle = await app.tasks.enqueueFlow(group(unkept.signature(big)), { resultTtl: 0 })
  await app.tasks.startWorker()
  await errorOf(handle.result({ timeout: 60_000 }))
  await until('nothing is left', async () => (await sizes()).every(size => size === 0))
})

inRedis('a head counts only while its record is as it was written', why, async t => {
  const { app, redis, key } = await fixture(t)
  const { id } = await app.tasks.enqueue('fails', big)
  await app.tasks.startWorker()
  await ended(app, 'failed', 1)
  const { listBriefs } = instanceOf(app)
  t.equal((await listBriefs({ state: 'failed' })).tasks[0]!.error!.message, 'no')
  const record = JSON.parse((await redis.hget(key('jobs'), id))!)
  await redis.hset(key('jobs'), id, JSON.stringify({ ...record, error: { ...record.error, message: 'other' } }))
  t.equal((await listBriefs({ state: 'failed' })).tasks[0]!.error!.message, 'other', 'by another program')
  await redis.hdel(key('jobs'), id)
  t.same((await listBriefs({ state: 'failed' })).tasks, [])
})

inRedis('a plain Bee-Queue worker holds a task: a brief record says that it runs', why, async t => {
  const { app, redis, key } = await fixture(t)
  const { id } = await app.tasks.enqueue('large', null, { tags: ['t'] })
  await redis.lmove(key('waiting'), key('active'), 'RIGHT', 'LEFT')
  const { listBriefs } = instanceOf(app)
  for (const options of [{ state: 'active' }, { tag: 't' }] as const) {
    t.match((await listBriefs(options)).tasks, [{ id, state: 'active' }])
  }
})
