// A Fastify app with plain Bee-Queue: a queue that is also its worker, and a status route of its own.
import BeeQueue from 'bee-queue'
import type { FastifyInstance } from 'fastify'

interface Mail { to: string }
interface Options { redis: string, keyPrefix?: string }

export default async function app (fastify: FastifyInstance, { redis, keyPrefix = 'bq' }: Options) {
  const queue = new BeeQueue('mail', { redis: redis as any, prefix: keyPrefix, activateDelayedJobs: true })
  queue.on('error', error => fastify.log.error(error))
  queue.process(5, async (job: BeeQueue.Job<Mail>) => {
    job.reportProgress({ step: 'sending' })
    return `sent to ${job.data.to}`
  })

  fastify.post<{ Body: Mail }>('/mail', async (request, reply) => {
    const job = await queue.createJob(request.body).retries(3).backoff('exponential', 1_000).timeout(30_000).save()
    return reply.code(202).header('location', `/mail/${job.id}`).send({ id: job.id })
  })

  fastify.get<{ Params: { id: string } }>('/mail/:id', async (request, reply) => {
    const job = await queue.getJob(request.params.id)
    return job ? { state: job.status, progress: job.progress } : reply.code(404).send({ message: 'no such mail' })
  })

  fastify.addHook('onClose', () => queue.close(10_000))
}
