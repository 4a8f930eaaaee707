import underPressure from '@fastify/under-pressure'
import Fastify, { type FastifyInstance } from 'fastify'
import t from 'tap'
import { startRedis } from '../../scripts/redis.ts'
import tasks from '../../lib/plugin.ts'
import { errorOf, randomPrefix, REDIS_URL, until } from '../support/helpers.ts'

t.test('@fastify/under-pressure: fastify.tasks.ready as a health check', async t => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(tasks, { prefix: randomPrefix(), redis: redis.url, redisTimeout: 300 })
  await app.register(underPressure, { exposeStatusRoute: '/health', healthCheckInterval: 20, healthCheck: async (app: FastifyInstance) => app.tasks.ready })
  app.tasks.define('x')
  app.post('/x', async (_request, reply) => reply.accepted(await app.tasks.enqueue('x')))
  t.match((await app.inject('/health')).json(), { status: 'ok' })
  t.equal((await app.inject({ method: 'POST', url: '/x' })).statusCode, 202)
  await redis.kill()
  const away = await until('it is not healthy', async () => {
    const reply = await app.inject('/health')
    return reply.statusCode === 503 ? reply : null
  })
  t.match(away.json(), { code: 'FST_UNDER_PRESSURE' })
  t.equal(away.headers['retry-after'], '10')
  await redis.restart()
  await until('it is healthy again', async () => (await app.inject('/health')).statusCode === 200)
  await until('and takes tasks', async () => (await app.inject({ method: 'POST', url: '/x' })).statusCode === 202)
})

t.test('our routes shed load as the app\'s do', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(underPressure, { maxHeapUsedBytes: 1, sampleInterval: 10 })
  await app.register(tasks, { prefix: randomPrefix(), redis: REDIS_URL, routes: { cancel: true } })
  app.tasks.define('x')
  await app.ready()
  await until('it is under pressure', () => app.isUnderPressure())
  const { id } = await app.tasks.enqueue('x')
  for (const [method, url] of [['GET', `/tasks/${id}`], ['GET', `/tasks/${id}/events`], ['DELETE', `/tasks/${id}`]] as const) {
    const reply = await app.inject({ method, url })
    t.match([reply.statusCode, reply.json().code, reply.headers['retry-after']], [503, 'FST_UNDER_PRESSURE', '10'], `${method} ${url}`)
  }
  t.equal((await app.tasks.status(id))!.state, 'waiting', 'workers and other code go on')
})

t.test('the health check before the plugin is there says so', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  app.register(underPressure, { healthCheckInterval: 1_000, healthCheck: async (app: FastifyInstance) => app.tasks.ready })
  await app.ready()
  t.equal(app.isUnderPressure(), true)
  t.ok(await errorOf(() => app.tasks.ready))
})
