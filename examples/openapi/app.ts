// Shows the routes of fastify-tasks in the app's OpenAPI document, with the schemas of each task's data and result.
//   node --import=tsx examples/openapi/print.ts                               prints the document
//   npx tsx node_modules/.bin/fastify start examples/openapi/app.ts       serves it: http://localhost:3000/documentation
// To run tasks, it needs a Redis at REDIS_URL or localhost:6379.
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import tasks from 'fastify-tasks'

const report = {
  data: {
    $id: 'ReportOptions',
    type: 'object',
    required: ['month'],
    properties: { month: { type: 'string', pattern: '^\\d{4}-\\d{2}$' } }
  },
  result: {
    type: 'object',
    required: ['rows', 'url'],
    properties: { rows: { type: 'integer' }, url: { type: 'string', format: 'uri' } }
  },
  progress: { type: 'object', properties: { rows: { type: 'integer', description: 'Written so far' } } }
}

export default async function app (fastify: FastifyInstance, _options: object): Promise<void> {
  await fastify.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Reports', version: '1.0.0' },
      tags: [{ name: 'tasks', description: 'Background tasks' }]
    },
    // Gives components the names of their schemas. Without this, the names are def-0, def-1 and so on.
    refResolver: { buildLocalReference: (json, _base, _fragment, i) => String(json.$id ?? `def-${i}`) }
  })
  await fastify.register(swaggerUi)
  await fastify.register(tasks, { worker: true, routes: { cancel: true } })

  const task = fastify.tasks.define('report', {
    schema: report,
    expose: ['data']
  }, async (data: { month: string }, task) => {
    await task.reportProgress({ rows: 21 })
    return { rows: 42, url: `https://example.com/reports/${data.month}.csv` }
  })

  const schema = { tags: ['reports'], summary: 'Start a report', body: report.data }
  fastify.post<{ Body: { month: string } }>('/reports', { schema }, async (request, reply) =>
    reply.accepted(await task.enqueue(request.body)))
}
