// The app that the files of this folder deploy: a web process and workers, of one image.
import tasks from 'fastify-tasks'

export default async function app (fastify, options) {
  await fastify.register(tasks, { redisTimeout: 1_000, ...options.tasks })

  const resize = fastify.tasks.define('resize', { retries: 3, timeout: 20_000 }, async ({ width }) => ({ width }))

  fastify.post('/resize', async (request, reply) => reply.accepted(await resize.enqueue(request.body)))

  fastify.get('/live', { logLevel: 'warn' }, async () => 'ok')

  // Not ready without Redis: enqueues would be answered 503.
  fastify.get('/ready', { logLevel: 'warn' }, async (request, reply) =>
    fastify.tasks.ready ? 'ok' : reply.code(503).send('Redis is not connected'))
}
