import Fastify from 'fastify'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import t from 'tap'
import tasks from '../../lib/plugin.ts'
import { randomPrefix, REDIS_URL } from '../support/helpers.ts'

// test/browser/api.ts tests the page in a browser.

t.test('@fastify/swagger-ui serves the document, and its page', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(swagger, { openapi: { openapi: '3.1.0', info: { title: 'Test', version: '1' } } })
  await app.register(swaggerUi)
  await app.register(tasks, { prefix: randomPrefix(), redis: REDIS_URL, routes: { cancel: true } })
  app.tasks.define('x', { schema: { result: { type: 'object', properties: { n: { type: 'integer' } } } } })
  await app.ready()
  const document = (await app.inject('/documentation/json')).json()
  t.same(document, JSON.parse(JSON.stringify(app.swagger())))
  t.same(Object.keys(document.paths), ['/tasks/{id}', '/tasks/{id}/events', '/tasks/{id}/logs'])
  t.match((await app.inject('/documentation/yaml')).body, /tasks\.result\.x/)
  t.match((await app.inject('/documentation/')).headers, { 'content-type': /text\/html/ })
})
