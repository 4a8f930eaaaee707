import jwt from '@fastify/jwt'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import t, { type Test } from 'tap'
import tasks from '../../lib/plugin.ts'
import Fastify from 'fastify'
import { latch, randomPrefix, reaches, REDIS_URL, until } from '../support/helpers.ts'
import { listen, stream } from '../support/streams.ts'

interface Setup { app: FastifyInstance, as: (user: string | null, method: string, url: string, headers?: object) => Promise<any>, token: (user: string) => string }

const authenticate = async (request: FastifyRequest): Promise<void> => { await request.jwtVerify() }

/** Whose task a request may see: the token's user, and what the task was enqueued for. */
async function build (t: Test, options: object = {}, go = latch()): Promise<Setup> {
  const app = Fastify()
  t.teardown(() => { go.open(); return app.close() })
  await app.register(jwt, { secret: 'of this test' })
  await app.register(tasks, { prefix: randomPrefix(), redis: REDIS_URL, worker: { closeTimeout: 100 }, routes: { cancel: true, onRequest: [authenticate] }, ...options })
  const owners = new Map<string, string>()
  const secret = app.tasks.define('secret', {
    authorize: (request, record) => owners.get(record.id) === (request.user as { name: string }).name
  }, async (_data, task) => {
    await go.promise
    await task.updateState('HALF')
    throw new Error('it went wrong')
  })
  app.post('/secret', { onRequest: [authenticate] }, async (request, reply) => {
    const handle = await secret.enqueue({ password: 'hunter2' })
    owners.set(handle.id, (request.user as { name: string }).name)
    return reply.accepted(handle)
  })
  await app.ready()
  const token = (name: string): string => app.jwt.sign({ name })
  const as: Setup['as'] = (user, method, url, headers = {}) =>
    app.inject({ method: method as 'GET', url, headers: { ...headers, ...(user === null ? {} : { authorization: `Bearer ${token(user)}` }) } })
  return { app, as, token }
}

t.test('the owner sees the task, another gets 404, nobody 401: on every route', async t => {
  const go = latch()
  const { app, as } = await build(t, {}, go)
  const { id } = (await as('ada', 'POST', '/secret')).json()
  await reaches(app, id, 'active')
  const ways: Array<[string, string, object?]> = [['GET', `/tasks/${id}`], ['HEAD', `/tasks/${id}`], ['GET', `/tasks/${id}`, { prefer: 'wait=20' }], ['GET', `/tasks/${id}/events`], ['DELETE', `/tasks/${id}`]]
  for (const [method, url, headers] of ways) {
    const other = await as('eve', method, url, headers)
    const nobody = await as(null, method, url, headers)
    t.same([other.statusCode, nobody.statusCode], [404, 401], `${method} ${url} ${JSON.stringify(headers ?? '')}`)
    if (method === 'HEAD') continue
    t.match(other.json(), { code: 'FST_TASKS_NOT_FOUND', message: (await as('eve', method, '/tasks/nobody', headers)).json().message.replace('nobody', id) }, 'as one that is not there')
    t.match(nobody.json(), { code: 'FST_JWT_NO_AUTHORIZATION_IN_HEADER' })
    t.notOk(other.headers.etag === (await as('ada', 'GET', `/tasks/${id}`)).headers.etag)
  }
  t.equal((await app.tasks.status(id))!.state, 'active', 'nobody has cancelled it')
  t.match((await as('ada', 'GET', `/tasks/${id}`)).json(), { id, state: 'active' })
  t.equal((await as('ada', 'HEAD', `/tasks/${id}`)).statusCode, 200)
  const forged = await app.inject({ url: `/tasks/${id}`, headers: { authorization: 'Bearer forged.forged.forged' } })
  t.equal(forged.statusCode, 401)
  t.equal((await as('ada', 'DELETE', `/tasks/${id}`)).statusCode, 202)
})

t.test('the owner\'s stream and long poll', async t => {
  const go = latch()
  const { app, as, token } = await build(t, {}, go)
  const port = await listen(app)
  const { id } = (await as('ada', 'POST', '/secret')).json()
  await reaches(app, id, 'active')
  const authorization = `Bearer ${token('ada')}`
  const one = await stream(port, `/tasks/${id}/events`, { authorization })
  await until('the first', () => one.events.length === 1)
  const poll = fetch(`http://127.0.0.1:${port}/tasks/${id}`, { headers: { authorization, prefer: 'wait=20', 'if-none-match': `"${one.events[0]!.id}"` } })
  go.open()
  t.match(await (await poll).json(), { stage: 'HALF' })
  await one.ended
  t.same(one.events.map(({ data }) => data.state), ['active', 'active', 'failed'])
  t.equal((await stream(port, `/tasks/${id}/events`, { authorization: `Bearer ${token('eve')}` })).response.statusCode, 404)
})

t.test('data and stacks stay inside, also from the owner', async t => {
  for (const exposeStack of [false, true]) {
    const go = latch()
    const { app, as } = await build(t, { exposeStack }, go)
    const accepted = await as('ada', 'POST', '/secret')
    const { id } = accepted.json()
    go.open()
    await reaches(app, id, 'failed')
    const seen = [accepted, ...await Promise.all(['', '/events'].map(end => as('ada', 'GET', `/tasks/${id}${end}`)))].map(one => one.body).join('\n')
    t.notMatch(seen, /hunter2|password/)
    t.match(seen, /it went wrong/)
    t.equal(/at .*fits-jwt/.test(seen), exposeStack, `exposeStack: ${exposeStack}`)
  }
})

t.test('authorize may be asynchronous; what it throws goes to the error handler', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(tasks, { prefix: randomPrefix(), redis: REDIS_URL })
  app.decorateRequest('groups', null)
  app.tasks.define('later', { authorize: async request => { await new Promise(setImmediate); return request.headers.group === 'mine' } })
  app.tasks.define('throws', { authorize: () => { throw Object.assign(new Error('the directory is away'), { statusCode: 502 }) } })
  app.setErrorHandler((error: any, _request, reply) => reply.code(error.statusCode ?? 500).send({ mine: error.message }))
  await app.ready()
  const later = await app.tasks.enqueue('later')
  t.equal((await app.inject({ url: later.location!, headers: { group: 'mine' } })).statusCode, 200)
  t.equal((await app.inject({ url: later.location!, headers: { group: 'other' } })).statusCode, 404)
  const throws = await app.tasks.enqueue('throws')
  for (const end of ['', '/events']) t.match((await app.inject(`${throws.location!}${end}`)), { statusCode: 502, payload: '{"mine":"the directory is away"}' })
})
