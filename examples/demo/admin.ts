// The page for operators, behind a login of its own. A real app has its login already: give that to `onRequest`.
import { timingSafeEqual } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import dashboard from 'fastify-tasks/dashboard'

const [user, password] = ['demo', process.env.DEMO_PASSWORD ?? 'demo']
const expected = Buffer.from(`Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`)

function login ({ headers }: FastifyRequest, reply: FastifyReply, done: () => void): void {
  const given = Buffer.from(headers.authorization ?? '')
  if (given.length === expected.length && timingSafeEqual(given, expected)) done()
  else reply.code(401).header('www-authenticate', 'Basic realm="demo", charset="UTF-8"').send('Log in as demo')
}

export async function admin (fastify: FastifyInstance): Promise<void> {
  await fastify.register(dashboard, {
    prefix: '/admin/tasks',
    title: 'Tasks of the demo',
    onRequest: login,
    access: () => 'operate', // whoever has logged in
    user: () => user
  })
}
