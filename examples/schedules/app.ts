// Two schedules: one that code declares, and one that a route sets. Needs a Redis at REDIS_URL or localhost:6379.
//   node --import=tsx examples/schedules/app.ts              (in this repository: npm run build first)
//   curl localhost:3000/schedules                            the schedules, with their next and last runs
//   curl -XPUT localhost:3000/schedules/1000                 greets every second
import Fastify from 'fastify'
import tasks from 'fastify-tasks'

const app = Fastify()
await app.register(tasks, { worker: true })

const greet = app.tasks.define('greet', async ({ name }: { name: string }, task) =>
  `Hello, ${name}! It was planned for ${task.schedule?.plannedAt}`)

app.tasks.defineSchedule('every-minute', { task: greet, data: { name: 'minute' }, cron: '* * * * *' })

app.get<{ Querystring: { cursor?: string } }>('/schedules', async ({ query }) =>
  await app.tasks.schedules.list({ ...query.cursor !== undefined && { cursor: query.cursor } }))

app.put<{ Params: { every: string } }>('/schedules/:every', async ({ params: { every } }) =>
  await app.tasks.schedules.set('often', { task: greet, data: { name: 'you' }, every: Number(every) }))

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void app.close())
console.log(await app.listen({ port: Number(process.env.PORT ?? 3000) }))
