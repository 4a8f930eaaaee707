// The smallest app: enqueues and runs tasks in one process. Needs a Redis at REDIS_URL or localhost:6379.
//   node --import=tsx examples/hello/app.ts          (in this repository: npm run build first)
//   curl -i -XPOST localhost:3000/hello/world        answers 202 with the address of the task's status
import Fastify from 'fastify'
import tasks from 'fastify-tasks'

const app = Fastify()
await app.register(tasks, { worker: true })

const hello = app.tasks.define('hello', async ({ name }: { name: string }) => `Hello, ${name}!`)

app.post<{ Params: { name: string } }>('/hello/:name', async (request, reply) =>
  reply.accepted(await hello.enqueue({ name: request.params.name })))

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void app.close())
console.log(await app.listen({ port: Number(process.env.PORT ?? 3000) }))
