// An app for fastify-cli: plugins/, tasks/ and routes/ are loaded by @fastify/autoload. A route enqueues a task by its
// name, so that no file imports another. Needs a Redis at REDIS_URL or localhost:6379. Start two processes of the app:
//   npx tsx node_modules/.bin/fastify start examples/autoload/app.ts
//   npx fastify-tasks worker -A examples/autoload/app.ts        (in this repository: npm run build first)
//   curl -i -XPOST localhost:3000/letters -H 'content-type: application/json' -d '{"to":"Ada"}'
import { join } from 'node:path'
import autoload from '@fastify/autoload'
import type { FastifyInstance } from 'fastify'

export default async function app (fastify: FastifyInstance, options: object): Promise<void> {
  await fastify.register(autoload, { dir: join(import.meta.dirname, 'plugins'), options, encapsulate: false })
  await fastify.register(autoload, { dir: join(import.meta.dirname, 'tasks'), options })
  await fastify.register(autoload, { dir: join(import.meta.dirname, 'routes'), options })
}
