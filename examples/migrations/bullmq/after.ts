// The same app with fastify-tasks. The status route and the close are the plugin's.
import type { FastifyInstance } from 'fastify'
import tasks, { type TasksOptions, Unrecoverable } from 'fastify-tasks'

interface Report { month: string, pages: number }
interface Options { tasks?: TasksOptions }

export default async function app (fastify: FastifyInstance, options: Options) {
  await fastify.register(tasks, { worker: { concurrency: 5 }, ...options.tasks })

  const report = fastify.tasks.define('report', {
    queue: 'reports',
    retries: 3, // 4 attempts
    backoff: { strategy: 'exponential', delay: 1_000 },
    onFailed: (task, error) => task.log.error({ error }, 'report failed')
  }, async ({ month, pages }: Report, task) => {
    if (pages > 100) throw new Unrecoverable('more than 100 pages')
    for (let page = 1; page <= pages; page++) await task.reportProgress({ page })
    return { file: `${month}.pdf`, pages }
  })

  fastify.tasks.defineSchedule('nightly', {
    task: report, data: { month: 'current', pages: 10 }, cron: '0 3 * * *', timezone: 'Europe/Berlin'
  })

  fastify.post<{ Body: Report }>('/reports', async (request, reply) =>
    reply.accepted(await report.enqueue(request.body)))
}
