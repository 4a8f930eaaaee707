import Fastify from 'fastify'
import fastifyRedis from '@fastify/redis'
import { Redis } from 'ioredis'
import t from 'tap'
import tasks from '../lib/plugin.ts'
import { build, connect, errorOf, inRedis, logger, randomPrefix, REDIS_URL, until, where } from './support/helpers.ts'

const PORT = Number(new URL(REDIS_URL).port)

t.test('decorates the instance, and mounts the status route', async t => {
  const app = await build(t)
  t.equal(app.tasks.name, 'tasks')
  t.ok(app.tasks.ready)
  t.ok(app.hasRoute({ method: 'GET', url: '/tasks/:id' }))
})

inRedis('which Redis is used', 'is about Redis', async t => {
  await t.test('a URL', async t => {
    const app = await build(t, { redis: `${REDIS_URL}/3` })
    const { id } = await app.tasks.define('x').enqueue(1)
    const redis = connect(t, `${REDIS_URL}/3`)
    t.teardown(() => redis.flushdb())
    t.ok((await redis.keys('*')).length > 0)
    t.ok(await app.tasks.status(id))
  })

  await t.test('options of ioredis', async t => {
    const app = await build(t, { redis: { host: '127.0.0.1', port: PORT } })
    t.ok(app.tasks.ready)
  })

  await t.test('a client: it stays open when the app closes', async t => {
    const client = connect(t)
    const app = await build(t, { redis: client })
    t.ok(app.tasks.ready)
    await app.close()
    t.equal(await client.ping(), 'PONG')
    t.notOk(app.tasks.ready, 'but no call of the app is answered any more')
  })

  await t.test('fastify.redis: it stays open until @fastify/redis closes it', async t => {
    const client = connect(t)
    const app = Fastify()
    await app.register(fastifyRedis, { client })
    await app.register(tasks, { prefix: randomPrefix() })
    await app.ready()
    t.ok(app.tasks.ready)
    await app.close()
    t.equal(await client.ping(), 'PONG')
  })

  await t.test('fastify.redis that @fastify/redis opened: both close', async () => {
    const app = Fastify()
    await app.register(fastifyRedis, { url: REDIS_URL })
    await app.register(tasks, { prefix: randomPrefix(), worker: true })
    app.tasks.define('x', () => {})
    await app.ready()
    await app.close()
    await until('the client is closed', () => app.redis.status === 'end')
  })

  await t.test('a namespace of @fastify/redis is no client: REDIS_URL is used', async t => {
    const app = Fastify()
    t.teardown(() => app.close())
    await app.register(fastifyRedis, { url: REDIS_URL, namespace: 'other' })
    await app.register(tasks, { prefix: randomPrefix() })
    t.ok(app.tasks.ready)
  })

  await t.test('REDIS_URL, and localhost without it', async t => {
    const app = await build(t, { redis: undefined })
    t.ok(app.tasks.ready)
    const { REDIS_URL: url } = process.env
    delete process.env.REDIS_URL
    t.teardown(() => { process.env.REDIS_URL = url })
    const log = logger()
    const other = Fastify({ logger: { stream: log.stream } })
    t.teardown(() => other.close())
    await other.register(tasks, { prefix: randomPrefix(), connectTimeout: 50 })
    // There may be a Redis on this port, or not.
    t.ok(other.tasks.ready || log.find('redis.unavailable').address === 'redis://localhost:6379/0')
  })
})

inRedis('the plugin registers @fastify/redis in its own scope if the app does not', 'is about Redis', async t => {
  let inScope: unknown
  const app = await build(t, {
    routes: {
      onRequest (this: any, _request, _reply, done) {
        inScope = this.redis
        done()
      }
    }
  })
  t.notOk(app.hasDecorator('redis'))
  await app.inject('/tasks/x')
  t.equal(await (inScope as Redis).ping(), 'PONG')
})

inRedis('a user and a password', 'is about Redis', async t => {
  const admin = connect(t)
  const user = `u${randomPrefix()}`
  await admin.call('ACL', 'SETUSER', user, 'on', '>s3cret!', '~*', '&*', '+@all')
  t.teardown(async () => { await connect(t).call('ACL', 'DELUSER', user) })
  const app = await build(t, { redis: `redis://${user}:${encodeURIComponent('s3cret!')}@127.0.0.1:${PORT}/0` })
  t.ok(app.tasks.ready)

  const log = logger()
  const refused = Fastify({ logger: { stream: log.stream } })
  const error = await errorOf(async () => refused.register(tasks, { redis: `redis://${user}:wr0ng@127.0.0.1:${PORT}/0` }))
  t.match(error, { code: 'FST_TASKS_REDIS_REFUSED', message: /WRONGPASS/ })
  t.notMatch(error.message + JSON.stringify(log.lines), /wr0ng/, 'the password is in no message')
})

inRedis('an address that ioredis would fail at later', 'is about Redis', async t => {
  const wrong = [
    ['redis://me:secret@localhost/abc', /database is a number/],
    ['redis://me:secret@localhost:6379/0?db=abc', /database is a number/],
    ['/run/redis.sock?db=abc', /database is a number/],
    ['redis://me:se%cret@localhost/0', /percent-encoded|a URL/],
    ['redis://me:secret@local host/0', /a URL/],
    ['redis://me:secret@localhost:port/0', /a URL/],
    [{ host: 'localhost', db: 'abc', password: 'secret' }, /database is a number/],
    [{ host: 'localhost', db: -1, password: 'secret' }, /database is a number/],
    [{ cluster: ['redis://me:se%cret@localhost/0'] }, /each a URL/]
  ] as const
  const env = process.env.REDIS_URL
  t.teardown(() => { process.env.REDIS_URL = env })
  for (const [redis, message] of wrong) {
    const app = Fastify()
    t.teardown(() => app.close())
    const error = await errorOf(async () => app.register(tasks, { redis: redis as any }))
    t.match(error, { code: 'FST_TASKS_PLUGIN_OPTION_INVALID', message })
    t.notMatch(error.message, /secret|se%cret/, 'the password is not shown')
    if (typeof redis !== 'string') continue
    process.env.REDIS_URL = redis
    const fromEnv = await errorOf(async () => Fastify().register(tasks, {}))
    t.match(fromEnv, { code: 'FST_TASKS_PLUGIN_OPTION_INVALID', message: /"REDIS_URL"/ })
    t.notMatch(fromEnv.message, /secret|se%cret/)
  }
})

t.test('twice', async t => {
  await t.test('under two names', async t => {
    const app = Fastify()
    t.teardown(() => app.close())
    await app.register(tasks, where())
    await app.register(tasks, { ...where(), name: 'reports' })
    const other = (app as any).reports
    app.tasks.define('a')
    other.define('b')
    app.post('/', async (_request, reply) => reply.accepted(await other.enqueue('b')))
    await app.ready()
    const reply = await app.inject({ method: 'POST', url: '/' })
    t.match(reply.headers.location, /^\/reports\//)
    t.equal((await app.inject(reply.headers.location as string)).statusCode, 200)
    t.equal(await app.tasks.status(reply.json().id), null, 'each has its own tasks')
  })

  await t.test('under one name', async t => {
    const app = Fastify()
    t.teardown(() => app.close())
    await app.register(tasks, where())
    t.match(await errorOf(async () => app.register(tasks, where())), { code: 'FST_TASKS_NAME_TAKEN', message: /another name/ })
  })
})

t.test('encapsulation', async t => {
  await t.test('the plugin is visible in the scope that registered it, and has its prefix', async t => {
    const app = Fastify()
    t.teardown(() => app.close())
    await app.register(async scope => {
      await scope.register(tasks, where())
      const task = scope.tasks.define('x')
      scope.post('/', async (_request, reply) => reply.accepted(await task.enqueue()))
    }, { prefix: '/api' })
    await app.ready()
    t.notOk(app.hasDecorator('tasks'))
    const { headers } = await app.inject({ method: 'POST', url: '/api/' })
    t.match(headers.location, /^\/api\/tasks\//)
    t.equal((await app.inject(headers.location as string)).statusCode, 200)
  })

  await t.test('a handler\'s this is the instance that defined it', async t => {
    const app = await build(t, { worker: true }, async app => {
      app.register(async scope => {
        scope.decorate('secret', 42)
        scope.tasks.define('scoped', async function (this: any) { return this.secret })
      })
    })
    const handle = await app.tasks.enqueue('scoped')
    t.equal(await handle.result({ timeout: 60_000 }), 42)
  })
})

inRedis('a Redis that may drop keys: a warning', 'is about Redis', async t => {
  const admin = connect(t)
  await admin.config('SET', 'maxmemory-policy', 'allkeys-lru')
  t.teardown(async () => { await connect(t).config('SET', 'maxmemory-policy', 'noeviction') })
  const log = logger()
  await build(t, {}, undefined, { logger: { stream: log.stream } } as any)
  t.match(log.find('maxmemory-policy'), { level: 40, msg: /noeviction/ })
})

t.test('the plugin is named, and for Fastify 5', async t => {
  const meta = (tasks as any)[Symbol.for('plugin-meta')]
  t.match(meta, { name: 'fastify-tasks', fastify: '5.x' })
})
