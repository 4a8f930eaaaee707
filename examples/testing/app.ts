// app.ts: sends a welcome mail after a signup, and another mail 29 days later
import type { FastifyInstance } from 'fastify'
import tasks, { type TasksOptions } from 'fastify-tasks'

const DAY = 86_400_000

interface Mail { to: string, text: string }
interface Options { tasks?: TasksOptions, send (to: string, text: string): Promise<void> }

export default async function app (fastify: FastifyInstance, { tasks: options = {}, send }: Options) {
  await fastify.register(tasks, options)

  const mail = fastify.tasks.define('mail', { retries: 3 }, ({ to, text }: Mail) => send(to, text))

  fastify.post<{ Body: { email: string } }>('/signup', async (request, reply) => {
    const { email: to } = request.body
    await mail.enqueue({ to, text: 'Your trial ends tomorrow' }, { delay: 29 * DAY })
    return reply.accepted(await mail.enqueue({ to, text: 'Welcome' }))
  })
}
