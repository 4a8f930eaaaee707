import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { mock } from 'node:test'
import fastifyEtag from '@fastify/etag'
import { fastifySSE } from '@fastify/sse'
import Fastify, { type FastifyInstance } from 'fastify'
import type { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { startRedis } from '../../scripts/redis.ts'
import tasks from '../../lib/plugin.ts'
import { build, connect, inRedis, latch, randomPrefix, reaches, until, where } from '../support/helpers.ts'
import { ALONE } from '../support/room.ts'
import { listen, stream } from '../support/streams.ts'

interface Listening { app: FastifyInstance, port: number, step: () => void }

/** An app that listens, and a task that waits for `step` between its states. */
async function listening (
  t: Test, options = {}, before: (app: FastifyInstance) => unknown = () => {}
): Promise<Listening> {
  const steps = [latch(), latch()]
  let taken = 0
  const app: FastifyInstance = Fastify()
  t.teardown(() => app.close())
  await before(app)
  await app.register(tasks, { ...where(), worker: { concurrency: 20, closeTimeout: 100 }, ...options })
  app.tasks.define('x', async (_data, task) => {
    await steps[0]!.promise
    await task.updateState('HALF', { n: 1 })
    await steps[1]!.promise
    return 'end'
  })
  return { app, port: await listen(app), step: () => steps[taken++]!.open() }
}

t.test('ETag, and 304 for a client that has it', async t => {
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

t.test('@fastify/etag that the app has registered does not change our ETag', async t => {
  const { app } = await listening(t, {}, app => app.register(fastifyEtag, { weak: true }))
  const { id } = await app.tasks.enqueue('x', 1, { delay: 60_000 })
  const { etag } = (await app.inject(`/tasks/${id}`)).headers
  t.notMatch(etag, /^W/)
  const same = await app.inject({ url: `/tasks/${id}`, headers: { 'if-none-match': etag as string } })
  t.match(same, { statusCode: 304, payload: '' })
})

t.test('Prefer: wait', async t => {
  const { app, port, step } = await listening(t)
  const { id } = await app.tasks.enqueue('x')
  await reaches(app, id, 'active')
  const get = (headers: Record<string, string>): Promise<Response> =>
    fetch(`http://127.0.0.1:${port}/tasks/${id}`, { headers })

  await t.test('answers at the next change', async t => {
    const known = (await get({})).headers.get('etag')!
    const waits = get({ prefer: 'wait=20', 'if-none-match': known })
    step() // before or after the poll has arrived: the poll says which record the client has
    const reply = await waits
    t.equal(reply.headers.get('preference-applied'), 'wait=20')
    t.match(await reply.json(), { stage: 'HALF', progress: { n: 1 } })
  })

  await t.test('answers at once if the client has an older record', async t => {
    const reply = await get({ prefer: 'respond-async, wait=20', 'if-none-match': '"older"' })
    t.match(await reply.json(), { stage: 'HALF' })
  })

  await t.test('answers after the wait with the current record: 304 if the client has it', async t => {
    const reply = await get({ prefer: 'wait=0' })
    t.equal(reply.status, 200)
    const again = await get({ prefer: 'wait=1', 'if-none-match': reply.headers.get('etag')! })
    t.equal(again.status, 304)
  })

  await t.test('answers when the task finishes, and then at once', async t => {
    const waits = get({ prefer: 'wait=20', 'if-none-match': (await get({})).headers.get('etag')! })
    step()
    t.match(await (await waits).json(), { state: 'succeeded', result: 'end' })
    t.match(await (await get({ prefer: 'wait=20' })).json(), { state: 'succeeded' })
  })

  t.equal((await fetch(`http://127.0.0.1:${port}/tasks/nobody`, { headers: { prefer: 'wait=20' } })).status, 404)
})

t.test('server-sent events: every change from the current state to the end', async t => {
  const { app, port, step } = await listening(t)
  const { id } = await app.tasks.enqueue('x')
  await reaches(app, id, 'active')
  const one = await stream(port, `/tasks/${id}/events`)
  t.match(one.response.headers, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  await until('the first event', () => one.events.length === 1)
  step()
  await until('the second event', () => one.events.length === 2)
  const late = await stream(port, `/tasks/${id}/events`, { 'last-event-id': one.events[1]!.id })
  step()
  await one.ended
  t.same(one.events.map(({ data }) => [data.state, data.stage, data.result]), [
    ['active', null, null], ['active', 'HALF', null], ['succeeded', 'HALF', 'end']
  ])
  await late.ended
  t.same(late.events.map(({ data }) => data.state), ['succeeded'], 'a client that reconnects gets only later events')
  const done = await stream(port, `/tasks/${id}/events`, { 'last-event-id': one.events[2]!.id })
  t.equal(done.response.statusCode, 204, 'an EventSource does not reconnect')
  done.response.resume()
  const status = await app.inject(`/tasks/${id}`)
  t.equal(status.headers.etag, `"${one.events[2]!.id}"`, 'the id of an event is the ETag of the status')
  t.equal((await app.inject('/tasks/nobody/events')).json().code, 'FST_TASKS_NOT_FOUND')
  const json = await app.inject({ url: `/tasks/${id}/events`, headers: { accept: 'application/json' } })
  t.match([json.statusCode, json.json().code], [406, 'FST_TASKS_EVENTS_REFUSED'])
})

const hasNoConnections = (app: FastifyInstance): Promise<boolean> =>
  new Promise(resolve => app.server.getConnections((_error, count) => resolve(count === 0)))

/** How many connections of fastify-tasks subscribe, in a Redis of the test's own. */
async function subscribers (redis: Redis): Promise<number> {
  const list = await redis.call('CLIENT', 'LIST', 'TYPE', 'pubsub') as string
  return list.split('\n').filter(line => line.includes('fastify-tasks:subscriber')).length
}

const ONE_SUBSCRIBER = '1,000 streams share one subscriber, and all get the change; close ends them, and polls, at once'

inRedis(ONE_SUBSCRIBER, 'counts connections', async t => {
  const own = await startRedis() // with no subscribers but ours
  t.teardown(() => own.stop())
  const redis = connect(t, own.url)
  const go = latch()
  const prefix = randomPrefix()
  const worker = await build(t, { redis: own.url, prefix, worker: { concurrency: 20, closeTimeout: 100 } }, app => {
    app.tasks.define('x', async (_data, task) => {
      await go.promise
      await task.updateState('HALF')
      await once(task.signal, 'abort')
    })
  })
  const web = await build(t, { redis: own.url, prefix }, app => { app.tasks.define('x') })
  const port = await listen(web)
  const before = await subscribers(redis) // of the worker
  const ids = (await web.tasks.enqueueMany('x', Array.from({ length: 20 }, () => ({})))).map(handle => handle.id)
  await Promise.all(ids.map(id => reaches(web, id, 'active')))
  const paths = Array.from({ length: 1_000 }, (_, i) => `/tasks/${ids[i % 20]}/events`)
  const streams = await Promise.all(paths.map(path => stream(port, path)))
  await until('all have the first event', () => streams.every(({ events }) => events.length > 0), 30_000)
  t.equal(await subscribers(redis), before + 1)
  go.open()
  const haveChange = () => streams.every(({ events }) => events.at(-1)!.data.stage === 'HALF')
  await until('all have the change', haveChange, 30_000)
  const arrived = new Promise(resolve => web.server.once('request', resolve))
  const headers = { prefer: 'wait=60', 'if-none-match': `"${streams[0]!.events.at(-1)!.id}"` }
  const poll = fetch(`http://127.0.0.1:${port}/tasks/${ids[0]}`, { headers })
  await arrived
  const closed = web.close()
  await Promise.all(streams.map(({ ended }) => ended))
  const reply = await poll.catch(() => null) // it may have arrived when no request was accepted any more
  t.ok(reply === null || reply.status === 304 || reply.status === 503, `the poll: ${reply?.status}`)
  await closed
  await worker.close()
})

inRedis('a client that disconnects while authorize is running gets no stream', 'counts connections', async t => {
  const own = await startRedis()
  t.teardown(() => own.stop())
  const redis = connect(t, own.url)
  const [authorizing, goOn] = [latch(), latch()]
  const app = await build(t, { redis: own.url }, app => {
    const authorize = async (): Promise<boolean> => {
      authorizing.open()
      await goOn.promise
      return true
    }
    app.tasks.define('x', { authorize })
  })
  const port = await listen(app)
  const { id } = await app.tasks.enqueue('x')
  const request = httpRequest({ host: '127.0.0.1', port, path: `/tasks/${id}/events` }).end()
  request.on('error', () => {})
  await authorizing.promise
  request.destroy()
  await until('the server knows', () => hasNoConnections(app))
  goOn.open()
  for (let i = 0; i < 50; i++) await app.tasks.status(id) // enough time to subscribe
  t.equal(await subscribers(redis), 0)
})

t.test('a client that does not read is disconnected: its events are not buffered for ever', async t => {
  const watched = latch()
  const go = latch()
  const app = await build(t, { worker: true, maxProgressSize: 1_000_000 }, app => {
    app.tasks.define('x', async (_data, task) => {
      await watched.promise
      for (let i = 0; !task.signal.aborted && i < 200; i++) await task.reportProgress(`${i}`.padEnd(500_000, 'x'))
      await go.promise
    })
  })
  const port = await listen(app)
  const { id } = await app.tasks.enqueue('x')
  const request = httpRequest({ host: '127.0.0.1', port, path: `/tasks/${id}/events` }).end()
  const [response] = await once(request, 'response')
  response.pause()
  watched.open()
  await until('the client is disconnected', () => hasNoConnections(app), 20_000)
  request.on('error', () => {}).destroy()
  go.open()
})

t.test('a heartbeat every 15 seconds', ALONE, async t => {
  const { app, port } = await listening(t)
  const { id } = await app.tasks.enqueue('x')
  mock.timers.enable({ apis: ['setInterval'] })
  t.teardown(() => mock.timers.reset())
  const one = await stream(port, `/tasks/${id}/events`)
  await until('the first event', () => one.events.length >= 1)
  for (let heartbeats = 1; heartbeats <= 2; heartbeats++) {
    mock.timers.tick(15_000)
    await until('a heartbeat', () => one.text().split(': heartbeat\n\n').length === heartbeats + 1)
  }
  one.response.destroy()
})

t.test('@fastify/sse that the app has registered serves our streams too: its events are JSON all the same', async t => {
  const { app, port, step } = await listening(t, {}, app =>
    app.register(fastifySSE, { heartbeatInterval: 20, serializer: () => 'of the app' }))
  const { id } = await app.tasks.enqueue('x')
  await reaches(app, id, 'active')
  const one = await stream(port, `/tasks/${id}/events`)
  await until('a heartbeat, as often as the app says', () => one.text().includes(': heartbeat'))
  step()
  step()
  await one.ended
  t.match(one.events.at(-1)!.data, { state: 'succeeded', result: 'end' })
})

t.test('the app\'s hooks: all on the status and on errors; on a stream all but onSend', async t => {
  const seen: string[] = []
  const routes = { cancel: true, onRequest: async () => { seen.push('of the option') } }
  const { app, port, step } = await listening(t, { routes }, app => {
    for (const hook of ['onRequest', 'preParsing', 'preValidation', 'preHandler', 'onResponse'] as const) {
      app.addHook(hook as 'onRequest', async () => { seen.push(hook) })
    }
    app.addHook('onRequest', async (_request, reply) => {
      reply.header('x-app', 'of the app').type('application/json')
    })
    app.addHook('onSend', async (_request, reply) => {
      seen.push('onSend')
      reply.header('x-sent', 'yes')
    })
    app.addHook('preSerialization', async (_request, _reply, payload) => {
      seen.push('preSerialization')
      return payload
    })
  })
  step()
  step()
  const { id } = await app.tasks.enqueue('x')
  await reaches(app, id, 'succeeded')
  const before = ['onRequest', 'of the option', 'preParsing', 'preValidation', 'preHandler']
  const status = await app.inject(`/tasks/${id}`)
  t.same(seen.splice(0), [...before, 'preSerialization', 'onSend', 'onResponse'])
  t.match(status.headers, { 'x-app': 'of the app', 'x-sent': 'yes' })
  const missing = await app.inject('/tasks/nobody/events')
  t.match(missing.headers, { 'x-app': 'of the app', 'x-sent': 'yes' })
  seen.splice(0)
  const one = await stream(port, `/tasks/${id}/events`)
  await one.ended
  t.match(one.response.headers, { 'x-app': 'of the app', 'content-type': 'text/event-stream' })
  await until('onResponse', () => seen.includes('onResponse'))
  t.same(seen, [...before, 'onResponse'])
})

t.test('authorize decides who may see a task', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix, routes: { cancel: true } }, app => {
    app.decorate('owner', 'ada')
    app.tasks.define('x', {
      authorize (this: any, request, record) { return record.name === 'x' && request.headers.user === this.owner },
      expose: ['data']
    })
    app.tasks.define('open')
  })
  const { id } = await app.tasks.enqueue('x', { mine: true })
  const requests = [['GET', ''], ['GET', '/events'], ['DELETE', '']] as const
  for (const [method, path] of requests) {
    const reply = await app.inject({ method, url: `/tasks/${id}${path}`, headers: { user: 'eve' } })
    t.match(reply.json(), { statusCode: 404, code: 'FST_TASKS_NOT_FOUND' }, `${method} ${path}`)
  }
  const seen = await app.inject({ url: `/tasks/${id}`, headers: { user: 'ada' } })
  t.match(seen.json(), { state: 'waiting', data: { mine: true } })
  const open = await app.tasks.enqueue('open', { secret: true })
  t.notOk('data' in (await app.inject(`/tasks/${open.id}`)).json(), 'data is not exposed')
})

t.test('DELETE cancels a task, if the app has the option', async t => {
  const app = await build(t, { routes: { cancel: true } }, app => {
    app.tasks.define('x', async (_data, task) => { await once(task.signal, 'abort') })
  })
  const waiting = await app.tasks.enqueue('x')
  t.match((await app.inject({ method: 'DELETE', url: waiting.location! })), { statusCode: 200 })
  const again = await app.inject({ method: 'DELETE', url: waiting.location! })
  t.match(again.json(), { statusCode: 409, code: 'FST_TASKS_FINISHED' })
  t.match((await app.inject({ method: 'DELETE', url: '/tasks/nobody' })).json(), { statusCode: 404 })
  await app.tasks.startWorker()
  const running = await app.tasks.enqueue('x')
  await reaches(app, running.id, 'active')
  t.equal((await app.inject({ method: 'DELETE', url: running.location! })).statusCode, 202)
  await reaches(app, running.id, 'cancelled')
  const without = await build(t)
  t.equal((await without.inject({ method: 'DELETE', url: '/tasks/x' })).statusCode, 404)
})
