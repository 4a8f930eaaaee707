/**
 * Tags: tasks are found by them, and nothing of a tag outlives its tasks.
 */
import t from 'tap'
import { chain } from '../../lib/plugin.ts'
import {
  build, connect, errorOf, inRedis, memoryMode, pass, randomPrefix, reaches, until
} from '../support/helpers.ts'
import { commandsOf } from '../support/monitor.ts'
import { RedisQueue } from '../../lib/store/redis/queue.ts'
import type { FastifyInstance } from 'fastify'
import type { Redis } from 'ioredis'
import type { TagListOptions, TasksOptions } from '../../lib/types.ts'

/** What is left of the index. */
const index = async (redis: Redis, prefix: string): Promise<unknown[]> => {
  const of = (key: string): string => `${prefix}:{default}:${key}`
  return [await redis.zrange(of('tags'), '0', '-1'), await redis.hkeys(of('tagged'))]
}

async function pages (app: FastifyInstance, options: TagListOptions): Promise<string[][]> {
  const all: string[][] = []
  for (let cursor: string | null | undefined; cursor !== null;) {
    const page = await app.tasks.list({ ...options, ...cursor && { cursor } })
    all.push(page.tasks.map(({ id }) => id))
    cursor = page.cursor
  }
  return all
}

t.test('tasks are listed, counted and changed by a tag, in whatever state', async t => {
  const app = await build(t, { queues: ['other'] }, app => {
    app.tasks.define('good', () => 1)
    app.tasks.define('bad', () => { throw new Error('no') })
  })
  const { tasks } = app
  const enqueue = async (name: string, tags: string[], options = {}): Promise<string> =>
    (await tasks.enqueue(name, undefined, { tags, ...options })).id
  const ids: string[] = []
  for (const name of ['good', 'bad', 'bad', 'good', 'good']) {
    ids.push(await enqueue(name, ['a', `name:${name}`, 'a'], { id: `id${9 - ids.length}` }))
  }
  const other = await enqueue('good', ['a'], { queue: 'other', delay: 60_000 })
  await enqueue('good', ['a!', 'A', 'aa'])
  await enqueue('good', [])
  t.same((await tasks.status(ids[0]!))!.tags, ['a', 'name:good'])
  t.same((await pages(app, { tag: 'a', limit: 2, queue: 'default' })).flat().sort(), ids.toSorted())
  t.same((await pages(app, { tag: 'a', limit: 2 })).flat().at(-1), other)
  await tasks.startWorker()
  for (const id of ids) await reaches(app, id, 'succeeded', 'failed')
  t.same((await pages(app, { tag: 'a', state: 'failed' })).flat().sort(), [ids[2], ids[1]])
  t.same((await pages(app, { tag: 'name:good', name: 'bad' })).flat(), [])
  t.same(await pages(app, { tag: 'none' }), [[]])

  const states = ['failed', 'succeeded', 'delayed'] as const
  t.equal(await tasks.count({ state: [...states], tag: 'a' }), 6)
  t.equal(await tasks.count({ state: 'succeeded', tag: 'a!' }), 1)
  t.match(await tasks.retryMany({ tag: 'a', name: 'bad' }), { matched: 2, changed: 2, cursor: null })
  for (const id of ids.slice(1, 3)) {
    await until('it failed again', async () => (await tasks.status(id))?.failedAttempts.length === 2)
  }
  const first = await tasks.removeMany({ state: ['failed', 'succeeded'], tag: 'a' }, { limit: 2 })
  t.match(first, { matched: 2, changed: 2 })
  const { cursor } = first
  t.match(await tasks.removeMany({ state: ['failed', 'succeeded'], tag: 'a' }, { cursor: cursor! }), { changed: 3 })
  t.match(await tasks.cancelMany({ state: 'delayed', tag: 'a' }), { matched: 1, changed: 1 })
  t.same(await pages(app, { tag: 'a' }), [[other]])
})

t.test('a plain Bee-Queue worker holds a task: it is active by its tag too', { skip: memoryMode }, async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix }, app => { app.tasks.define('x') })
  await app.tasks.enqueue('x', undefined, { tags: ['a'] })
  await connect(t).rpoplpush(`${prefix}:{default}:waiting`, `${prefix}:{default}:active`)
  t.equal(await app.tasks.count({ state: 'waiting', tag: 'a' }), 0)
  t.equal(await app.tasks.count({ state: 'active', tag: 'a' }), 1)
})

t.test('schedules and flows give their tags to their tasks', async t => {
  const app = await build(t)
  const x = app.tasks.define('x', () => 1)
  await app.tasks.schedules.set('s', { task: 'x', every: 3_600_000, options: { tags: ['s'] } })
  const byHand = await app.tasks.schedules.trigger('s')
  await app.tasks.startWorker()
  const member = x.signature(undefined, { tags: ['f'] })
  const flow = await app.tasks.enqueueFlow(chain(member, member))
  await reaches(app, flow.id, 'succeeded')
  t.equal(await app.tasks.count({ state: 'succeeded', tag: 'f' }), 2)
  await reaches(app, byHand.id, 'succeeded')
  t.same((await pages(app, { tag: 's' })).flat(), [byHand.id])
})

/** Each way in which a task can go. */
type End = (app: FastifyInstance, id: string, redis: Redis, prefix: string) => Promise<unknown>
const key = (prefix: string, name: string): string => `${prefix}:{default}:${name}`
const ends: Record<string, [end: End, options?: TasksOptions, enqueue?: object]> = {
  remove: [(app, id) => app.tasks.remove(id)],
  removeMany: [app => app.tasks.removeMany({ state: 'waiting' })],
  'purge of waiting tasks': [app => app.tasks.purge('default')],
  'purge of delayed tasks': [app => app.tasks.purge('default'), {}, { delay: 60_000 }],
  'removal of a delayed task': [(app, id) => app.tasks.remove(id), {}, { delay: 60_000 }],
  'cancel, resultTtl 0': [(app, id) => app.tasks.cancel(id), { resultTtl: 0 }],
  'success, resultTtl 0': [app => app.tasks.startWorker(), { resultTtl: 0 }],
  'expiry, resultTtl 0': [app => app.tasks.startWorker(), { resultTtl: 0 }, { expires: 0 }],
  'success and prune': [app => app.tasks.startWorker(), { resultTtl: 300 }],
  'retry, then prune': [async (app, id) => {
    await app.tasks.startWorker()
    await reaches(app, id, 'failed')
    await app.tasks.retry(id)
  }, { resultTtl: 1_500 }, { id: 'fails' }],
  'a plain Bee-Queue that removes its record': [async (app, id, redis, prefix) => {
    await redis.hdel(key(prefix, 'jobs'), id)
    await app.tasks.startWorker()
  }, { resultTtl: 500 }],
  'such a removal, and a new task with the id': [async (app, id, redis, prefix) => {
    await redis.hdel(key(prefix, 'jobs'), id)
    await app.tasks.enqueue('x', undefined, { id, tags: ['new'] })
    t.same(await index(redis, prefix), [[expectedMember(await redis.hget(key(prefix, 'tagged'), id), id)], [id]])
    await app.tasks.remove(id)
  }, {}, { id: 'own' }]
}

const expectedMember = (entry: string | null, id: string): string => `new ${entry!.split(' ')[0]} ${id}`

inRedis('nothing of a tag is left when its task is gone', 'it reads the keys in Redis', async t => {
  const redis = connect(t)
  for (const [what, [end, options, given]] of Object.entries(ends)) {
    const prefix = randomPrefix()
    const app = await build(t, { prefix, ...options }, app => {
      app.tasks.define('x', (_data, task) => { if (task.id === 'fails') throw new Error('no') })
    })
    const { id } = await app.tasks.enqueue('x', undefined, { tags: ['a', 'b'], ...given })
    t.equal((await redis.zcard(key(prefix, 'tags'))), 2, what)
    await end(app, id, redis, prefix)
    if (!what.includes('plain')) {
      await until(`${what}: it is gone`, async () => await app.tasks.status(id) === null)
      t.same(await index(redis, prefix), [[], []], `${what}: at once`)
    }
    await until(`${what}: nothing is left`, async () => (await index(redis, prefix)).flat().length === 0)
    await app.close()
  }
})

inRedis('what is pruned leaves the index in the same step', 'it reads the keys in Redis', async t => {
  const prefix = randomPrefix()
  const redis = connect(t)
  const queue = new RedisQueue(redis, 'default', prefix)
  const ids = Array.from({ length: 1_000 }, (_, i) => `id${i}`)
  const record = (status: string): string => JSON.stringify({ data: { name: 'x' }, options: { timestamp: 1 }, status })
  for (const half of [ids.slice(500), ids.slice(0, 500)]) {
    await queue.addMany(half.map(id => ({ id, text: record('created'), tags: { at: 1, names: ['a'] } })))
  }
  const { jobs } = await queue.claim(1_000, 'w.1', false)
  await queue.settle(jobs.map(({ id, token }) => ({ id, token, outcome: 'failed', text: record('failed'), ms: 1 })))
  const pruned = await until('some are expired', () => queue.upkeep.prune(100))
  t.equal(await redis.zcard(key(prefix, 'tags')), 1_000 - pruned)
  t.equal(await redis.hlen(key(prefix, 'tagged')), 1_000 - pruned)
  await queue.close()
})

inRedis('a task without tags costs no command more', 'it counts the commands of Redis', async t => {
  const prefix = randomPrefix()
  const options = { prefix, stallInterval: 600_000 } // the upkeep, which looks at tags, is not due
  const app = await build(t, options, app => { app.tasks.define('x', { resultTtl: 0 }, () => 1) })
  const commands = await commandsOf(t)
  const { tasks } = app
  await tasks.cancel((await tasks.enqueue('x', undefined, { tags: [] })).id)
  await tasks.remove((await tasks.enqueue('x', undefined, { id: 'own' })).id)
  const { id } = await tasks.enqueue('x')
  await tasks.startWorker()
  await until('it ran', async () => await tasks.status(id) === null)
  const seen = (await commands()).filter(line => line.includes(prefix))
  t.ok(seen.length > 0)
  t.same(seen.filter(line => / lua\] "[a-z]+" "[^"]*:tag(s|ged)"/i.test(line)), [])
})

t.test('in mode memory what is gone has no tags', { skip: !memoryMode }, async t => {
  const app = await build(t, { resultTtl: 1_000 }, app => { app.tasks.define('x', () => 1) })
  const { id } = await app.tasks.enqueue('x', undefined, { tags: ['a'] })
  await app.tasks.drain()
  t.same(await pages(app, { tag: 'a' }), [[id]])
  await pass(app, 1_001)
  t.same(await pages(app, { tag: 'a' }), [[]])
})

t.test('wrong tags are refused', async t => {
  const app = await build(t, {}, app => { app.tasks.define('x') })
  for (const tags of ['a', [''], ['a b'], ['ä'], [1], Array(11).fill('a'), ['x'.repeat(65)]]) {
    const error = await errorOf(app.tasks.enqueue('x', undefined, { tags: tags as string[] }))
    t.equal(error.code, 'FST_TASKS_TASK_OPTION_INVALID', JSON.stringify(tags))
  }
  t.equal((await errorOf(app.tasks.list({ tag: 'a b' }))).code, 'FST_TASKS_PLUGIN_OPTION_INVALID')
  t.equal((await errorOf(app.tasks.count({ state: 'failed', tag: '' }))).code, 'FST_TASKS_PLUGIN_OPTION_INVALID')
  t.equal((await errorOf(app.tasks.list({ kind: 'flow', tag: 'a' } as any))).code, 'FST_TASKS_OPTION_CLASH')
  const { cursor } = await app.tasks.list({ tag: 'a' })
  t.equal(cursor, null)
})
