// The app of the demo: a Fastify plugin that both the web process and the worker load.
// Requests do not wait for tasks: a route enqueues a task, and answers 202 with the address of its status.
import type { FastifyInstance } from 'fastify'
import tasks from 'fastify-tasks'
import { admin } from './admin.ts'
import { page } from './page.ts'
import { defineTasks, type Mail } from './tasks.ts'

/** The delays that a visitor may choose: from seconds to ms. */
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

export default async function app (fastify: FastifyInstance, _options: object): Promise<void> {
  await fastify.register(tasks)
  const { bakeBread, sendEmail, report } = defineTasks(fastify)

  fastify.post('/longtask', async (_request, reply) =>
    reply.accepted(await bakeBread.enqueue()))

  const options = { schema: { body: mailSchema } }
  fastify.post<{ Body: Mail & { delay: 0 | 60 } }>('/email', options, async (request, reply) => {
    const { delay, ...mail } = request.body
    return reply.accepted(await sendEmail.enqueue(mail, { delay: delays[delay] }))
  })

  fastify.post('/report', async (_request, reply) =>
    reply.accepted(await fastify.tasks.enqueueFlow(report())))

  // The members of a flow, for a bar of each.
  fastify.get<{ Params: { id: string } }>('/report/:id', async ({ params: { id } }) =>
    (await fastify.tasks.list({ flow: id })).tasks)

  fastify.get('/oven', async (_request, reply) =>
    await fastify.tasks.schedules.get('check-oven') ?? reply.callNotFound())

  await fastify.register(page)
  await fastify.register(admin)
}
