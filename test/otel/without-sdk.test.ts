/**
 * Without an SDK there are no spans: the context of the request's header is passed on, as without telemetry.
 */
import t from 'tap'
import { build, reaches } from '../support/helpers.ts'
import { otel } from '../../lib/otel.ts'

t.test('the header of the request is passed on', async t => {
  const app = await build(t, { telemetry: otel() }, app => {
    app.tasks.define('x', (_data, task) => task.traceparent)
    app.post('/', async (_request, reply) => reply.accepted(await app.tasks.enqueue('x')))
  })
  await app.tasks.startWorker()
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  const { json } = await app.inject({ method: 'POST', url: '/', headers: { traceparent } })
  t.match(await reaches(app, json().id, 'succeeded'), { result: traceparent })
})
