import type { FastifyInstance } from 'fastify'

declare module 'fastify' {
  interface FastifyInstance {
    printer: { print (text: string): Promise<{ pages: number }> }
  }
}

// A service that tasks use, as routes do.
export default async function (fastify: FastifyInstance): Promise<void> {
  fastify.decorate('printer', {
    async print (text) {
      return { pages: Math.ceil(text.length / 80) }
    }
  })
}
