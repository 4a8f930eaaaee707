/**
 * Streams and long polls outlive what bounds other routes: an outage of Redis, the app's timeouts, HTTP/2.
 */
import { connect as connect2 } from 'node:http2'
import { once } from 'node:events'
import { connect, type AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance } from 'fastify'
import t from 'tap'
import tasks from '../../lib/plugin.ts'
import { startRedis } from '../../scripts/redis.ts'
import { build, errorOf, latch, randomPrefix, until } from '../support/helpers.ts'
import { ALONE } from '../support/room.ts'

const accept = 'text/event-stream'

t.test('an EventSource that comes while Redis is away is asked to come again; other clients get 503', async t => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const app = await build(t, { redis: redis.url, redisTimeout: 200 }, app => { app.tasks.define('x', () => 1) })
  const handle = await app.tasks.enqueue('x')
  const url = `${handle.location}/events`
  await redis.stop()
  const reply = await app.inject({ url, headers: { accept } })
  t.match(reply, { statusCode: 200, headers: { 'content-type': accept }, body: 'retry: 2000\n\n' })
  const returning = await app.inject({ url, headers: { accept, 'last-event-id': 'x' } })
  t.match(returning, { statusCode: 200, body: 'retry: 2000\n\n' })
  t.match(await app.inject({ url, headers: { accept: '*/*' } }), { statusCode: 503, headers: { 'retry-after': '1' } })
  t.match(await app.inject({ url: '/tasks/unknown', headers: { accept } }), { statusCode: 503 })
})

t.test('handlerTimeout of the app cuts neither a stream nor a long poll, and cuts the app\'s own routes', async t => {
  const finish = latch()
  const hasBegun = latch()
  const app = await build(t, { worker: true }, app => {
    app.tasks.define('x', async () => { hasBegun.open(); await finish.promise; return 'done' })
    app.get('/own', () => new Promise(() => {}))
  }, { handlerTimeout: 100 } as object)
  const handle = await app.tasks.enqueue('x')
  await hasBegun.promise
  await until('it is active', async () => (await handle.status())!.state === 'active')
  const stream = app.inject({ url: `${handle.location}/events`, headers: { accept } })
  const poll = app.inject({ url: handle.location!, headers: { prefer: 'wait=20' } })
  t.equal((await app.inject('/own')).statusCode, 503, 'so much time has passed for all of them')
  finish.open()
  t.match((await stream).body, /"result":"done"/)
  t.match((await poll).json(), { state: 'succeeded' })
})

/** Waits until the server has closed a connection that sent this. */
async function closedBy (port: number, text: string): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.write(text)
  await once(socket.resume(), 'close')
}

for (const [option, cut] of Object.entries({
  requestTimeout: 'GET /own HTTP/1.1\r\n', // it never ends
  connectionTimeout: 'GET /own HTTP/1.1\r\nhost: a\r\n\r\n'
})) {
  t.test(`${option} of the app cuts neither a stream nor a long poll, and cuts others`, async t => {
    const finish = latch()
    const hasBegun = latch()
    const server = { [option]: 200, http: { connectionsCheckingInterval: 20 } } as object
    const app = await build(t, { worker: true }, app => {
      app.tasks.define('x', async () => { hasBegun.open(); await finish.promise; return 'done' })
      app.get('/own', () => new Promise(() => {}))
    }, server)
    const address = await app.listen({ port: 0, host: '127.0.0.1' })
    const handle = await app.tasks.enqueue('x')
    await hasBegun.promise
    await until('it is active', async () => (await handle.status())!.state === 'active')
    const stream = await fetch(`${address}${handle.location}/events`, { headers: { accept } })
    const poll = fetch(address + handle.location!, { headers: { prefer: 'wait=20' } })
    await closedBy((app.server.address() as AddressInfo).port, cut)
    finish.open()
    t.match(await stream.text(), /"result":"done"/)
    t.match(await (await poll).json(), { state: 'succeeded' })
  })
}

t.test('a pluginTimeout that is shorter than connectTimeout does not fail the boot without Redis', async t => {
  const app: FastifyInstance = Fastify({ pluginTimeout: 1_500 })
  t.teardown(() => app.close())
  const options = { redis: 'redis://127.0.0.1:1', prefix: randomPrefix(), connectTimeout: 60_000, worker: true }
  await app.register(tasks, options)
  app.tasks.define('x', () => 1)
  await app.ready()
  t.equal((await errorOf(app.tasks.enqueue('x'))).code, 'FST_TASKS_REDIS_UNAVAILABLE')
})

t.test('HTTP/2: status, stream and a close, without a warning', ALONE, async t => {
  const warnings: string[] = []
  const onWarning = ({ message }: Error): void => { warnings.push(message) }
  process.on('warning', onWarning)
  t.teardown(() => process.off('warning', onWarning))
  const hasBegun = latch()
  const finish = latch()
  const app = await build(t, { worker: true }, app => {
    app.tasks.define('x', async () => { hasBegun.open(); await finish.promise; return 'done' })
  }, { http2: true } as object)
  await app.listen({ port: 0, host: '127.0.0.1' })
  const session = connect2(`http://127.0.0.1:${(app.server.address() as AddressInfo).port}`)
  t.teardown(() => session.destroy())
  const get = async (path: string, headers = {}): Promise<string> => {
    const request = session.request({ ':path': path, ...headers })
    let body = ''
    request.setEncoding('utf8').on('data', chunk => { body += chunk })
    await once(request, 'end')
    return body
  }
  const handle = await app.tasks.enqueue('x')
  await hasBegun.promise
  const stream = get(`${handle.location}/events`, { accept })
  const poll = get(handle.location!, { prefer: 'wait=60' })
  t.match(await get(handle.location!), /"state":"active"/)
  const closed = app.close()
  await poll
  finish.open()
  await stream
  session.close() // Fastify waits for it
  await closed
  t.same(warnings, [])
})
