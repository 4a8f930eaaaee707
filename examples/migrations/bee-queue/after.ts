// The same app with fastify-tasks, on the keys of the step between.
import type { FastifyInstance } from 'fastify'
import tasks, { type TasksOptions } from 'fastify-tasks'

interface Mail { to: string }
interface Options { tasks?: TasksOptions }

export default async function app (fastify: FastifyInstance, options: Options) {
  await fastify.register(tasks, { worker: { concurrency: 5 }, routes: { prefix: '/mail' }, ...options.tasks })

  const mail = fastify.tasks.define('mail', {
    queue: 'mail', // of the keys bq:{mail}:…
    retries: 3,
    backoff: { strategy: 'exponential', delay: 1_000 },
    timeout: 30_000
  }, async ({ to }: Mail, task) => {
    await task.reportProgress({ step: 'sending' })
    return `sent to ${to}`
  })

  fastify.post<{ Body: Mail }>('/mail', async (request, reply) =>
    reply.accepted(await mail.enqueue(request.body)))
}
