/**
 * Behind a proxy that removes a prefix: a client that follows `Location` reaches the task, and its events.
 */
import { createServer, request as send } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { build } from '../support/helpers.ts'
import type { FastifyInstance } from 'fastify'

/** A proxy that serves /api/… from /… of the app, as `location /api/ { proxy_pass http://app/; }` of nginx does. */
async function proxy (t: Test, app: FastifyInstance): Promise<string> {
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const server = createServer((request, response) => {
    const { method, headers, url = '' } = request
    if (!url.startsWith('/api/')) return void response.writeHead(404).end()
    const upstream = send({ port, method, headers, path: url.slice('/api'.length), agent: false }, reply => {
      response.writeHead(reply.statusCode!, reply.headers)
      reply.pipe(response)
    })
    upstream.on('error', () => response.destroy())
    request.pipe(upstream)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close(); server.closeAllConnections() })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

for (const publicBase of ['/api', 'https://example.com/api']) {
  t.test(`publicBase ${publicBase}`, async t => {
    const app = await build(t, { worker: true, routes: { publicBase } }, app => {
      app.tasks.define('x', () => 42)
      app.post('/x', async (_request, reply) => reply.accepted(await app.tasks.enqueue('x')))
    })
    const origin = await proxy(t, app)
    const reply = await fetch(`${origin}/api/x`, { method: 'POST' })
    const location = reply.headers.get('location')!
    t.ok(location.startsWith(`${publicBase}/tasks/`), location)
    const status = origin + new URL(location, reply.url).pathname // example.com is this proxy
    t.equal((await fetch(status)).status, 200)
    t.match(await (await fetch(`${status}/events`)).text(), /"state":"succeeded".*"result":42/)
  })
}
