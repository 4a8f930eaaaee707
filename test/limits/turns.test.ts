/**
 * Whose turn is next in a queue of 20,000 waiting tasks. `npm run bench:turns` has a million.
 */
import t from 'tap'
import type { FastifyInstance } from 'fastify'
import { build, until } from '../support/helpers.ts'

const MANY = 20_000
const CONCURRENCY = 5

async function enqueue (app: FastifyInstance, key: string, count: number, options = {}): Promise<void> {
  for (let from = 0; from < count; from += 1_000) {
    const length = Math.min(1_000, count - from)
    await app.tasks.enqueueMany('x', Array.from({ length }, () => ({ data: key, ...options })))
  }
}

/** Runs tasks until one of this key has started. Returns the keys of all that started, in their order. */
async function runUntil (app: FastifyInstance, ran: string[], key: string): Promise<string[]> {
  await app.tasks.startWorker({ concurrency: CONCURRENCY })
  await until(`a task of ${key} runs`, () => ran.includes(key))
  return ran
}

t.test('fair shares: a newcomer is next, behind many of one key and behind keys that got theirs before it', async t => {
  const ran: string[] = []
  const app = await build(t, {}, app => {
    app.tasks.define('x', { limit: { max: 10_000, key: key => key } }, async (key: string) => { ran.push(key) })
  })
  await enqueue(app, 'large', MANY)
  const others = [...'abcdefghi']
  for (const key of others) await enqueue(app, key, 50)
  await enqueue(app, 'new', 1)
  const place = (await runUntil(app, ran, 'new')).indexOf('new')
  // As long as nobody has measured the workers, they are taken to run ten tasks.
  const most = 2 * (10 + others.length + 1)
  t.ok(place <= most, `${place} before it, of at most ${most}`)
})

t.test('fair shares: a key that ends with a blank has no more than the others', async t => {
  const app = await build(t, {}, app => app.tasks.define('x', { limit: { max: 100, key: key => key } }, async () => {}))
  for (const key of ['a', 'a ', ' ']) {
    const handles = await app.tasks.enqueueMany('x', Array.from({ length: 60 }, () => ({ data: key })))
    const { blockedBy } = (await handles[59]!.status())!
    t.match(blockedBy, { key, text: new RegExp(`^fair share of key "${key}", `) })
  }
})

t.test('priority: a high task is next, then normal ones in their order', async t => {
  const ran: string[] = []
  const app = await build(t, {}, app => {
    app.tasks.define('x', async (key: string) => { ran.push(key) })
  })
  await enqueue(app, 'normal', MANY)
  await enqueue(app, 'low', 1, { priority: 'low' })
  await enqueue(app, 'high', 3, { priority: 'high' })
  await runUntil(app, ran, 'high')
  await until('some of them ran', () => ran.length >= 5)
  t.strictSame(ran.slice(0, 5), ['high', 'high', 'high', 'normal', 'normal'])
  await until('the low one ran too', () => ran.includes('low'))
})
