// The app of the demo: a plain plugin, which the web process and the worker both load. No request waits for the work:
// a route enqueues a task, and answers 202 with the address of its status.
import type { FastifyInstance } from 'fastify'
import tasks from 'fastify-tasks'
import { page } from './page.ts'
import { defineTasks, type Mail } from './tasks.ts'

/** What a visitor may ask for, in seconds, and what it is in ms. */
const delays = { 0: 0, 60: Number(process.env.DEMO_DELAY_MS ?? 60_000) }

const mailSchema = {
  type: 'object',
  required: ['to', 'subject', 'body'],
  additionalProperties: false,
  properties: {
    to: { type: 'string', format: 'email', maxLength: 200 },
    subject: { type: 'string', minLength: 1, maxLength: 200 },
    body: { type: 'string', maxLength: 10_000 },
    delay: { type: 'integer', enum: [0, 60], default: 0 }
  }
}

export default async function app (fastify: FastifyInstance): Promise<void> {
  await fastify.register(tasks)
  const { bakeBread, sendEmail } = defineTasks(fastify)

  fastify.post('/longtask', async (_request, reply) =>
    reply.accepted(await bakeBread.enqueue()))

  fastify.post<{ Body: Mail & { delay: 0 | 60 } }>('/email', { schema: { body: mailSchema } }, async (request, reply) => {
    const { delay, ...mail } = request.body
    return reply.accepted(await sendEmail.enqueue(mail, { delay: delays[delay] }))
  })

  await fastify.register(page)
}
