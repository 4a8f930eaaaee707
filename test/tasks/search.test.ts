import t from 'tap'
import { build, connect, inRedis, randomPrefix, reaches } from '../support/helpers.ts'
import { appRegistry } from '../../lib/boot/app-registry.ts'
import { matcher, search, type SearchPage } from '../../lib/dashboard/search.ts'
import { STATES } from '../../lib/records/states.ts'
import type { FastifyInstance } from 'fastify'
import type { ListOptions } from '../../lib/types.ts'

async function pagesOf (app: FastifyInstance, options: ListOptions): Promise<string[][]> {
  const pages: string[][] = []
  for (let cursor: string | null | undefined; cursor !== null;) {
    const page = await app.tasks.list({ ...options, ...cursor && { cursor } })
    pages.push(page.tasks.map(({ id }) => id))
    cursor = page.cursor
  }
  return pages
}

async function findAll (app: FastifyInstance, words: string, states = STATES): Promise<SearchPage[]> {
  const pages: SearchPage[] = []
  for (let cursor: string | null | undefined; cursor !== null;) {
    const page = await search(appRegistry(app).instances[0]!, { states, filter: matcher(words), cursor })
    pages.push(page)
    cursor = page.cursor
  }
  return pages
}

const idsOf = (pages: SearchPage[]): string[] => pages.flatMap(({ tasks }) => tasks.map(({ id }) => id))

const many = (count: number, options: (i: number) => object): object[] => Array.from({ length: count }, (_, i) =>
  options(i))

t.test('a page of a list by a name is full, wherever its tasks are, and each task is on one page', async t => {
  const app = await build(t, { queues: ['a', 'b', 'c'] }, app => {
    app.tasks.define('other')
    app.tasks.define('mine', { queue: 'c' })
  })
  const mine: string[] = []
  for (const queue of ['c', 'a', 'b']) {
    for (let i = 0; i < 3; i++) {
      await app.tasks.enqueueMany('other', many(300, () => ({ queue, data: 'mine' })) as any)
      mine.push((await app.tasks.enqueue('mine', null, { queue, priority: i === 1 ? 'low' : 'normal' })).id)
    }
  }
  const inOrder = [0, 3, 6].flatMap(at => [mine[at]!, mine[at + 2]!, mine[at + 1]!])
  for (const limit of [1, 2, 5, 50]) {
    const pages = await pagesOf(app, { state: 'waiting', name: 'mine', limit })
    t.same(pages.flat(), inOrder, `by ${limit}: the queue of the name first`)
    t.ok(pages.slice(0, -1).every(page => page.length === limit), `by ${limit}`)
  }
  t.same((await pagesOf(app, { state: 'waiting', name: 'mine', queue: 'b' })).flat(), inOrder.slice(6))
  t.same((await pagesOf(app, { state: 'waiting', name: 'min' })).flat(), [])
})

t.test('a search finds tasks by words in what a list shows of them, in any case', async t => {
  const messages = [
    'say "no"\nto it', 'C:\\users\\u', 'ΟΔΟΣ\nΣ', '\u001b[31mred\u001b[0m', 'Straße 日本 \u{1F600}', 'İzmir'
  ]
  const app = await build(t, { worker: true }, app => {
    app.tasks.define<number, null>('fails', async n => {
      throw Object.assign(new Error(messages[n]), { code: 'E_BAD' })
    })
    app.tasks.define('Waits', { queue: 'later' })
  })
  const failed = await app.tasks.enqueueMany('fails', messages.map((_, n) => ({ data: n })))
  await app.tasks.enqueue('Waits', { words: 'red herring "no" users' }, { id: 'Your-1', tags: ['tenant:Four'] })
  for (const { id } of failed) await reaches(app, id, 'failed')
  const found = async (words: string): Promise<string[]> => idsOf(await findAll(app, words)).sort()
  const all = failed.map(({ id }) => id)
  const expected: Array<[words: string, ids: string[]]> = [
    ['SAY "NO"\nto', [all[0]!]], ['\\Users\\', [all[1]!]], ['οδος', [all[2]!]], ['οδοσ', []], ['\nς', []],
    ['σ', [all[2]!]], ['[31mRED', [all[3]!]], ['\u001b[0M', [all[3]!]], ['STRASSE', []], ['straße 日', [all[4]!]],
    ['\u{1F600}', [all[4]!]], ['i\u0307zmir', [all[5]!]], ['e_bad', all], ['your', ['Your-1']], ['our-', []],
    ['WAITS', ['Your-1']], ['t:four', ['Your-1']], ['red h', []], ['fail', all], ['tenant:fours', []]
  ]
  for (const [words, ids] of expected) {
    const { length } = ids
    t.same(await found(words), ids.toSorted(), `${JSON.stringify(words)}: ${length}`)
  }
})

t.test('a search goes on with a cursor: each task that matches is on one page', async t => {
  const app = await build(t, { queues: ['a', 'b'] }, app => {
    app.tasks.define('plenty')
    app.tasks.define('needle', { queue: 'b' })
  })
  const expected = new Set<string>()
  for (const queue of ['default', 'a', 'b']) {
    await app.tasks.enqueueMany('plenty', many(700, i => ({ queue, delay: i % 2 === 0 ? 0 : 600_000 })) as any)
    const added = await app.tasks.enqueueMany('needle', many(70, i =>
      ({ queue, data: 'plenty', delay: i % 2 === 0 ? 0 : 600_000 })) as any)
    for (const { id } of added) expected.add(id)
  }
  const pages = await findAll(app, 'NEEDLE', ['waiting', 'delayed'])
  const ids = idsOf(pages)
  t.equal(ids.length, expected.size)
  t.same(new Set(ids), expected)
  t.ok(pages.every(({ tasks }) => tasks.length > 0 && tasks.length <= 50), pages.map(one => one.tasks.length).join())
  t.equal(pages.reduce((sum, { lookedAt }) => sum + lookedAt, 0), 2_310, 'each task is looked at once')
  const [first] = await findAll(app, 'needl')
  t.ok(first!.lookedAt < 800 && first!.tasks.slice(0, 35).every(({ queue }) => queue === 'b'), 'its queue is the first')
})

t.test('a search without a match ends at its budget, and says how far it came', async t => {
  const app = await build(t, {}, app => { app.tasks.define('x') })
  for (let i = 0; i < 5; i++) await app.tasks.enqueueMany('x', many(700, () => ({})) as any)
  const pages = await findAll(app, 'nothing-like-it', ['waiting'])
  t.same(pages.map(({ tasks, lookedAt }) => [tasks.length, lookedAt]), [[0, 3_000], [0, 500]])
})

inRedis('large records of another producer, which says of no record that it is large', 'writes keys', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix }, app => { app.tasks.define('x') })
  const redis = connect(t)
  const key = (name: string): string => `${prefix}:{default}:${name}`
  const text = (i: number): string => JSON.stringify({
    data: { name: i % 2 === 0 ? 'x' : 'needle', data: 'x'.repeat(100_000) },
    options: { timestamp: 1 },
    status: 'created'
  })
  for (let i = 0; i < 60; i++) await redis.hset(key('jobs'), `t${i}`, text(i))
  await redis.lpush(key('waiting'), ...Array.from({ length: 60 }, (_, i) => `t${i}`))
  const pages = await findAll(app, 'needle', ['waiting'])
  t.same(pages.map(({ lookedAt }) => lookedAt), [50, 10], 'a page ends when it has read much')
  t.same(idsOf(pages), Array.from({ length: 30 }, (_, i) => `t${2 * i + 1}`))
})
