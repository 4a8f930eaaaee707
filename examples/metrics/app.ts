// The metrics of tasks in the app's own /metrics, by fastify-metrics. Needs a Redis at REDIS_URL or localhost:6379.
//   node --import=tsx examples/metrics/app.ts       (in this repository: npm run build first)
//   curl -i -XPOST localhost:3000/sum -H 'content-type: application/json' -d '[1,2,3]'
//   curl localhost:3000/metrics
import Fastify from 'fastify'
import fastifyMetrics from 'fastify-metrics' // CommonJS: its plugin is the property `default`
import tasks from 'fastify-tasks'

const app = Fastify()
await app.register(fastifyMetrics.default, { endpoint: '/metrics' })
await app.register(tasks, { worker: true }) // no option: it finds the registry of fastify-metrics when the app is ready

const sum = app.tasks.define('sum', async (numbers: number[]) => numbers.reduce((total, number) => total + number, 0))

app.post<{ Body: number[] }>('/sum', async (request, reply) => reply.accepted(await sum.enqueue(request.body)))

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void app.close())
console.log(await app.listen({ port: Number(process.env.PORT ?? 3000) }))
