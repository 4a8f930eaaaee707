// Moves the jobs that are still in a BullMQ queue, and those that old producers go on adding, to fastify-tasks.
import { Worker } from 'bullmq'
import type { FastifyInstance } from 'fastify'

interface Options { host: string, port: number, keyPrefix?: string }

export default async function bridge (fastify: FastifyInstance, { host, port, keyPrefix = 'bull' }: Options) {
  const connection = { host, port, maxRetriesPerRequest: null }
  const worker = new Worker('reports', async job => {
    // If the bridge dies here the job runs again: the id makes it one task.
    const { id } = await fastify.tasks.enqueue(job.name, job.data, { id: `bullmq-${job.id}` })
    return { movedTo: id }
  }, { connection, prefix: keyPrefix, concurrency: 50 })
  worker.on('error', error => fastify.log.error(error))
  fastify.addHook('preClose', () => worker.close())
}
