// A Fastify app with BullMQ: a queue, a worker, a schedule, and a status route of its own.
import { Queue, UnrecoverableError, Worker } from 'bullmq'
import type { FastifyInstance } from 'fastify'

interface Report { month: string, pages: number }
interface Options { host: string, port: number, keyPrefix?: string }

export default async function app (fastify: FastifyInstance, { host, port, keyPrefix = 'bull' }: Options) {
  const connection = { host, port, maxRetriesPerRequest: null }
  const queue = new Queue<Report>('reports', { connection, prefix: keyPrefix })
  const worker = new Worker<Report>('reports', async job => {
    const { month, pages } = job.data
    if (pages > 100) throw new UnrecoverableError('more than 100 pages')
    for (let page = 1; page <= pages; page++) await job.updateProgress({ page })
    return { file: `${month}.pdf`, pages }
  }, { connection, prefix: keyPrefix, concurrency: 5 })
  worker.on('failed', (job, error) => fastify.log.error({ error, id: job?.id }, 'report failed'))

  await queue.upsertJobScheduler('nightly', { pattern: '0 3 * * *', tz: 'Europe/Berlin' }, {
    name: 'report', data: { month: 'current', pages: 10 }
  })

  fastify.post<{ Body: Report }>('/reports', async (request, reply) => {
    const job = await queue.add('report', request.body, {
      attempts: 4, backoff: { type: 'exponential', delay: 1_000 }, removeOnComplete: { age: 86_400 }
    })
    return reply.code(202).header('location', `/reports/${job.id}`).send({ id: job.id })
  })

  fastify.get<{ Params: { id: string } }>('/reports/:id', async (request, reply) => {
    const job = await queue.getJob(request.params.id)
    if (!job) return reply.code(404).send({ message: 'no such report' })
    return {
      state: await job.getState(), progress: job.progress, result: job.returnvalue, error: job.failedReason ?? null
    }
  })

  fastify.addHook('onClose', async () => {
    await worker.close()
    await queue.close()
  })
}
