import underPressure from '@fastify/under-pressure'
import Fastify, { type FastifyInstance } from 'fastify'
import t from 'tap'
import { startRedis } from '../../scripts/redis.ts'
import tasks from '../../lib/plugin.ts'
import { errorOf, randomPrefix, REDIS_URL, until } from '../support/helpers.ts'

t.test('@fastify/under-pressure can use fastify.tasks.ready as its health check', async t => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(tasks, { prefix: randomPrefix(), redis: redis.url, redisTimeout: 300 })
  await app.register(underPressure, {
    exposeStatusRoute: '/health',
    healthCheckInterval: 20,
    healthCheck: async (app: FastifyInstance) => app.tasks.ready
  })
  app.tasks.define('x')
  app.post('/x', async (_request, reply) => reply.accepted(await app.tasks.enqueue('x')))
  t.match((await app.inject('/health')).json(), { status: 'ok' })
  t.equal((await app.inject({ method: 'POST', url: '/x' })).statusCode, 202)
  await redis.kill()
  const unhealthy = await until('the app is unhealthy', async () => {
    const reply = await app.inject('/health')
    return reply.statusCode === 503 ? reply : null
  })
  t.match(unhealthy.json(), { code: 'FST_UNDER_PRESSURE' })
  t.equal(unhealthy.headers['retry-after'], '10')
  await redis.restart()
  await until('the app is healthy again', async () => (await app.inject('/health')).statusCode === 200)
  const enqueue = async (): Promise<boolean> => (await app.inject({ method: 'POST', url: '/x' })).statusCode === 202
  await until('the app enqueues tasks again', enqueue)
})

t.test('our routes shed load as the app\'s routes do', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(underPressure, { maxHeapUsedBytes: 1, sampleInterval: 10 })
  await app.register(tasks, { prefix: randomPrefix(), redis: REDIS_URL, routes: { cancel: true } })
  app.tasks.define('x')
  await app.ready()
  await until('the app is under pressure', () => app.isUnderPressure())
  const { id } = await app.tasks.enqueue('x')
  const requests = [['GET', `/tasks/${id}`], ['GET', `/tasks/${id}/events`], ['DELETE', `/tasks/${id}`]] as const
  for (const [method, url] of requests) {
    const reply = await app.inject({ method, url })
    const answer = [reply.statusCode, reply.json().code, reply.headers['retry-after']]
    t.match(answer, [503, 'FST_UNDER_PRESSURE', '10'], `${method} ${url}`)
  }
  t.equal((await app.tasks.status(id))!.state, 'waiting', 'calls without HTTP still work')
})

t.test('the health check fails if the plugin is not registered', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  const healthCheck = async (app: FastifyInstance): Promise<any> => app.tasks.ready
  app.register(underPressure, { healthCheckInterval: 1_000, healthCheck })
  await app.ready()
  t.equal(app.isUnderPressure(), true)
  t.ok(await errorOf(() => app.tasks.ready))
})
