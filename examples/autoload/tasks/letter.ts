import type { FastifyInstance } from 'fastify'

const schema = {
  data: {
    type: 'object',
    required: ['to'],
    properties: { to: { type: 'string' }, text: { type: 'string', default: 'Hello' } }
  },
  result: { type: 'object', properties: { pages: { type: 'integer' } } }
}

export default async function (fastify: FastifyInstance): Promise<void> {
  fastify.tasks.define('letter', { schema, retries: 3 }, async function (data: { to: string, text: string }, task) {
    task.log.info({ to: data.to }, 'printing')
    return this.printer.print(`${data.text}, ${data.to}!`)
  })
}
