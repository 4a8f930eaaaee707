// An app in CommonJS. Needs a Redis at REDIS_URL or localhost:6379.
//   node examples/cjs/app.cjs                                (in this repository: npm run build first)
//   curl -i -XPOST localhost:3000/sum -H 'content-type: application/json' -d '[1,2,3]'
'use strict'

const fastify = require('fastify')
const tasks = require('fastify-tasks')

async function main () {
  const app = fastify()
  await app.register(tasks, { worker: true })

  const sum = app.tasks.define('sum', { retries: 3 }, async function (numbers) {
    if (!Array.isArray(numbers)) throw new tasks.Unrecoverable('The data must be an array of numbers')
    return numbers.reduce((a, b) => a + b, 0)
  })

  app.post('/sum', async (request, reply) => reply.accepted(await sum.enqueue(request.body)))

  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => app.close())
  console.log(await app.listen({ port: process.env.PORT ?? 3000 }))
}

main()
