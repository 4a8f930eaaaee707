// Uploads pictures, and resizes them in a thread. Meanwhile the app answers requests, and renews the task's lease.
// Needs a Redis at REDIS_URL or localhost:6379.
//   node --import=tsx examples/thumbnails/app.ts             (in this repository: npm run build first)
//   curl -i -XPOST 'localhost:3000/thumbnails?width=200' -H 'content-type: image/png' --data-binary @picture.png
import { randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Fastify from 'fastify'
import tasks from 'fastify-tasks'
import type { ThumbnailData } from './thumbnail.ts'

const folder = await mkdtemp(join(tmpdir(), 'thumbnails-'))
const app = Fastify()
app.addHook('onClose', async () => rm(folder, { recursive: true }))
const toBuffer = async (_request: unknown, picture: Buffer): Promise<Buffer> => picture
app.addContentTypeParser(/^image\//, { parseAs: 'buffer', bodyLimit: 20_000_000 }, toBuffer)
await app.register(tasks, { worker: true, threads: { maxHeap: 512 } })

const thumbnail = app.tasks.define<ThumbnailData>('thumbnail', {
  thread: new URL('./thumbnail.ts', import.meta.url),
  timeout: 60_000
})

const upload = {
  schema: {
    querystring: {
      type: 'object',
      properties: { width: { type: 'integer', minimum: 1, maximum: 2_000, default: 200 } }
    }
  }
}
type Upload = { Body: Buffer, Querystring: { width: number } }

app.post<Upload>('/thumbnails', upload, async ({ body, query: { width } }, reply) => {
  const id = randomUUID()
  const source = join(folder, id)
  await writeFile(source, body)
  return reply.accepted(await thumbnail.enqueue({ source, target: `${source}.png`, width }, { id }))
})

const download = {
  schema: { params: { type: 'object', properties: { id: { type: 'string', format: 'uuid' } } } }
}

app.get<{ Params: { id: string } }>('/thumbnails/:id', download, async (request, reply) =>
  reply.type('image/png').send(createReadStream(join(folder, `${request.params.id}.png`))))

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void app.close())
console.log(await app.listen({ port: Number(process.env.PORT ?? 3000) }))
