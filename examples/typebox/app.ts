// TypeScript with TypeBox: a schema gives the validation and the types of a body, of a task's data and of its result.
// Needs a Redis at REDIS_URL or localhost:6379.
//   node --import=tsx examples/typebox/app.ts                (in this repository: npm run build first)
//   curl -i -XPOST localhost:3000/thumbnails -H 'content-type: application/json' -d '{"url":"https://example.com/a.png","width":100}'
import { Type, type Static, type TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import Fastify from 'fastify'
import tasks from 'fastify-tasks'

const Thumbnail = Type.Object({
  url: Type.String({ format: 'uri' }),
  width: Type.Integer({ minimum: 1, maximum: 1_000 })
})
const Stored = Type.Object({ path: Type.String(), width: Type.Integer() })
const Progress = Type.Object({ percent: Type.Number() })

const app = Fastify().withTypeProvider<TypeBoxTypeProvider>()
await app.register(tasks, { worker: true })

const schema = { data: Thumbnail, result: Stored, progress: Progress }

const thumbnail = app.tasks.define('thumbnail', { schema }, async ({ url, width }: Static<typeof Thumbnail>, task) => {
  await task.updateState('RESIZING', { percent: 50 })
  return { path: `/thumbnails/${width}/${new URL(url).pathname.split('/').pop()}`, width }
})

app.post('/thumbnails', { schema: { body: Thumbnail } }, async (request, reply) =>
  reply.accepted(await thumbnail.enqueue(request.body, { expires: 60_000 })))

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void app.close())
console.log(await app.listen({ port: Number(process.env.PORT ?? 3000) }))
