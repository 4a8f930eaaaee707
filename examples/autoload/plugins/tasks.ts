import type { FastifyInstance } from 'fastify'
import tasks from 'fastify-tasks'

export default async function (fastify: FastifyInstance): Promise<void> {
  await fastify.register(tasks)
}
