/**
 * Long polls and event streams that are open at the same time: how many may be, and what they share.
 */
import { getEventListeners, once } from 'node:events'
import { get } from 'node:http'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { WaitEnd } from '../../lib/tasks/wait-end.ts'
import { build, connect, latch, randomPrefix, reaches, until } from '../support/helpers.ts'
import { countCalls } from '../support/monitor.ts'
import { listen, stream, type Stream } from '../support/streams.ts'
import type { TasksOptions } from '../../lib/types.ts'

interface Open { app: FastifyInstance, port: number, prefix: string, id: string, step: () => Promise<unknown> }

/** An app that listens, and a running task that reports { n: 1 }, { n: 2 } and so on at each `step`. */
async function running (t: Test, options: TasksOptions = {}): Promise<Open> {
  const prefix = randomPrefix()
  let next = latch()
  let n = 0
  const app = await build(t, { prefix, worker: { closeTimeout: 100 }, ...options }, app => {
    app.tasks.define('counts', {
      authorize: request => request.headers.refused === undefined
    }, async (_data, task) => {
      const aborted = once(task.signal, 'abort')
      for (;;) {
        await Promise.race([next.promise, aborted])
        if (task.signal.aborted) return
        next = latch()
        await task.reportProgress({ n: ++n })
      }
    })
  })
  const { id } = await app.tasks.enqueue('counts')
  await reaches(app, id, 'active')
  const step = async (): Promise<unknown> => {
    const after = n + 1
    next.open()
    return until(`report ${after}`, async () => (await app.tasks.status<any, any>(id))?.progress?.n === after)
  }
  return { app, port: await listen(app), prefix, id, step }
}

const seen = (streams: Stream[], n: number): boolean =>
  streams.every(({ events }) => events.some(({ data }) => data.progress?.n === n))

t.test('one read for each change, however many wait; each is asked for', async t => {
  let asked = 0
  const { app, prefix, id } = await running(t)
  const other = await build(t, { prefix }, app => {
    app.tasks.define('counts', { authorize: () => { asked++; return true } })
  })
  const otherPort = await listen(other)
  const streams = await Promise.all(Array.from({ length: 30 }, () => stream(otherPort, `/tasks/${id}/events`)))
  const results = Array.from({ length: 20 }, async () => (await other.tasks.handle(id))!.result().catch(error => error))
  await until('the streams have an event, and the results wait', () => streams.every(({ events }) => events.length > 0))
  const polls = Array.from({ length: 20 }, () =>
    fetch(`http://127.0.0.1:${otherPort}/tasks/${id}`, { headers: { prefer: 'wait=30' } }).then(reply => reply.json()))
  await until('all wait', () => asked >= 80)
  const reads = await countCalls(t, 'read-tasks', id)
  const askedBefore = asked
  await app.tasks.cancel(id)
  t.match(await Promise.all(polls), Array.from({ length: 20 }, () => ({ state: 'cancelled' })))
  t.match(await Promise.all(results), Array.from({ length: 20 }, () => ({ code: 'FST_TASKS_CANCELLED' })))
  await Promise.all(streams.map(({ ended }) => ended))
  t.ok(asked - askedBefore >= 50, `authorize was asked ${asked - askedBefore} times`)
  const times = await reads()
  t.ok(times <= 8, `the record was read ${times} times`)
})

t.test('a shared record: what a caller does with it changes that of no other', async t => {
  const { app, id } = await running(t)
  app.tasks.define('returns', async () => {
    await release.promise
    return { list: [1] }
  })
  const release = latch()
  const handle = await app.tasks.enqueue('returns')
  const both = [handle.result(), handle.result()]
  await reaches(app, handle.id, 'active')
  release.open()
  const [first, second] = await Promise.all(both) as any[]
  first.list.push(2)
  t.same(second, { list: [1] })
  await app.tasks.cancel(id)
})

t.test('a change between two reads of one caller reaches it, whoever else waits', async t => {
  const { port, id, step } = await running(t)
  const streams: Stream[] = []
  for (let n = 1; n <= 5; n++) {
    streams.push(await stream(port, `/tasks/${id}/events`))
    await step()
    await until(`all ${n} streams have report ${n}`, () => seen(streams, n))
  }
  const ids = streams[0]!.events.map(event => event.id)
  t.equal(new Set(ids).size, ids.length, 'none twice')
})

t.test('maxWaits: one more is told when to come back, and let in when another has left', async t => {
  const { app, port, id } = await running(t, { routes: { maxWaits: 2 } })
  const open = await stream(port, `/tasks/${id}/events`)
  const poll = (seconds: number, headers = {}): Promise<Response> =>
    fetch(`http://127.0.0.1:${port}/tasks/${id}`, { headers: { prefer: `wait=${seconds}`, ...headers } })
  const waits = poll(30)
  const refused = await until('both wait', async () => {
    const reply = await poll(1)
    return reply.status === 503 ? reply : null
  })
  t.match(Object.fromEntries(refused.headers), { 'retry-after': '5' })
  t.match(await refused.json(), { code: 'FST_TASKS_TOO_MANY_WAITS', message: /routes\.maxWaits is 2/ })
  const stopped = await stream(port, `/tasks/${id}/events`)
  t.equal(stopped.response.statusCode, 503)
  t.equal((await app.inject(`/tasks/${id}`)).statusCode, 200, 'who does not wait is served')
  t.equal((await poll(30, { 'if-none-match': '"older"' })).status, 200, 'so is who need not wait')
  open.response.destroy()
  await until('there is room again', async () => (await poll(1)).status === 200)
  await app.tasks.cancel(id)
  await waits
})

t.test('maxWaitsPerKey: of one client, by waitKey', async t => {
  const waitKey = ({ headers }: { headers: Record<string, unknown> }): string => String(headers.user)
  const { app, port, id } = await running(t, { routes: { maxWaitsPerKey: 1, waitKey } })
  const path = `/tasks/${id}/events`
  const first = await stream(port, path, { user: 'ann' })
  t.equal((await stream(port, path, { user: 'ann' })).response.statusCode, 503)
  t.equal((await stream(port, path, { user: 'bob' })).response.statusCode, 200)
  first.response.destroy()
  await until('ann may wait again', async () => (await stream(port, path, { user: 'ann' })).response.statusCode === 200)
  await app.tasks.cancel(id)
})

t.test('a waitKey that is async is refused: it would be one key for all', async t => {
  const ofLibrary = { then: () => {} }
  for (const waitKey of [() => Promise.reject(new Error('no session')), () => ofLibrary] as Array<() => any>) {
    const { app, port, id } = await running(t, { routes: { maxWaitsPerKey: 1, waitKey } })
    const { response } = await stream(port, `/tasks/${id}/events`)
    t.equal(response.statusCode, 500)
    await app.tasks.cancel(id)
  }
})

t.test('waits that have ended leave nothing in Redis nor in a signal', async t => {
  const { app, port, prefix, id, step } = await running(t)
  const redis = connect(t)
  const channels = async (): Promise<unknown[]> => await redis.pubsub('CHANNELS', `${prefix}*${id}*`) as unknown[]
  const clients = Array.from({ length: 20 }, () =>
    get({ host: '127.0.0.1', port, path: `/tasks/${id}`, headers: { prefer: 'wait=60' } }).on('error', () => {}))
  await until('they wait', async () => (await channels()).length === 1)
  for (const client of clients) client.destroy()
  await until('nobody listens', async () => (await channels()).length === 0)
  const next = await stream(port, `/tasks/${id}/events`)
  await until('the next one is listened for', async () => (await channels()).length === 1)
  await step()
  await until('it hears of the change', () => seen([next], 1))
  await app.tasks.cancel(id)

  const long = new AbortController()
  const ends = Array.from({ length: 1_000 }, () => new WaitEnd({ signals: [long.signal, undefined], ms: 60_000 }))
  t.equal(getEventListeners(long.signal, 'abort').length, 1, 'Node warns of more than ten')
  for (const end of ends) end.dispose()
  t.same(getEventListeners(long.signal, 'abort'), [])
  t.notOk(ends.some(({ isLate, signal }) => isLate || signal.aborted))
  const late = new WaitEnd({ signals: [], ms: 1 })
  await until('it is late', () => late.isLate && late.signal.aborted)
  const aborted = new WaitEnd({ signals: [AbortSignal.abort('why')], ms: 1 })
  t.equal(aborted.signal.reason, 'why')
  const one = new WaitEnd({ signals: [long.signal] })
  const other = new WaitEnd({ signals: [new AbortController().signal, long.signal] })
  one.dispose()
  long.abort('all')
  t.strictSame([one.signal.aborted, other.signal.reason], [false, 'all'], 'those that wait, and no others')
})
