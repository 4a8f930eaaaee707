// The same app with fastify-tasks. Web: fastify start after.ts. Worker: fastify-tasks worker -A after.ts
import type { FastifyInstance } from 'fastify'
import tasks, { chain, chord, type TasksOptions } from 'fastify-tasks'

interface Options { tasks?: TasksOptions }

export default async function app (fastify: FastifyInstance, options: Options) {
  await fastify.register(tasks, {
    resultTtl: 86_400_000, routes: { prefix: '/status', cancel: true }, ...options.tasks
  })

  const count = fastify.tasks.define('count', {
    retries: 3, backoff: { strategy: 'exponential', delay: 1_000, max: 600_000, jitter: true }, timeout: 60_000
  }, async ({ region }: { region: string }, task) => {
    await task.updateState('COUNTING', { region })
    return { region, orders: region.length }
  })

  const total = fastify.tasks.define('total', async (_data: undefined, task) => {
    const counts = await task.results<Array<{ orders: number }>>()
    return counts.reduce((sum, { orders }) => sum + orders, 0)
  })

  const send = fastify.tasks.define('send', { queue: 'mail' }, async ({ to }: { to: string }, task) =>
    `${to}: ${await task.previous()} orders`)

  const report = fastify.tasks.define('report', async ({ regions }: { regions: string[] }, task) => {
    const counts = regions.map(region => count.signature({ region }))
    const { id } = await fastify.tasks.enqueueFlow(
      chain(chord(counts, total.signature()), send.signature({ to: 'boss@example.com' })), { id: `report-${task.id}` })
    return { flow: id }
  })

  fastify.tasks.defineSchedule('nightly', {
    task: report, data: { regions: ['eu', 'us'] }, cron: '0 3 * * *'
  })

  fastify.post<{ Body: { region: string, wait?: number } }>('/counts', async (request, reply) => {
    const { region, wait = 0 } = request.body
    return reply.accepted(await count.enqueue({ region }, { delay: wait * 1_000, expires: 3_600_000 }))
  })
}
