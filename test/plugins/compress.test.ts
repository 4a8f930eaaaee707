import { gunzipSync } from 'node:zlib'
import compress from '@fastify/compress'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import tasks from '../../lib/plugin.ts'
import type { RoutesOptions } from '../../lib/types.ts'
import { latch, randomPrefix, reaches, REDIS_URL, until } from '../support/helpers.ts'
import { listen, stream } from '../support/streams.ts'

const gzip = { 'accept-encoding': 'gzip' }

async function build (
  t: Test, options = {}, routes: RoutesOptions = {}, go = latch(), end = go
): Promise<FastifyInstance> {
  const app = Fastify()
  t.teardown(() => { go.open(); end.open(); return app.close() })
  await app.register(compress, options)
  await app.register(tasks, { prefix: randomPrefix(), redis: REDIS_URL, worker: { closeTimeout: 100 }, routes })
  app.tasks.define('large', async (_data, task) => {
    await go.promise
    await task.reportProgress('p'.repeat(5_000))
    await end.promise
    return 'x'.repeat(5_000)
  })
  await app.ready()
  return app
}

for (const options of [{}, { threshold: 0 }, { syncThreshold: 0 }]) {
  t.test(`@fastify/compress ${JSON.stringify(options)} compresses the status, with ETag and 304`, async t => {
    const go = latch()
    go.open()
    const app = await build(t, options, {}, go)
    const { id } = await app.tasks.enqueue('large')
    await reaches(app, id, 'succeeded')
    const plain = await app.inject(`/tasks/${id}`)
    const compressed = await app.inject({ url: `/tasks/${id}`, headers: gzip })
    t.notOk('content-encoding' in plain.headers)
    t.match(compressed.headers, {
      'content-encoding': 'gzip',
      vary: 'accept-encoding',
      'cache-control': 'no-store',
      'content-type': /json/
    })
    t.equal(gunzipSync(compressed.rawPayload).toString(), plain.payload)
    t.ok(compressed.rawPayload.length < plain.rawPayload.length / 10)
    const headers = { ...gzip, 'if-none-match': compressed.headers.etag as string }
    t.equal((await app.inject({ url: `/tasks/${id}`, headers })).statusCode, 304)
    t.equal((await app.inject({ url: '/tasks/nobody', headers: gzip })).statusCode, 404)
  })
}

t.test('the event stream is neither compressed nor delayed, even if all types are compressed', async t => {
  const [go, end] = [latch(), latch()]
  const app = await build(t, { customTypes: /./, threshold: 0 }, {}, go, end)
  const port = await listen(app)
  const { id } = await app.tasks.enqueue('large')
  await reaches(app, id, 'active')
  const opened = await stream(port, `/tasks/${id}/events`, gzip)
  t.match(opened.response.headers, { 'content-type': 'text/event-stream' })
  t.notOk('content-encoding' in opened.response.headers)
  await until('the first event arrives while the task runs', () => opened.events.length === 1)
  go.open()
  await until('the second event arrives while the task runs', () => opened.events.length === 2)
  end.open()
  await opened.ended
  t.same(opened.events.map(({ data }) => data.state), ['active', 'active', 'succeeded'])
})

t.test('the app\'s list of hooks for our routes is not changed', async t => {
  const onRequest = [async () => {}]
  await build(t, {}, { cancel: true, onRequest })
  t.equal(onRequest.length, 1, 'compress adds its own hook to the hooks of each route')
})
