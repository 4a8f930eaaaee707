/**
 * Pages that are exactly full: the last of them says that it is the last, so nobody is led to an empty page.
 */
import t from 'tap'
import { chord, group } from '../../lib/plugin.ts'
import { appRegistry } from '../../lib/boot/app-registry.ts'
import { LIMIT, matcher, search, type SearchPage, type SearchState } from '../../lib/dashboard/search.ts'
import { build, latch, reaches } from '../support/helpers.ts'
import type { Test } from 'tap'
import type { FastifyInstance } from 'fastify'

interface AnyPage { count: number, cursor: string | null }

/** How many each page has. */
async function sizesOf (read: (cursor: { cursor?: string }) => Promise<AnyPage>): Promise<number[]> {
  const sizes: number[] = []
  for (let cursor: string | null | undefined; cursor !== null && sizes.length < 20;) {
    const page = await read(cursor ? { cursor } : {})
    sizes.push(page.count)
    cursor = page.cursor
  }
  return sizes
}

const sizesOfList = (app: FastifyInstance, options: object): Promise<number[]> => sizesOf(async at => {
  const { tasks, cursor } = await app.tasks.list({ ...options, ...at } as any)
  return { count: tasks.length, cursor }
})

/** A list of four is one page of four, or two of two. */
async function checkLists (app: FastifyInstance, t: Test, lists: object[]): Promise<void> {
  for (const options of lists) {
    const name = JSON.stringify(options)
    t.same(await sizesOfList(app, { ...options, limit: 4 }), [4], `${name}: one page`)
    t.same(await sizesOfList(app, { ...options, limit: 2 }), [2, 2], `${name}: two pages`)
  }
}

const STATES = [
  ['good', 'succeeded'], ['bad', 'failed'], ['again', 'retrying'], ['slow', 'active'], ['late', 'delayed'],
  ['paused', 'waiting']
] as const

for (const [name, state] of STATES) {
  t.test(`by state, tag and name, in one queue and in all: ${state}`, async t => {
    const gate = latch()
    const queues = Array.from({ length: 8 }, (_, i) => `empty-${i}`)
    const app = await build(t, { queues: [...queues, 'busy'], worker: { concurrency: 4 } }, app => {
      for (const other of ['good', 'late', 'paused']) app.tasks.define(other, () => 1)
      app.tasks.define('bad', () => { throw new Error('no') })
      app.tasks.define('again', { retries: 1, backoff: { strategy: 'fixed', delay: 600_000 } }, () => {
        throw new Error('no')
      })
      app.tasks.define('slow', () => gate.promise)
    })
    t.teardown(() => gate.open())
    if (name === 'paused') await app.tasks.pause({ queue: 'busy' })
    const options = { tags: ['mine'], queue: 'busy', ...name === 'late' && { delay: 600_000 } }
    for (let i = 0; i < 4; i++) await reaches(app, (await app.tasks.enqueue(name, undefined, options)).id, state)
    await checkLists(app, t, [{ state }, { tag: 'mine' }, { tag: 'mine', state }, { state, name }])
    await checkLists(app, t, [{ state, queue: 'busy' }, { tag: 'mine', queue: 'busy' }, { state, name, queue: 'busy' }])
  })
}

t.test('by name, if other queues have tasks of other names', async t => {
  const app = await build(t, { queues: ['a', 'b'] }, app => {
    app.tasks.define('mine', { queue: 'a' })
    app.tasks.define('other')
  })
  for (let i = 0; i < 4; i++) {
    await app.tasks.enqueueMany('mine', [{}])
    for (const queue of ['default', 'a', 'b']) await app.tasks.enqueue('other', undefined, { queue })
  }
  await checkLists(app, t, [{ state: 'waiting', name: 'mine' }])
})

t.test('flows, in whatever queue, and their members', async t => {
  const queues = Array.from({ length: 8 }, (_, i) => `q-${i}`)
  const app = await build(t, { queues }, app => { app.tasks.define('x', { queue: 'q-5' }) })
  const signature = (): any => ({ kind: 'signature', task: 'x', data: 1, options: {} })
  const flat = await app.tasks.enqueueFlow(group(...[1, 2, 3, 4].map(signature)))
  const closed = await app.tasks.enqueueFlow(chord([1, 2, 3].map(signature), signature()))
  for (let i = 0; i < 2; i++) await app.tasks.enqueueFlow(signature())
  await checkLists(app, t, [{ kind: 'flow' }, { flow: flat.id }, { flow: closed.id }])
})

t.test('schedules', async t => {
  const app = await build(t, {}, app => { app.tasks.define('x') })
  for (const id of ['a', 'b', 'c', 'd']) await app.tasks.schedules.set(id, { task: 'x', every: 3_600_000 })
  const sizes = (limit: number): Promise<number[]> => sizesOf(async at => {
    const { schedules, cursor } = await app.tasks.schedules.list({ limit, ...at })
    return { count: schedules.length, cursor }
  })
  t.same([await sizes(4), await sizes(2)], [[4], [2, 2]])
})

t.test('of the dashboard: by several states, with words and without', async t => {
  const app = await build(t, { queues: ['a'] }, app => { app.tasks.define('x') })
  const states: SearchState[] = ['waiting', 'active', 'delayed', 'failed']
  const read = (words: string, cursor?: string): Promise<SearchPage> => search(appRegistry(app).instances[0]!,
    { states, filter: words === '' ? null : matcher(words), cursor })
  const sizes = (words: string): Promise<number[]> => sizesOf(async ({ cursor: from }) => {
    const { tasks, cursor } = await read(words, from)
    return { count: tasks.length, cursor }
  })
  await app.tasks.enqueueMany('x', Array.from({ length: LIMIT }, () => ({})))
  t.same([await sizes(''), await sizes('x')], [[LIMIT], [LIMIT]])
  await app.tasks.enqueueMany('x', Array.from({ length: LIMIT }, () => ({ delay: 600_000 })))
  t.same([await sizes(''), await sizes('x')], [[LIMIT, LIMIT], [LIMIT, LIMIT]])
})
