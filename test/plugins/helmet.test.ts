import helmet from '@fastify/helmet'
import Fastify from 'fastify'
import t from 'tap'
import tasks from '../../lib/plugin.ts'
import { randomPrefix, REDIS_URL, until } from '../support/helpers.ts'
import { listen, stream } from '../support/streams.ts'

t.test('@fastify/helmet sets its headers on every route, including the event stream', async t => {
  for (const order of ['before', 'after']) {
    const app = Fastify()
    t.teardown(() => app.close())
    if (order === 'before') await app.register(helmet)
    await app.register(tasks, { prefix: randomPrefix(), redis: REDIS_URL, routes: { cancel: true } })
    if (order === 'after') await app.register(helmet)
    app.tasks.define('x')
    const port = await listen(app)
    const { id } = await app.tasks.enqueue('x')
    const opened = await stream(port, `/tasks/${id}/events`)
    await until('the first event', () => opened.events.length === 1)
    const answers = {
      status: (await app.inject(`/tasks/${id}`)).headers,
      missing: (await app.inject('/tasks/nobody')).headers,
      cancel: (await app.inject({ method: 'DELETE', url: `/tasks/${id}` })).headers,
      events: opened.response.headers
    }
    for (const [name, headers] of Object.entries(answers)) {
      t.match(headers, {
        'content-security-policy': /default-src/,
        'x-content-type-options': 'nosniff',
        'strict-transport-security': /max-age/
      }, `${name}, registered ${order}`)
      t.equal(headers['cache-control'], 'no-store')
    }
    await opened.ended
  }
})
