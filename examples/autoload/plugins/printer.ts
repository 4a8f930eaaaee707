import type { FastifyInstance } from 'fastify'

declare module 'fastify' {
  interface FastifyInstance {
    printer: { print (text: string): Promise<{ pages: number }> }
  }
}

// A service that handlers of tasks use in the same way as handlers of routes.
export default async function (fastify: FastifyInstance): Promise<void> {
  fastify.decorate('printer', {
    async print (text) {
      return { pages: Math.ceil(text.length / 80) }
    }
  })
}
