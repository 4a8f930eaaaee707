import type { FastifyInstance } from 'fastify'

export default async function (fastify: FastifyInstance): Promise<void> {
  fastify.post('/', async (request, reply) => reply.accepted(await fastify.tasks.enqueue('letter', request.body)))
}
