import t from 'tap'
import { build, connect, errorOf, inRedis, keysOf, latch, randomPrefix, reaches, until } from '../support/helpers.ts'
import { startRedis } from '../../scripts/redis.ts'
import { bytesSent } from '../support/monitor.ts'
import { QueueFixture } from '../support/queue-fixture.ts'
import { random } from '../support/random.ts'
import type { FastifyInstance } from 'fastify'
import type { PagePosition } from '../../lib/store/contract.ts'
import type { ListOptions } from '../../lib/types.ts'

/** The ids on all pages, page by page. */
async function pages (
  app: FastifyInstance, options: ListOptions, between: () => unknown = () => {}
): Promise<string[][]> {
  const all: string[][] = []
  for (let cursor: string | null | undefined; cursor !== null;) {
    const page = await app.tasks.list({ ...options, ...(cursor ? { cursor } : {}) })
    all.push(page.tasks.map(one => one.id))
    cursor = page.cursor
    await between()
  }
  return all
}

t.test('pages are in order, and stable while tasks come and go', async t => {
  const app = await build(t, {}, app => { app.tasks.define('x') })
  const enqueue = async (count: number, options = {}): Promise<string[]> =>
    (await app.tasks.enqueueMany('x', Array.from({ length: count }, () => options))).map(one => one.id)
  const waiting = await enqueue(25)
  const inPages = [waiting.slice(0, 10), waiting.slice(10, 20), waiting.slice(20)]
  t.same(await pages(app, { state: 'waiting', limit: 10 }), inPages, 'oldest first')
  const grown = await pages(app, { state: 'waiting', limit: 10 }, () => enqueue(1))
  t.same(grown.flat().slice(0, 25), waiting, 'new ones come after')
  const left = await pages(app, { state: 'waiting', limit: 10 }, () => app.tasks.remove(waiting.shift()!))
  t.equal(new Set(left.flat()).size, left.flat().length, 'nothing twice')
  t.same(left.flat().filter(id => waiting.includes(id)).length, waiting.length, 'nothing left out')

  const delayed = [
    await enqueue(1, { delay: 30_000 }), await enqueue(1, { delay: 10_000 }), await enqueue(1, { delay: 20_000 })
  ].flat()
  const byTime = [delayed[1], delayed[2], delayed[0]]
  t.same((await pages(app, { state: 'delayed', limit: 2 })).flat(), byTime, 'by when they are due')
  for (const id of delayed) await app.tasks.cancel(id)
  t.same(new Set((await pages(app, { state: 'cancelled', limit: 2 })).flat()), new Set(delayed))
})

inRedis('a page finds its place again after many tasks before it have gone', 'takes from the list itself', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix }, app => { app.tasks.define('x') })
  const redis = connect(t)
  const ids = (await app.tasks.enqueueMany('x', Array.from({ length: 6_000 }, () => ({})))).map(one => one.id)
  const waiting = `${prefix}:{default}:waiting`
  const page = async (cursor?: string): Promise<{ ids: string[], cursor: string }> => {
    const found = await app.tasks.list({ state: 'waiting', limit: 500, ...(cursor ? { cursor } : {}) })
    return { ids: found.tasks.map(one => one.id), cursor: found.cursor! }
  }
  let at: { ids: string[], cursor: string } = { ids: [], cursor: '' }
  for (let i = 0; i < 5; i++) at = await page(at.cursor)
  t.same(at.ids, ids.slice(2_000, 2_500))
  const next = ids.slice(2_500, 3_000)
  t.same((await page(at.cursor)).ids, next, 'nothing happened')
  await redis.rpush(waiting, 'handed', 'back')
  t.same((await page(at.cursor)).ids, next, 'some were handed back')
  for (const taken of [300, 900, 1_000]) {
    await redis.rpop(waiting, taken)
    await app.tasks.enqueue('x')
    t.same((await page(at.cursor)).ids, next, `${taken} more were taken`)
  }
  const parts = JSON.parse(Buffer.from(at.cursor, 'base64url').toString())
  const wrong = JSON.stringify([...parts.slice(0, 4), 999_999_999_999_999, ids[2_499]])
  t.same((await page(Buffer.from(wrong).toString('base64url'))).ids, next, 'a wrong place is only a hint')
  await redis.rpop(waiting, 302) // up to the last one of that page
  t.same((await page(at.cursor)).ids, next, 'all that was before has gone')
})

t.test('a page of large records ends earlier, and the next ones have the others', async t => {
  const app = await build(t, { maxResultSize: 8_000_000 }, app => {
    app.tasks.define('large', async (n: number) => 'ä'.repeat(n === 0 ? 2_500_000 : 600_000))
    app.tasks.define('small', async () => null)
  })
  const small = await app.tasks.enqueueMany('small', [{}, {}])
  const large = await app.tasks.enqueueMany('large', Array.from({ length: 12 }, (_, n) => ({ data: n, tags: ['t'] })))
  await app.tasks.startWorker({ concurrency: 1 })
  await until('all have run', async () => (await app.tasks.counts()).default!.succeeded === 14)
  const expected = [...small, ...large].map(({ id }) => id)
  const all = await pages(app, { state: 'succeeded', limit: 50 })
  t.ok(all.length > 3, all.map(page => page.length).join(' '))
  for (const page of all) t.ok(page.length > 0 && page.length <= 6, 'a page is not empty, and not too large')
  t.same(all.flat().sort(), expected.sort())
  const tagged = await pages(app, { tag: 't', limit: 50 } as any)
  t.ok(tagged.length >= 3)
  t.same(tagged.flat().sort(), large.map(({ id }) => id).sort())
})

inRedis('a list of large records reads a part of them', 'counts the bytes that Redis sends', async t => {
  const server = await startRedis()
  t.teardown(() => server.stop())
  const app = await build(t, { redis: server.url, maxDataSize: 4_000_000 }, app => { app.tasks.define('large') })
  for (let i = 0; i < 12; i++) await app.tasks.enqueue('large', 'x'.repeat(3_000_000))
  const redis = connect(t, server.url)
  const before = await bytesSent(redis)
  const { tasks, cursor } = await app.tasks.list({ state: 'waiting', limit: 50 })
  t.ok(tasks.length > 0 && cursor)
  t.ok(await bytesSent(redis) - before < 10_000_000)
})

/** A page of active tasks, and where to go on behind each. */
type ReadActive<At> = (f: QueueFixture, limit: number, at?: At) => Promise<{ ids: string[], at: At[], isLast: boolean }>

const listed: ReadActive<PagePosition> = async (f, limit, at) => {
  const { ids, places } = await f.queue.pageOf('active', limit, at)
  return { ids, at: ids.map((id, i) => ({ id, place: places[i]! })), isLast: ids.length < limit }
}

const walked: ReadActive<string> = async (f, limit, at) => {
  const { ids, positions, next } = await f.queue.walk.page('active', limit, at ?? null)
  return { ids, at: positions, isLast: next === null }
}

for (const [name, read] of [['list', listed], ['walk', walked]] as Array<[string, ReadActive<any>]>) {
  inRedis(`a ${name} of more than 1,000 active tasks leaves none out while others come and end`, 'claims', async t => {
    const f = new QueueFixture(t)
    const pick = random(7)
    for (let size = 1_301; size < 2_600; size += 65) {
      await f.redis.del(f.key('claims'))
      const ids = Array.from({ length: size }, (_, i) => `task-${size}-${i}`)
      await f.redis.hset(f.key('claims'), ...ids.flatMap(id => [id, 'w.1 5'.padEnd(80)]))
      const [found, ended] = [new Set<string>(), new Set<string>()]
      for (let at: unknown, i = 0; ; i++) {
        const page = await read(f, 1 + Math.floor(pick() * 300), at)
        const taken = Math.min(page.ids.length, 1 + Math.floor(pick() * 300)) // the rest has no room in a list
        for (const id of page.ids.slice(0, taken)) found.add(id)
        if (page.isLast && taken === page.ids.length) break
        at = page.at[taken - 1]
        // Redis enlarges the hash a little with each.
        for (let n = 0; n < 40; n++) void f.redis.hset(f.key('claims'), `new-${i}-${n}`, 'w.1 5'.padEnd(80))
        for (let n = 0; n < 20 && ended.size < 300; n++) ended.add(ids[Math.floor(pick() * size)]!)
        void f.redis.hdel(f.key('claims'), ...ended)
      }
      t.same(ids.filter(id => !found.has(id) && !ended.has(id)), [], `of ${size}`)
    }
  })
}

inRedis('more than 1,000 large active tasks, in pages of any limit: each is on one page', 'writes claims', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix }, app => { app.tasks.define('x') })
  const redis = connect(t)
  const ids = Array.from({ length: 1_300 }, (_, i) => `task-${i}`)
  const data = { name: 'x', data: 'x'.repeat(20_000) }
  const record = JSON.stringify({ data, options: { timestamp: 1, attempts: 1 } })
  for (const id of ids) {
    void redis.hset(`${prefix}:{default}:jobs`, id, record)
    void redis.hset(`${prefix}:{default}:claims`, id, `w.1 ${Date.now()}`.padEnd(80))
  }
  // Redis enlarges the hash meanwhile.
  for (let i = 0; i < 3_000; i++) void redis.hget(`${prefix}:{default}:claims`, 'x')
  await redis.ping()
  for (const limits of [[500], [1_000, 7, 300]]) {
    const found: string[] = []
    let cut = 0
    for (let cursor: string | null | undefined, i = 0; cursor !== null && found.length <= ids.length; i++) {
      const limit = limits[i % limits.length]!
      const page = await app.tasks.list({ state: 'active', limit, ...(cursor ? { cursor } : {}) })
      if (page.cursor !== null && page.tasks.length < limit) cut++
      found.push(...page.tasks.map(({ id }) => id))
      cursor = page.cursor
    }
    t.ok(cut > 0, `${cut} pages were cut`)
    t.same(found.sort(), ids.toSorted(), `limits of ${limits.join(', ')}`)
  }
})

t.test('a list passes over queues that have nothing', async t => {
  const names = Array.from({ length: 100 }, (_, i) => `q${i}`)
  const app = await build(t, { queues: names }, app => { app.tasks.define('x') })
  const ids: string[] = []
  for (const i of [7, 98]) ids.push((await app.tasks.enqueue('x', null, { queue: `q${i}`, tags: ['t'] })).id)
  for (const options of [{ state: 'waiting' }, { tag: 't' }] as any[]) {
    t.same((await pages(app, options)).filter((page, i) => page.length > 0 || i < 2), ids.map(id => [id]))
    t.same((await pages(app, { ...options, limit: 1 })).flat(), ids)
  }
  t.same(await pages(app, { state: 'failed' }), [[]])
})

t.test('by state, queue and name', async t => {
  const go = latch()
  const app = await build(t, { queues: ['mail'] }, app => {
    app.tasks.define('good', () => 1)
    app.tasks.define('bad', { retries: 1, backoff: { strategy: 'fixed', delay: 60_000 } }, () => {
      throw new Error('no')
    })
    app.tasks.define('worse', () => { throw new Error('no') })
    app.tasks.define('slow', () => go.promise)
    app.tasks.define('letter', { queue: 'mail' }, () => 1)
  })
  const enqueue = async (name: string): Promise<[string, string]> => [name, (await app.tasks.enqueue(name)).id]
  const ids: any = Object.fromEntries(await Promise.all(['good', 'bad', 'worse', 'slow', 'letter'].map(enqueue)))
  await app.tasks.startWorker({ queues: ['default'] })
  await Promise.all([
    reaches(app, ids.good, 'succeeded'), reaches(app, ids.bad, 'retrying'),
    reaches(app, ids.worse, 'failed'), reaches(app, ids.slow, 'active')
  ])
  const states = { good: 'succeeded', bad: 'retrying', worse: 'failed', slow: 'active', letter: 'waiting' } as const
  for (const [name, state] of Object.entries(states)) {
    t.same((await pages(app, { state })).flat(), [ids[name]], state)
    t.same((await pages(app, { state, name: 'other' })).flat(), [])
  }
  t.same((await app.tasks.list({ state: 'waiting', queue: 'default' })).tasks, [])
  const unpaused = { paused: false, pausedTasks: [] }
  t.same(await app.tasks.counts(), {
    default: { waiting: 0, delayed: 1, active: 1, succeeded: 1, failed: 1, cancelled: 0, expired: 0, ...unpaused },
    mail: { waiting: 1, delayed: 0, active: 0, succeeded: 0, failed: 0, cancelled: 0, expired: 0, ...unpaused }
  })
  t.equal(await app.tasks.remove(ids.slow), 'active')
  go.open()
})

t.test('tasks between two attempts are listed as retrying, also once their wait is over', async t => {
  const app = await build(t, { queues: ['mail', 'none'] }, app => {
    const fails = (): never => { throw new Error('no') }
    app.tasks.define('soon', { retries: 1, backoff: { strategy: 'fixed', delay: 60_000 } }, fails)
    app.tasks.define('later', { queue: 'mail', retries: 1, backoff: { strategy: 'fixed', delay: 60_000 } }, fails)
    app.tasks.define('first', () => 1)
  })
  const worker = await app.tasks.startWorker()
  const enqueue = async (name: string): Promise<string[]> =>
    (await app.tasks.enqueueMany(name, [{}, {}])).map(({ id }) => id)
  const [soon, later] = [await enqueue('soon'), await enqueue('later')]
  for (const id of [...soon, ...later]) await reaches(app, id, 'retrying')
  await worker.close()
  await app.tasks.enqueueMany('first', Array.from({ length: 3 }, () => ({})))
  for (const id of soon) t.equal(await app.tasks.promote(id), 'promoted')
  const pausing = await app.tasks.pause({ queue: 'default' })
  t.ok(pausing)
  await app.tasks.startWorker() // queues what is due
  const counts = async () => (await app.tasks.counts()).default!
  await until('both wait', async () => (await counts()).waiting === 5)
  const found = (await pages(app, { state: 'retrying', limit: 1 })).flat()
  t.same(found.slice(0, 2).sort(), [...later].sort(), 'those that are not due come first')
  t.same(found.slice(2).sort(), [...soon].sort())
  t.same((await pages(app, { state: 'retrying', name: 'soon', queue: 'default' })).flat().sort(), [...soon].sort())
  t.equal((await app.tasks.list({ state: 'waiting' })).tasks.length, 3)
})

t.test('remove and purge leave nothing', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix, queues: ['mail'] }, app => { app.tasks.define('x', () => 1) })
  const done = await app.tasks.enqueue('x')
  const worker = await app.tasks.startWorker()
  await reaches(app, done.id, 'succeeded')
  await worker.close()
  t.equal(await app.tasks.remove(done.id), 'removed')
  t.equal(await app.tasks.remove(done.id), 'unknown')
  await app.tasks.enqueueMany('x', Array.from({ length: 2_500 }, (_, i) => i % 2 ? { delay: 60_000 } : {}))
  const other = await app.tasks.enqueue('x', 1, { queue: 'mail' })
  t.equal(await app.tasks.purge('default'), 2_500)
  t.ok(await other.status(), 'another queue is left alone')
  t.equal(await app.tasks.remove(other.id), 'removed')
  const ofWorkers = /(stallInterval|stallBlock|cancelledWaits|tick|tickBlock|leases)$/
  await until('no key is left', async () => (await keysOf(t, prefix)).every(key => ofWorkers.test(key)))
})

t.test('a page costs the page: a long queue is not read', async t => {
  const app = await build(t, {}, app => { app.tasks.define('x') })
  await app.tasks.enqueueMany('x', Array.from({ length: 20_000 }, () => ({})))
  t.equal((await app.tasks.list({ state: 'waiting', limit: 1 })).tasks.length, 1)
  t.equal((await app.tasks.counts()).default!.waiting, 20_000)
})

t.test('a cursor is valid for the list that it was made for, and for no other', async t => {
  const app = await build(t, { queues: ['public', 'secret'] }, app => { app.tasks.define('x') })
  const [state, limit] = ['waiting', 1] as const
  for (const queue of ['public', 'secret']) {
    for (let i = 0; i < 3; i++) await app.tasks.enqueue('x', queue, { queue })
  }
  const list = async (options: ListOptions): Promise<string> => (await app.tasks.list(options)).cursor!
  const secret = await list({ state, limit, queue: 'secret' })
  const refused = { code: 'FST_TASKS_CURSOR_INVALID', statusCode: 400 }
  const encode = (...parts: unknown[]): string => Buffer.from(JSON.stringify(parts)).toString('base64url')
  const others: ListOptions[] = [
    { state, queue: 'public' }, { state }, { state, queue: 'secret', name: 'x' }, { state: 'failed', queue: 'secret' }
  ]
  for (const options of others) t.match(await errorOf(app.tasks.list({ ...options, cursor: secret })), refused)
  const forged = [
    '', 'secret', 'secret/0/x', '{}', 'bnVsbA', encode(), encode(state),
    encode(state, 'public', null, 'secret', 0, 'x'),
    encode(state, 'public', null, 'nowhere'), encode(state, 'public', null, 'public', 0),
    encode(state, 'public', null, 'public', -1, 'x'), encode(state, 'public', null, 'public', '0', 'x'),
    encode(state, 'public', null, 'public', 0, {}), encode(state, 'public', null, ['public']), 'x'.repeat(100_000),
    Buffer.from('['.repeat(100_000) + ']'.repeat(100_000)).toString('base64url'),
    Buffer.from(`[[${'['.repeat(100_000) + ']'.repeat(100_000)}]]`).toString('base64url')
  ]
  for (const cursor of forged) {
    t.match(await errorOf(app.tasks.list({ state, queue: 'public', cursor })), refused, cursor.slice(0, 50))
  }
  const next = await app.tasks.list({ state, queue: 'secret', limit: 2, cursor: secret })
  t.equal(next.tasks.length, 2, 'the limit may change')
  t.ok(next.tasks.every(({ queue }) => queue === 'secret'))
})

t.test('what is wrong is refused', async t => {
  const app = await build(t)
  const table: Array<[options: any, code: string]> = [
    [undefined, 'FST_TASKS_PLUGIN_OPTION_INVALID'],
    [{}, 'FST_TASKS_PLUGIN_OPTION_INVALID'],
    [{ state: 'done' }, 'FST_TASKS_PLUGIN_OPTION_INVALID'],
    [{ state: 'failed', limit: 0 }, 'FST_TASKS_PLUGIN_OPTION_INVALID'],
    [{ state: 'failed', queue: 'nowhere' }, 'FST_TASKS_QUEUE_UNKNOWN'],
    [{ state: 'failed', cursor: 5 }, 'FST_TASKS_PLUGIN_OPTION_INVALID'],
    [{ stat: 1 }, 'FST_TASKS_OPTION_UNKNOWN']
  ]
  for (const [options, code] of table) {
    t.match(await errorOf(app.tasks.list(options)), { code }, JSON.stringify(options))
  }
  t.match(await errorOf(app.tasks.purge('nowhere')), { code: 'FST_TASKS_QUEUE_UNKNOWN' })
})
