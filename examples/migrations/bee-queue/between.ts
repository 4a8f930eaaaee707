// The step between: still plain Bee-Queue, on the keys and with the data of fastify-tasks. It can run beside both.
import BeeQueue from 'bee-queue'
import type { FastifyInstance } from 'fastify'

interface Mail { to: string }
interface Envelope { name: 'mail', data: Mail }
interface Options { redis: string, keyPrefix?: string }

export default async function app (fastify: FastifyInstance, { redis, keyPrefix = 'bq' }: Options) {
  const settings = { redis: redis as any, prefix: keyPrefix, activateDelayedJobs: true }
  const old = new BeeQueue('mail', settings) // works off what is left
  const queue = new BeeQueue('{mail}', settings) // with braces: bq:{mail}:jobs
  const send = async ({ to }: Mail): Promise<string> => `sent to ${to}`
  old.process(5, async (job: BeeQueue.Job<Mail>) => send(job.data))
  queue.process(5, async (job: BeeQueue.Job<Envelope>) => send(job.data.data))
  for (const each of [old, queue]) each.on('error', error => fastify.log.error(error))

  fastify.post<{ Body: Mail }>('/mail', async (request, reply) => {
    const job = queue.createJob({ name: 'mail', data: request.body }) // was: request.body
    await job.retries(3).backoff('exponential', 1_000).timeout(30_000).save()
    return reply.code(202).header('location', `/mail/${job.id}`).send({ id: job.id })
  })

  fastify.get<{ Params: { id: string } }>('/mail/:id', async (request, reply) => {
    const job = await queue.getJob(request.params.id)
    return job ? { state: job.status, progress: job.progress } : reply.code(404).send({ message: 'no such mail' })
  })

  fastify.addHook('onClose', async () => { await Promise.all([old.close(10_000), queue.close(10_000)]) })
}
