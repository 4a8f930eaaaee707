import jwt from '@fastify/jwt'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import t, { type Test } from 'tap'
import tasks from '../../lib/plugin.ts'
import Fastify from 'fastify'
import { latch, randomPrefix, reaches, REDIS_URL, until } from '../support/helpers.ts'
import { listen, stream } from '../support/streams.ts'

interface Setup {
  app: FastifyInstance
  /** Injects a request with the user's token, or without a token. */
  as: (user: string | null, method: string, url: string, headers?: object) => Promise<any>
  token: (user: string) => string
}

const authenticate = async (request: FastifyRequest): Promise<void> => { await request.jwtVerify() }

/** An app in which a user may see only the tasks that this user enqueued. */
async function build (t: Test, options: object = {}, go = latch()): Promise<Setup> {
  const app = Fastify()
  t.teardown(() => { go.open(); return app.close() })
  await app.register(jwt, { secret: 'of this test' })
  await app.register(tasks, {
    prefix: randomPrefix(),
    redis: REDIS_URL,
    worker: { closeTimeout: 100 },
    routes: { cancel: true, onRequest: [authenticate] },
    ...options
  })
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
  const as: Setup['as'] = (user, method, url, headers = {}) => {
    const authorization = user === null ? {} : { authorization: `Bearer ${token(user)}` }
    return app.inject({ method: method as 'GET', url, headers: { ...headers, ...authorization } })
  }
  return { app, as, token }
}

t.test('on every route the owner gets the task, another user 404, a request without a token 401', async t => {
  const go = latch()
  const { app, as } = await build(t, {}, go)
  const { id } = (await as('ada', 'POST', '/secret')).json()
  await reaches(app, id, 'active')
  const requests: Array<[string, string, object?]> = [
    ['GET', `/tasks/${id}`],
    ['HEAD', `/tasks/${id}`],
    ['GET', `/tasks/${id}`, { prefer: 'wait=20' }],
    ['GET', `/tasks/${id}/events`],
    ['DELETE', `/tasks/${id}`]
  ]
  for (const [method, url, headers] of requests) {
    const other = await as('eve', method, url, headers)
    const anonymous = await as(null, method, url, headers)
    t.same([other.statusCode, anonymous.statusCode], [404, 401], `${method} ${url} ${JSON.stringify(headers ?? '')}`)
    if (method === 'HEAD') continue
    const missing = (await as('eve', method, '/tasks/nobody', headers)).json()
    const expected = { code: 'FST_TASKS_NOT_FOUND', message: missing.message.replace('nobody', id) }
    t.match(other.json(), expected, 'the same answer as for a task that does not exist')
    t.match(anonymous.json(), { code: 'FST_JWT_NO_AUTHORIZATION_IN_HEADER' })
    t.notOk(other.headers.etag === (await as('ada', 'GET', `/tasks/${id}`)).headers.etag)
  }
  t.equal((await app.tasks.status(id))!.state, 'active', 'the task was not cancelled')
  t.match((await as('ada', 'GET', `/tasks/${id}`)).json(), { id, state: 'active' })
  t.equal((await as('ada', 'HEAD', `/tasks/${id}`)).statusCode, 200)
  const forged = await app.inject({ url: `/tasks/${id}`, headers: { authorization: 'Bearer forged.forged.forged' } })
  t.equal(forged.statusCode, 401)
  t.equal((await as('ada', 'DELETE', `/tasks/${id}`)).statusCode, 202)
})

t.test('the owner gets the event stream and long polls', async t => {
  const go = latch()
  const { app, as, token } = await build(t, {}, go)
  const port = await listen(app)
  const { id } = (await as('ada', 'POST', '/secret')).json()
  await reaches(app, id, 'active')
  const authorization = `Bearer ${token('ada')}`
  const opened = await stream(port, `/tasks/${id}/events`, { authorization })
  await until('the first event', () => opened.events.length === 1)
  const headers = { authorization, prefer: 'wait=20', 'if-none-match': `"${opened.events[0]!.id}"` }
  const poll = fetch(`http://127.0.0.1:${port}/tasks/${id}`, { headers })
  go.open()
  t.match(await (await poll).json(), { stage: 'HALF' })
  await opened.ended
  t.same(opened.events.map(({ data }) => data.state), ['active', 'active', 'failed'])
  const refused = await stream(port, `/tasks/${id}/events`, { authorization: `Bearer ${token('eve')}` })
  t.equal(refused.response.statusCode, 404)
})

t.test('even the owner gets no data, and a stack only with exposeStack', async t => {
  for (const exposeStack of [false, true]) {
    const go = latch()
    const { app, as } = await build(t, { exposeStack }, go)
    const accepted = await as('ada', 'POST', '/secret')
    const { id } = accepted.json()
    go.open()
    await reaches(app, id, 'failed')
    const answers = await Promise.all(['', '/events'].map(end => as('ada', 'GET', `/tasks/${id}${end}`)))
    const bodies = [accepted, ...answers].map(({ body }) => body).join('\n')
    t.notMatch(bodies, /hunter2|password/)
    t.match(bodies, /it went wrong/)
    t.equal(/at .*jwt\.test/.test(bodies), exposeStack, `exposeStack: ${exposeStack}`)
  }
})

t.test('authorize may be async; if it throws, the answer is 404', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(tasks, { prefix: randomPrefix(), redis: REDIS_URL })
  app.decorateRequest('groups', null)
  app.tasks.define('later', {
    async authorize (request) {
      await new Promise(setImmediate)
      return request.headers.group === 'mine'
    }
  })
  app.tasks.define('throws', {
    authorize () { throw Object.assign(new Error('the directory is unavailable'), { statusCode: 502 }) }
  })
  app.setErrorHandler((error: any, _request, reply) =>
    reply.code(error.statusCode ?? 500).send({ mine: error.message }))
  await app.ready()
  const later = await app.tasks.enqueue('later')
  t.equal((await app.inject({ url: later.location!, headers: { group: 'mine' } })).statusCode, 200)
  t.equal((await app.inject({ url: later.location!, headers: { group: 'other' } })).statusCode, 404)
  const throws = await app.tasks.enqueue('throws')
  for (const end of ['', '/events']) {
    const reply = await app.inject(`${throws.location!}${end}`)
    t.equal(reply.statusCode, 404)
    t.notMatch(reply.payload, /directory/)
  }
})
