/**
 * The recipes of docs/guides/recipes.md, run as they are written there, in memory.
 */
import { createHmac, randomUUID, timingSafeEqual } from 'node:crypto'
import { createWriteStream, readFileSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import tasks from '../../lib/plugin.ts'
import { build, latch, reaches } from '../support/helpers.ts'

const page = readFileSync('docs/guides/recipes.md', 'utf8')
const blocks = [...page.matchAll(/^```js recipe=([\w-]+)\n([^]*?)^```$/gm)]
const recipes = new Map(blocks.map(([, name, code]) => [name!, code!]))
type Names = Record<string, unknown>

/** An app in which a recipe was run, with the names that it uses. */
function cook (
  t: Test, recipe: string, names: Names, more: (app: FastifyInstance) => Names = () => ({})
): Promise<FastifyInstance> {
  return build(t, { mode: 'memory', redis: undefined, prefix: undefined }, app => {
    const all: Names = { tasks, createHmac, timingSafeEqual, ...names, ...more(app) }
    const run = new Function('fastify', ...Object.keys(all), recipes.get(recipe)!) // eslint-disable-line no-new-func
    run(app, ...Object.values(all))
  })
}

/** Tables in memory. A transaction that throws leaves nothing. */
class Database {
  tables: Record<string, any[]> = { orders: [], outbox: [], payouts: [], balances: [] }

  async transaction<T> (run: (trx: Database) => Promise<T>): Promise<T> {
    const before = structuredClone(this.tables)
    try {
      return await run(this)
    } catch (error) {
      this.tables = before
      throw error
    }
  }

  async insert (table: string, row: any): Promise<any> {
    const stored = { id: this.tables[table]!.length + 1, ...row }
    if (row.broken) throw new Error('a constraint')
    this.tables[table]!.push(stored)
    return stored
  }

  async insertOnce (table: string, row: any): Promise<boolean> {
    if (this.tables[table]!.some(({ id }) => id === row.id)) return false
    this.tables[table]!.push(row)
    return true
  }

  async add (table: string, account: string, amount: number): Promise<void> {
    this.tables[table]!.push({ account, amount })
  }

  async select (table: string, limit: number): Promise<any[]> { return this.tables[table]!.slice(0, limit) }

  async remove (table: string, ids: string[]): Promise<void> {
    this.tables[table] = this.tables[table]!.filter(({ id }) => !ids.includes(id))
  }
}

const invoice = (made: number[]) => (app: FastifyInstance): Names => ({
  invoice: app.tasks.define('invoice', async ({ order }: { order: number }) => { made.push(order) })
})

t.test('there is a test for each recipe', async t => {
  t.strictSame([...recipes.keys()], [
    'after-commit', 'outbox', 'idempotent', 'webhook-in', 'webhook-out', 'upload', 'llm'
  ])
})

t.test('after-commit: an order that is stored has a task, one that is rolled back has none', async t => {
  const made: number[] = []
  const app = await cook(t, 'after-commit', { db: new Database() }, invoice(made))
  const reply = await app.inject({ method: 'POST', url: '/orders', payload: { item: 'bread' } })
  t.equal(reply.statusCode, 202)
  t.equal(reply.json().id, 'invoice-1')
  t.equal((await app.inject({ method: 'POST', url: '/orders', payload: { broken: true } })).statusCode, 500)
  await app.tasks.drain()
  t.same(made, [1])
})

t.test('outbox: a relay that dies before it removes the rows makes no second tasks', async t => {
  const made: number[] = []
  const db = new Database()
  const remove = db.remove.bind(db)
  let dies = true
  db.remove = async (...args) => {
    if (!dies) return remove(...args)
    dies = false
    throw new Error('it died')
  }
  const app = await cook(t, 'outbox', { db }, invoice(made))
  await app.inject({ method: 'POST', url: '/orders', payload: { item: 'bread' } })
  await app.inject({ method: 'POST', url: '/orders', payload: { item: 'cake' } })
  t.equal((await app.inject({ method: 'POST', url: '/orders', payload: { broken: true } })).statusCode, 500)
  t.equal(db.tables.outbox!.length, 2)
  await app.tasks.advance(3_000)
  t.same(made.sort(), [1, 2])
  t.equal(dies, false)
  t.same(db.tables.outbox, [])
})

t.test('idempotent: the second run of a task changes nothing', async t => {
  const db = new Database()
  let lost = true
  const transaction = db.transaction.bind(db)
  db.transaction = async run => {
    const done = await transaction(run)
    if (!lost) return done
    lost = false
    throw new Error('committed, but the answer was lost')
  }
  const app = await cook(t, 'idempotent', { db })
  await app.tasks.enqueue('pay-out', { account: 'ada', amount: 5 })
  await app.tasks.advance(600_000)
  t.same(db.tables.balances, [{ account: 'ada', amount: 5 }])
  t.match((await app.tasks.list({ state: 'succeeded' })).tasks, [{ attempt: 2 }])
})

t.test('webhook-in: an event with a good signature is applied, once', async t => {
  const applied: any[] = []
  const ledger = { apply: async (event: any) => { applied.push(event) } }
  const app = await cook(t, 'webhook-in', { secret: 's', ledger })
  const send = (payload: string, signature: string): Promise<any> => {
    const headers = { 'content-type': 'application/json', 'x-signature': signature }
    return app.inject({ method: 'POST', url: '/webhooks/payments', payload, headers })
  }
  const payload = JSON.stringify({ id: 'evt_1', amount: 5 })
  const signature = createHmac('sha256', 's').update(payload).digest('hex')
  for (const given of [signature, signature]) t.equal((await send(payload, given)).statusCode, 204)
  for (const given of ['', 'zz', signature.replace(/^./, digit => digit === '0' ? '1' : '0')]) {
    t.equal((await send(payload, given)).statusCode, 401)
  }
  await app.tasks.drain()
  t.same(applied, [{ id: 'evt_1', amount: 5 }])
})

t.test('webhook-out: tried again as the receiver asks; given up if it is gone', async t => {
  const got: any[] = []
  const receiver = Fastify()
  t.teardown(() => receiver.close())
  receiver.post('/busy', async (request, reply) => {
    got.push({ ...request.headers, body: request.body })
    return got.length === 1 ? reply.code(429).header('retry-after', '90').send() : { ok: true }
  })
  receiver.post('/gone', async (_request, reply) => reply.code(410).send())
  const origin = await receiver.listen({ port: 0 })
  const app = await cook(t, 'webhook-out', { secret: 's' })
  const busy = await app.tasks.enqueue('deliver', { url: `${origin}/busy`, event: { n: 1 } })
  const gone = await app.tasks.enqueue('deliver', { url: `${origin}/gone`, event: {} })
  await app.tasks.drain()
  t.match(await gone.status(), { state: 'failed', attempt: 1, error: { message: 'the receiver is gone' } })
  await app.tasks.advance(89_000)
  t.equal(got.length, 1)
  await app.tasks.advance(2_000)
  t.match(await busy.status(), { state: 'succeeded', attempt: 2, result: { status: 200 } })
  const signature = createHmac('sha256', 's').update('{"n":1}').digest('hex')
  t.match(got[1], { 'x-signature': signature, 'idempotency-key': busy.id, body: { n: 1 } })
})

t.test('upload: a body becomes a file, and the file a task', async t => {
  const uploads = t.testdir()
  const app = await cook(t, 'upload', { uploads, stat, join, randomUUID, pipeline, createWriteStream })
  const headers = { 'content-type': 'application/octet-stream' }
  const reply = await app.inject({ method: 'POST', url: '/uploads', payload: Buffer.alloc(100_000), headers })
  t.equal(reply.statusCode, 202)
  await app.tasks.drain()
  t.match((await app.inject(reply.headers.location!)).json(), { state: 'succeeded', result: { size: 100_000 } })
})

t.test('llm: who listens sees the text grow; a cancel ends the call of the model', async t => {
  const more = latch()
  const model = {
    async * stream (prompt: string, { signal }: { signal: AbortSignal }) {
      yield 'Hello'
      await Promise.race([more.promise, new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason))
      })])
      yield `, ${prompt}`
    }
  }
  const app = await cook(t, 'llm', { model })
  const ask = async (): Promise<string> =>
    (await app.inject({ method: 'POST', url: '/answers', payload: { prompt: 'Ada' } })).json().id
  const stopped = await ask()
  const id = await ask()
  const origin = await app.listen({ port: 0 })
  const stream = await fetch(`${origin}/tasks/${id}/events`, { headers: { accept: 'text/event-stream' } })
  const texts: string[] = []
  for await (const part of stream.body!.pipeThrough(new TextDecoderStream())) {
    for (const [, data] of part.matchAll(/^data: (.+)$/gm)) {
      const { progress, result } = JSON.parse(data!)
      texts.push((result ?? progress)?.text)
    }
    if (texts.includes('Hello')) {
      if (await app.tasks.cancel(stopped) === 'requested') await reaches(app, stopped, 'cancelled')
      more.open()
    }
  }
  t.ok(texts.includes('Hello'))
  t.equal(texts.at(-1), 'Hello, Ada')
  t.match(await app.tasks.status(stopped), { state: 'cancelled' })
})
