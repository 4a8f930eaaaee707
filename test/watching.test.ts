import { once } from 'node:events'
import { get, request as httpRequest, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { startRedis } from '../scripts/redis.ts'
import { build, connect, inRedis, latch, randomPrefix, reaches, until } from './helpers.ts'

/** An app that listens, and a task that waits for `step` between its states. */
async function listening (t: Test, options = {}): Promise<{ app: FastifyInstance, port: number, step: () => void }> {
  const steps = [latch(), latch()]
  let taken = 0
  const app = await build(t, { worker: { concurrency: 20, closeTimeout: 100 }, ...options }, app => {
    app.tasks.define('x', async (_data, task) => {
      await steps[0]!.promise
      await task.updateState('HALF', { n: 1 })
      await steps[1]!.promise
      return 'end'
    })
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  return { app, port: (app.server.address() as AddressInfo).port, step: () => steps[taken++]!.open() }
}

interface Stream { response: IncomingMessage, events: Array<{ id: string, data: any }>, text: () => string, ended: Promise<unknown> }

async function stream (port: number, path: string, headers = {}): Promise<Stream> {
  const [response] = await once(get({ host: '127.0.0.1', port, path, headers }), 'response') as [IncomingMessage]
  let text = ''
  const events: Stream['events'] = []
  response.on('data', chunk => {
    text += chunk
    events.length = 0
    for (const [, id, data] of text.matchAll(/^id: (.+)\ndata: (.+)\n\n/gm)) events.push({ id: id!, data: JSON.parse(data!) })
  })
  const ended = once(response, 'close')
  ended.catch(() => {})
  return { response, events, text: () => text, ended }
}

t.test('ETag, and 304 for who has it', async t => {
  const app = await build(t, {}, app => { app.tasks.define('x') })
  const { id } = await app.tasks.enqueue('x')
  const first = await app.inject(`/tasks/${id}`)
  const etag = first.headers.etag as string
  t.match(etag, /^"[\w-]{20,}"$/)
  const same = await app.inject({ url: `/tasks/${id}`, headers: { 'if-none-match': etag } })
  t.match(same, { statusCode: 304, payload: '' })
  await app.tasks.cancel(id)
  const other = await app.inject({ url: `/tasks/${id}`, headers: { 'if-none-match': etag } })
  t.match(other, { statusCode: 200 })
  t.not(other.headers.etag, etag)
})

t.test('Prefer: wait', async t => {
  const { app, port, step } = await listening(t)
  const { id } = await app.tasks.enqueue('x')
  await reaches(app, id, 'active')
  const ask = (headers: Record<string, string>): Promise<Response> => fetch(`http://127.0.0.1:${port}/tasks/${id}`, { headers })

  await t.test('answers at the next change', async t => {
    const known = (await ask({})).headers.get('etag')!
    const waits = ask({ prefer: 'wait=20', 'if-none-match': known })
    step() // before or after the poll has arrived: it knows what the client has
    const reply = await waits
    t.equal(reply.headers.get('preference-applied'), 'wait=20')
    t.match(await reply.json(), { stage: 'HALF', progress: { n: 1 } })
  })

  await t.test('at once where the client has an older one', async t => {
    const reply = await ask({ prefer: 'respond-async, wait=20', 'if-none-match': '"older"' })
    t.match(await reply.json(), { stage: 'HALF' })
  })

  await t.test('after the time with what there is: 304 where the client has it', async t => {
    const reply = await ask({ prefer: 'wait=0' })
    t.equal(reply.status, 200)
    const again = await ask({ prefer: 'wait=1', 'if-none-match': reply.headers.get('etag')! })
    t.equal(again.status, 304)
  })

  await t.test('to the end, and then at once', async t => {
    const waits = ask({ prefer: 'wait=20', 'if-none-match': (await ask({})).headers.get('etag')! })
    step()
    t.match(await (await waits).json(), { state: 'succeeded', result: 'end' })
    t.match(await (await ask({ prefer: 'wait=20' })).json(), { state: 'succeeded' })
  })

  t.equal((await fetch(`http://127.0.0.1:${port}/tasks/nobody`, { headers: { prefer: 'wait=20' } })).status, 404)
})

t.test('server-sent events: every change from the present state to the end', async t => {
  const { app, port, step } = await listening(t)
  const { id } = await app.tasks.enqueue('x')
  await reaches(app, id, 'active')
  const one = await stream(port, `/tasks/${id}/events`)
  t.match(one.response.headers, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  await until('the first', () => one.events.length === 1)
  step()
  await until('the second', () => one.events.length === 2)
  const late = await stream(port, `/tasks/${id}/events`, { 'last-event-id': one.events[1]!.id })
  step()
  await one.ended
  t.same(one.events.map(({ data }) => [data.state, data.stage, data.result]), [['active', null, null], ['active', 'HALF', null], ['succeeded', 'HALF', 'end']])
  await late.ended
  t.same(late.events.map(({ data }) => data.state), ['succeeded'], 'who comes back gets what it has not seen')
  const done = await stream(port, `/tasks/${id}/events`, { 'last-event-id': one.events[2]!.id })
  t.equal(done.response.statusCode, 204, 'an EventSource comes back no more')
  done.response.resume()
  const status = await app.inject(`/tasks/${id}`)
  t.equal(status.headers.etag, `"${one.events[2]!.id}"`, 'the id of an event is the ETag of the status')
  t.equal((await app.inject('/tasks/nobody/events')).json().code, 'TASK_NOT_FOUND')
  t.equal((await app.inject({ url: `/tasks/${id}/events`, headers: { accept: 'application/json' } })).statusCode, 406)
})

inRedis('1,000 streams cost one subscriber; close ends them, and polls, at once', 'counts connections', async t => {
  const own = await startRedis() // whose subscribers are ours alone
  t.teardown(() => own.stop())
  const { app, port } = await listening(t, { redis: own.url })
  const redis = connect(t, own.url)
  const subscribers = async (): Promise<number> => (await redis.call('CLIENT', 'LIST', 'TYPE', 'pubsub') as string).split('\n').filter(line => line.includes('fastify-tasks:subscriber')).length
  const before = await subscribers()
  const ids = (await app.tasks.enqueueMany('x', Array.from({ length: 20 }, () => ({})))).map(one => one.id)
  const streams = await Promise.all(Array.from({ length: 1_000 }, (_, i) => stream(port, `/tasks/${ids[i % 20]}/events`)))
  await until('all have the first', () => streams.every(one => one.events.length > 0), 30_000)
  t.equal(await subscribers(), before, 'the worker\'s own subscriber serves them too')
  const poll = fetch(`http://127.0.0.1:${port}/tasks/${ids[0]}`, { headers: { prefer: 'wait=60' } })
  await until('the poll has arrived', async () => new Promise(resolve => app.server.getConnections((_error, count) => resolve(count > 1_000))))
  const closed = app.close()
  await Promise.all(streams.map(one => one.ended))
  await poll.then(reply => reply.json()).catch(() => {})
  await closed
})

t.test('a client that does not read is dropped, not buffered for ever', async t => {
  const watched = latch()
  const go = latch()
  const app = await build(t, { worker: true, maxProgressSize: 1_000_000 }, app => {
    app.tasks.define('x', async (_data, task) => {
      await watched.promise
      for (let i = 0; !task.signal.aborted && i < 200; i++) await task.reportProgress(`${i}`.padEnd(500_000, 'x'))
      await go.promise
    })
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { id } = await app.tasks.enqueue('x')
  const request = httpRequest({ host: '127.0.0.1', port: (app.server.address() as AddressInfo).port, path: `/tasks/${id}/events` }).end()
  const [response] = await once(request, 'response')
  response.pause()
  watched.open()
  await until('it was dropped', async () => new Promise(resolve => app.server.getConnections((_error, count) => resolve(count === 0))), 20_000)
  request.on('error', () => {}).destroy()
  go.open()
})

t.test('who may look', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix, routes: { cancel: true } }, app => {
    app.decorate('owner', 'ada')
    app.tasks.define('x', { authorize (this: any, request, record) { return record.name === 'x' && request.headers.user === this.owner }, expose: ['data'] })
    app.tasks.define('open')
  })
  const { id } = await app.tasks.enqueue('x', { mine: true })
  for (const [method, url] of [['GET', `/tasks/${id}`], ['GET', `/tasks/${id}/events`], ['DELETE', `/tasks/${id}`]] as const) {
    t.match((await app.inject({ method, url, headers: { user: 'eve' } })).json(), { statusCode: 404, code: 'TASK_NOT_FOUND' }, `${method} ${url}`)
  }
  const seen = await app.inject({ url: `/tasks/${id}`, headers: { user: 'ada' } })
  t.match(seen.json(), { state: 'waiting', data: { mine: true } })
  const open = await app.tasks.enqueue('open', { secret: true })
  t.notOk('data' in (await app.inject(`/tasks/${open.id}`)).json(), 'data stays inside')
})

t.test('DELETE cancels, where it is asked for', async t => {
  const app = await build(t, { routes: { cancel: true } }, app => {
    app.tasks.define('x', async (_data, task) => { await once(task.signal, 'abort') })
  })
  const waiting = await app.tasks.enqueue('x')
  t.match((await app.inject({ method: 'DELETE', url: waiting.location! })), { statusCode: 200 })
  t.match((await app.inject({ method: 'DELETE', url: waiting.location! })).json(), { statusCode: 409, code: 'TASK_FINISHED' })
  t.match((await app.inject({ method: 'DELETE', url: '/tasks/nobody' })).json(), { statusCode: 404 })
  await app.tasks.startWorker()
  const running = await app.tasks.enqueue('x')
  await reaches(app, running.id, 'active')
  t.equal((await app.inject({ method: 'DELETE', url: running.location! })).statusCode, 202)
  await reaches(app, running.id, 'cancelled')
  const without = await build(t)
  t.equal((await without.inject({ method: 'DELETE', url: '/tasks/x' })).statusCode, 404)
})
